// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace opendext::backends {

/// What the driver of a recording had sent when: transfers to OUT endpoints, class and vendor requests. What came from
/// the device later than some of these is not given to a driver that has not sent them yet. One thread at a time.
class ReplayTimeline {
public:
    /// Adds an event, in the order of the packets. @return its index.
    size_t Add(size_t packet) {
        packets_.push_back(packet);
        has_happened_.push_back(false);
        return packets_.size() - 1;
    }

    /// How many events are in packets before this one.
    [[nodiscard]] size_t NumBefore(size_t packet) const {
        return static_cast<size_t>(std::ranges::lower_bound(packets_, packet) - packets_.begin());
    }

    void Happen(size_t event) {
        has_happened_[event] = true;
        while (num_happened_ < has_happened_.size() && has_happened_[num_happened_]) {
            ++num_happened_;
        }
    }

    /// Whether the first `num_events` have all happened.
    [[nodiscard]] bool HasReached(size_t num_events) const { return num_happened_ >= num_events; }
    [[nodiscard]] bool IsOver() const { return HasReached(packets_.size()); }

private:
    std::vector<size_t> packets_;
    std::vector<bool> has_happened_;
    size_t num_happened_ = 0;
};

}  // namespace opendext::backends
