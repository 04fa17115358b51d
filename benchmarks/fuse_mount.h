// SPDX-License-Identifier: Apache-2.0
#pragma once

#ifndef FUSE_USE_VERSION
#define FUSE_USE_VERSION 35
#endif

#include <fuse.h>
#include <expected>
#include <string>

#include "benchmarks/child_process.h"

namespace opendext::bench {

/// A FUSE file system with one file, that another process serves: the way to a driver outside the kernel that Linux
/// has. The mount is gone with this object, and also when this process is killed.
class FuseMount {
public:
    /// @param operations what the file does; getattr is filled in. Called in the other process.
    /// @return one line that says why FUSE does not work here.
    [[nodiscard]] static std::expected<FuseMount, std::string> Make(fuse_operations operations);

    FuseMount(FuseMount &&) = default;
    FuseMount &operator=(FuseMount &&) = delete;
    ~FuseMount();

    /// Path of the file.
    [[nodiscard]] std::string file() const;

private:
    FuseMount(std::string folder, ChildProcess server)
        : folder_(std::move(folder)), server_(std::move(server)) {}

    std::string folder_;
    ChildProcess server_;
};

}  // namespace opendext::bench
