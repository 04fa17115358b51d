// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <string>

#include "benchmarks/fuse_mount.h"

namespace opendext::bench {

/// A file whose writes go to the process that serves it, past the page cache and at most 1 MiB at a time: as fast as
/// FUSE takes an application's memory. Reading 8 bytes of it gives the first and the last word of the latest write.
/// @return one line that says why FUSE does not work here.
[[nodiscard]] std::expected<FuseMount, std::string> MountFuseWriteFile();

}  // namespace opendext::bench
