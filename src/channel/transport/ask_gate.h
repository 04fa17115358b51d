// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

namespace opendext::channel {

/// Lets threads of the driver ask the application through the call that is being served, one at a time, and keeps
/// that call from ending meanwhile. The serving thread opens and closes it.
class AskGate {
public:
    /// `ticket` is not 0.
    void Open(uint64_t ticket) { word_.store(ticket << 1, std::memory_order_release); }

    /// Waits for who asks. Nobody gets in afterwards.
    void Close() {
        const uint64_t open = word_.load(std::memory_order_relaxed) & ~kIsAsking;
        for (uint64_t seen = open; !word_.compare_exchange_strong(seen, 0); seen = open) {
            word_.wait(open | kIsAsking);
        }
    }

    /// @return the ticket of the call to ask through, then call Leave; 0 when none is being served, or somebody
    /// else asks.
    [[nodiscard]] uint64_t Enter() {
        uint64_t open = word_.load(std::memory_order_acquire);
        const bool can_ask = open != 0 && (open & kIsAsking) == 0 &&
                             word_.compare_exchange_strong(open, open | kIsAsking);
        return can_ask ? open >> 1 : 0;
    }

    void Leave() {
        word_.fetch_and(~kIsAsking);
        word_.notify_all();
    }

private:
    static constexpr uint64_t kIsAsking = 1;
    std::atomic<uint64_t> word_ = 0;
};

}  // namespace opendext::channel
