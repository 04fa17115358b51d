// SPDX-License-Identifier: Apache-2.0
/// @file latency_request.h
/// How late memory may answer a device: what the services of this process ask of Linux's power management.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "base/unique_fd.h"

namespace opendext::service {

/// The strictest of all requests, held as long as there is one. Any thread.
class LatencyRequests {
public:
    /// @param device the kernel's file for such requests: 32 bits, microseconds, in force while it is open.
    explicit LatencyRequests(std::string device) : device_(std::move(device)) {}

    /// Of this process: /dev/cpu_dma_latency.
    static LatencyRequests &Instance();

    /// `max_stall_ns` 0: `owner` asks for nothing any more. A device that this process may not open gets a log line, once.
    void Set(const void *owner, uint32_t max_stall_ns);

private:
    void Update();

    const std::string device_;
    std::mutex mutex_;
    // All guarded by mutex_.
    std::map<const void *, uint32_t> requests_ns_;
    UniqueFd file_;
    bool is_refused_ = false;
};

}  // namespace opendext::service
