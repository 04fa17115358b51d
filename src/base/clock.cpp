// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <array>
#include <atomic>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <utility>

#include "base/log.h"

namespace opendext {
namespace {

constexpr uint64_t kNanosecondsPerSecond = 1'000'000'000;

std::atomic<const VirtualClock *> g_virtual_clock{nullptr};
std::mutex g_listener_mutex;

std::function<void()> &ListenerSlot() {
    static auto *slot = new std::function<void()>;
    return *slot;
}

void TellListener() {
    std::function<void()> listener;
    {
        const std::lock_guard lock(g_listener_mutex);
        listener = ListenerSlot();
    }
    if (listener) {
        listener();
    }
}

uint64_t SystemNow(ClockDomain domain) {
    static constexpr std::array<clockid_t, 3> kClocks{CLOCK_MONOTONIC, CLOCK_BOOTTIME,
                                                      CLOCK_REALTIME};
    timespec now{};
    clock_gettime(kClocks[static_cast<size_t>(domain)], &now);
    return static_cast<uint64_t>(now.tv_sec) * kNanosecondsPerSecond +
           static_cast<uint64_t>(now.tv_nsec);
}

}  // namespace

uint64_t NowNanoseconds(ClockDomain domain) {
    const VirtualClock *clock = g_virtual_clock.load(std::memory_order_acquire);
    return clock != nullptr ? clock->Now(domain) : SystemNow(domain);
}

bool TimeIsVirtual() {
    return g_virtual_clock.load(std::memory_order_acquire) != nullptr;
}

void SetTimeListener(std::function<void()> listener) {
    const std::lock_guard lock(g_listener_mutex);
    ListenerSlot() = std::move(listener);
}

VirtualClock::VirtualClock()
    : now_{SystemNow(ClockDomain::kUptime), SystemNow(ClockDomain::kContinuous),
           SystemNow(ClockDomain::kWall)} {
    const VirtualClock *none = nullptr;
    if (!g_virtual_clock.compare_exchange_strong(none, this, std::memory_order_acq_rel)) {
        LogError("VirtualClock: another one is in force; end it first");
        std::abort();
    }
    TellListener();
}

VirtualClock::~VirtualClock() {
    g_virtual_clock.store(nullptr, std::memory_order_release);
    TellListener();
}

void VirtualClock::Advance(uint64_t num_nanoseconds) {
    {
        const std::lock_guard lock(mutex_);
        for (uint64_t &now : now_) {
            now += num_nanoseconds;
        }
    }
    TellListener();
}

uint64_t VirtualClock::Now(ClockDomain domain) const {
    const std::lock_guard lock(mutex_);
    return now_[static_cast<size_t>(domain)];
}

}  // namespace opendext
