// SPDX-License-Identifier: Apache-2.0
#include "runtime/service/latency_request.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ranges>
#include <utility>

#include "base/log.h"

namespace opendext::service {

LatencyRequests &LatencyRequests::Instance() {
    static auto *requests = new LatencyRequests("/dev/cpu_dma_latency");  // for ever
    return *requests;
}

void LatencyRequests::Set(const void *owner, uint32_t max_stall_ns) {
    const std::lock_guard lock(mutex_);
    if (max_stall_ns == 0) {
        if (requests_ns_.erase(owner) == 0) {
            return;
        }
    } else {
        requests_ns_[owner] = max_stall_ns;
    }
    Update();
}

void LatencyRequests::Update() {
    if (requests_ns_.empty()) {
        file_.Reset();
        return;
    }
    if (!file_.is_valid() && !is_refused_) {
        file_ = UniqueFd(open(device_.c_str(), O_WRONLY | O_CLOEXEC));
        is_refused_ = !file_.is_valid();
        if (is_refused_) {
            LogInfo(
                "RequireMaxBusStall: {} cannot be opened ({}), so memory answers as late as the "
                "machine lets it; root may",
                device_, std::strerror(errno));
        }
    }
    // Rounded down: rather too strict.
    const auto microseconds =
        static_cast<int32_t>(std::ranges::min(requests_ns_ | std::views::values) / 1000);
    if (file_.is_valid() &&
        pwrite(file_.get(), &microseconds, sizeof microseconds, 0) != sizeof microseconds) {
        LogWarning("RequireMaxBusStall: {} does not take {} us: {}", device_, microseconds,
                   std::strerror(errno));
    }
}

}  // namespace opendext::service
