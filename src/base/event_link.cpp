// SPDX-License-Identifier: Apache-2.0
#include "base/event_link.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <new>
#include <utility>

#include "base/clock.h"
#include "base/futex.h"

namespace opendext {

namespace {

constexpr uint32_t kCancelled = uint32_t{1} << 31;
constexpr uint32_t kCountMask = kCancelled - 1;
/// A waiter looks by itself this often, whatever the other end wrote over its futex.
constexpr std::chrono::seconds kBackstop{2};

EventLink::Side Other(EventLink::Side side) {
    return side == EventLink::Side::kFirst ? EventLink::Side::kSecond : EventLink::Side::kFirst;
}

}  // namespace

/// The memory of a link: for each end the signals it was sent, modulo 2^31, and whether the link is cancelled.
struct EventLink::Words {
    struct alignas(64) End {
        std::atomic<uint32_t> word = 0;
    };
    std::array<End, 2> ends;
};

std::expected<std::shared_ptr<EventLink>, int> EventLink::Create() {
    auto region = SharedRegion::Create(kNumBytes, "event-link");
    if (!region) {
        return std::unexpected(region.error());
    }
    return Attach(*std::move(region), Side::kFirst);
}

std::expected<std::shared_ptr<EventLink>, int> EventLink::Attach(
    std::shared_ptr<SharedRegion> region, Side side) {
    static_assert(sizeof(Words) == kNumBytes);
    if (region == nullptr || region->num_bytes() < kNumBytes) {
        return std::unexpected(EINVAL);
    }
    std::byte *const memory = region->Writable();
    if (memory == nullptr) {
        return std::unexpected(ENOMEM);
    }
    auto *const words = std::launder(reinterpret_cast<Words *>(memory));
    return std::shared_ptr<EventLink>(new EventLink(std::move(region), side, words));
}

EventLink::EventLink(std::shared_ptr<SharedRegion> region, Side side, Words *words)
    : region_(std::move(region)), side_(side), words_(words) {}

EventLink::~EventLink() = default;

std::atomic<uint32_t> &EventLink::WordOf(Side side) const {
    return words_->ends.at(static_cast<size_t>(side)).word;
}

bool EventLink::is_cancelled() const {
    return is_cancelled_.load() || (WordOf(side_).load() & kCancelled) != 0;
}

bool EventLink::Signal() {
    std::atomic<uint32_t> &word = WordOf(Other(side_));
    uint32_t old_word = word.load();
    do {
        if (is_cancelled_.load() || (old_word & kCancelled) != 0) {
            return false;
        }
    } while (!word.compare_exchange_weak(old_word, (old_word + 1) & kCountMask));
    FutexWake(word, 1);
    return true;
}

uint32_t EventLink::TakeSignals(uint32_t word) {
    const uint32_t num_sent = word & kCountMask;
    uint32_t num_taken = num_taken_.load();
    while (num_taken != num_sent) {
        if (num_taken_.compare_exchange_weak(num_taken, num_sent)) {
            return (num_sent - num_taken) & kCountMask;
        }
    }
    return 0;
}

EventLink::Outcome EventLink::Wait(Deadline deadline, uint64_t &num_signals) {
    using Clock = std::chrono::steady_clock;
    const std::atomic<uint32_t> &word = WordOf(side_);
    num_signals = 0;
    while (true) {
        const uint32_t seen = word.load();
        if (is_cancelled_.load() || (seen & kCancelled) != 0) {
            return Outcome::kCancelled;
        }
        num_signals = TakeSignals(seen);
        if (num_signals != 0) {
            return Outcome::kSignalled;
        }
        const Clock::time_point now = Clock::now();
        if (deadline && *deadline <= now) {
            return Outcome::kTimedOut;
        }
        const Clock::time_point backstop = now + kBackstop;
        FutexWait(word, seen, deadline ? std::min(*deadline, backstop) : backstop);
    }
}

EventLink::Outcome EventLink::WaitUntilUptime(uint64_t deadline, uint64_t &num_signals) {
    // Virtual time moves in other threads, and this clock stops while the machine sleeps: look again.
    constexpr uint64_t kVirtualSlice = 1'000'000;
    constexpr uint64_t kSlice = 1'000'000'000;
    while (true) {
        const uint64_t now = NowNanoseconds(ClockDomain::kUptime);
        const uint64_t left = deadline > now ? deadline - now : 0;
        const uint64_t slice = std::min(left, TimeIsVirtual() ? kVirtualSlice : kSlice);
        const Outcome outcome = Wait(std::chrono::steady_clock::now() +
                                         std::chrono::nanoseconds(static_cast<int64_t>(slice)),
                                     num_signals);
        if (outcome != Outcome::kTimedOut || left == 0) {
            return outcome;
        }
    }
}

void EventLink::Cancel() {
    is_cancelled_.store(true);
    for (const Side side : {side_, Other(side_)}) {
        WordOf(side).fetch_or(kCancelled);
        FutexWake(WordOf(side), INT_MAX);
    }
}

bool LinkWaiter::AssociateThisThread() {
    const std::lock_guard lock(mutex_);
    if (state_ != State::kNone) {
        return false;
    }
    state_ = State::kThread;
    thread_ = std::this_thread::get_id();
    return true;
}

bool LinkWaiter::AssociateOnWait() {
    const std::lock_guard lock(mutex_);
    if (state_ != State::kNone) {
        return false;
    }
    state_ = State::kOnWait;
    return true;
}

bool LinkWaiter::Disassociate() {
    const std::lock_guard lock(mutex_);
    return std::exchange(state_, State::kNone) != State::kNone;
}

bool LinkWaiter::MayWait() {
    const std::lock_guard lock(mutex_);
    if (state_ == State::kOnWait) {
        state_ = State::kThread;
        thread_ = std::this_thread::get_id();
    }
    return state_ == State::kThread && thread_ == std::this_thread::get_id();
}

}  // namespace opendext
