// SPDX-License-Identifier: Apache-2.0
/// @file client_memory_gate.h
/// The way of one user client to its application's memory.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <expected>
#include <mutex>
#include <vector>

#include "channel/wire/call.h"
#include "runtime/memory/client_memory.h"

namespace opendext::host {

/// Leads to the memory of the application that a session belongs to while its connection is open, and nowhere
/// afterwards. Shared by the session, its user client and the descriptors that the driver keeps. Any thread.
class ClientMemoryGate final : public memory::ClientMemory {
public:
    void Attach(channel::ClientMemorySource *source);

    /// Nothing gets through any more. Returns at once.
    void Close();

    /// As Close; on return no request is running. The source ends requests when its application is gone.
    void Detach();

    /// @return kMachSendInvalidDest when it leads nowhere, else what the source says.
    [[nodiscard]] std::expected<std::vector<memory::ClientSlice>, kern_return_t> Share(
        const memory::ClientRanges &ranges) override;

private:
    /// The source, which is not destroyed until Leave; NULL: there is none.
    [[nodiscard]] channel::ClientMemorySource *Enter();
    void Leave();

    std::mutex mutex_;
    std::condition_variable last_left_;
    channel::ClientMemorySource *source_ = nullptr;  // guarded by mutex_
    uint32_t num_running_ = 0;                       // guarded by mutex_
};

}  // namespace opendext::host
