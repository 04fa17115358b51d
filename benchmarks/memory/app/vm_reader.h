// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>

#include "benchmarks/child_process.h"
#include "benchmarks/memory/app/memory_client.h"

namespace opendext::bench {

/// Another process that reads this one's memory with process_vm_readv into pages of its own, when it is told where
/// through shared memory. It spins for a while before it sleeps, as a driver process does. One thread.
class VmReader {
public:
    /// Make it while this process has one thread.
    [[nodiscard]] static std::expected<VmReader, std::string> Start();

    /// Makes room for `num_bytes`, with pages that are there. @return false when that failed.
    [[nodiscard]] bool Prepare(size_t num_bytes);

    /// Has a buffer read. @param ends receive what the other process saw. @return false when that failed.
    [[nodiscard]] bool Read(std::span<const std::byte> buffer, EndWords &ends);

private:
    struct Mailbox;

    VmReader(std::shared_ptr<Mailbox> mailbox, ChildProcess child)
        : mailbox_(std::move(mailbox)), child_(std::move(child)) {}

    [[nodiscard]] static int Serve(Mailbox &mailbox);
    [[nodiscard]] bool Ask(const std::byte *address, size_t num_bytes);

    std::shared_ptr<Mailbox> mailbox_;
    ChildProcess child_;
};

}  // namespace opendext::bench
