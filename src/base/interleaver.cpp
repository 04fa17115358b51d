// SPDX-License-Identifier: Apache-2.0
#include "base/interleaver.h"

#include <unistd.h>
#include <algorithm>
#include <chrono>
#include <fstream>
#include <memory>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "base/futex.h"
#include "base/log.h"

namespace opendext {
namespace {

// Who has the turn and comes to no point for this long waits for something that only others can do.
constexpr std::chrono::seconds kStall{2};
// When the whole machine was stopped, the first says nothing.
constexpr int kStallsBeforeTaking = 2;

thread_local Interleaver::Member *t_member = nullptr;

// A thread that computes, or that a busy machine does not let run, is no thread that waits.
bool IsAsleep(pid_t thread) {
    std::ifstream file(fmt::format("/proc/self/task/{}/stat", thread));
    std::string text;
    std::getline(file, text);
    const size_t name_end = text.rfind(')');
    return name_end != std::string::npos && text.size() > name_end + 2 && text[name_end + 2] == 'S';
}

}  // namespace

struct Interleaver::Member {
    uint64_t epoch = 0;
    pid_t thread = 0;  // 0: has not come yet
    std::condition_variable changed;
};

std::atomic<bool> Interleaver::is_in_force_{false};

Interleaver &Interleaver::Instance() {
    static auto *interleaver = new Interleaver;
    return *interleaver;
}

bool Interleaver::IsMember() {
    return IsInForce() && t_member != nullptr;
}

void Interleaver::Begin(uint64_t seed) {
    const std::lock_guard lock(mutex_);
    ++epoch_;
    state_ = seed;
    has_warned_ = false;
    t_member = new Member{.epoch = epoch_, .thread = gettid(), .changed = {}};
    turn_ = t_member;
    is_in_force_.store(true, std::memory_order_relaxed);
}

void Interleaver::End() {
    const std::lock_guard lock(mutex_);
    is_in_force_.store(false, std::memory_order_relaxed);
    ++epoch_;
    for (Member *member : ready_) {
        member->changed.notify_all();
    }
    for (Member *member : resting_) {
        member->changed.notify_all();
    }
    for (const auto &[word, member] : waiting_) {
        member->changed.notify_all();
    }
    ready_.clear();
    resting_.clear();
    waiting_.clear();
    turn_ = nullptr;
    delete std::exchange(t_member, nullptr);
}

// SplitMix64: every seed, small ones too, gives a good sequence.
uint64_t Interleaver::Next() {
    uint64_t value = state_ += 0x9E3779B97F4A7C15;
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
    value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
    return value ^ (value >> 31);
}

// With mutex_ held, and nobody having the turn.
void Interleaver::GiveTurn() {
    std::vector<Member *> &from = ready_.empty() ? resting_ : ready_;
    if (from.empty()) {
        return;
    }
    const size_t chosen = &from == &resting_ || from.size() == 1 ? 0 : Next() % from.size();
    turn_ = from[chosen];
    from.erase(from.begin() + static_cast<ptrdiff_t>(chosen));
    ++num_turns_;
    turn_->changed.notify_all();
}

// `member` is in one of the lists, or has the turn.
void Interleaver::AwaitTurn(std::unique_lock<std::mutex> &lock, Member &member) {
    if (turn_ == nullptr) {
        GiveTurn();
    }
    int num_stalls = 0;
    uint64_t seen = num_turns_;
    while (turn_ != &member && member.epoch == epoch_) {
        const bool has_changed =
            member.changed.wait_for(lock, kStall) == std::cv_status::no_timeout;
        if (has_changed || seen != num_turns_) {
            num_stalls = 0;
            seen = num_turns_;
        } else if (++num_stalls >= kStallsBeforeTaking && member.epoch == epoch_) {
            TakeFromStalled(member);
        }
    }
}

void Interleaver::TakeFromStalled(const Member &waiting) {
    if (turn_ == &waiting ||
        (turn_ != nullptr && (turn_->thread == 0 || !IsAsleep(turn_->thread)))) {
        return;
    }
    if (turn_ != nullptr && !std::exchange(has_warned_, true)) {
        LogWarning(
            "interleaving: a thread that has the turn has made no call for {} s, and others go on "
            "without it: this seed may not replay; does the driver wait for something of its own, "
            "as a std::mutex? Use an IOLock",
            kStallsBeforeTaking * kStall.count());
    }
    turn_ = nullptr;
    GiveTurn();
}

Interleaver::Member *Interleaver::Admit() {
    if (!IsInForce()) [[likely]] {
        return nullptr;
    }
    const std::lock_guard lock(mutex_);
    if (!IsInForce()) {
        return nullptr;
    }
    auto *member = new Member{.epoch = epoch_, .thread = 0, .changed = {}};
    ready_.push_back(member);
    if (turn_ == nullptr) {
        GiveTurn();
    }
    return member;
}

void Interleaver::Enter(Member *member) {
    std::unique_lock lock(mutex_);
    t_member = member;
    member->thread = gettid();
    AwaitTurn(lock, *member);
}

void Interleaver::Leave(Member *member) {
    const std::unique_ptr<Member> owned(member);
    const std::lock_guard lock(mutex_);
    t_member = nullptr;
    std::erase(ready_, member);
    if (turn_ == member) {
        turn_ = nullptr;
        GiveTurn();
    }
}

void Interleaver::PointSlowly() {
    Member *member = t_member;
    if (member == nullptr) {
        return;
    }
    std::unique_lock lock(mutex_);
    if (member->epoch != epoch_ || (turn_ == member && ready_.empty())) {
        return;
    }
    ready_.push_back(member);
    if (turn_ == member) {
        turn_ = nullptr;
    }
    AwaitTurn(lock, *member);
}

bool Interleaver::Yield() {
    Member *member = t_member;
    if (member == nullptr) {
        return false;
    }
    std::unique_lock lock(mutex_);
    if (member->epoch != epoch_ || (turn_ == member && ready_.empty() && resting_.empty())) {
        return false;
    }
    if (turn_ == member) {
        turn_ = nullptr;
        GiveTurn();
    }
    ready_.push_back(member);
    AwaitTurn(lock, *member);
    return true;
}

bool Interleaver::RestSlowly() {
    Member *member = t_member;
    if (member == nullptr) {
        return false;
    }
    std::unique_lock lock(mutex_);
    if (member->epoch != epoch_) {
        return false;
    }
    const uint64_t seen = num_turns_;
    resting_.push_back(member);
    if (turn_ == member) {
        turn_ = nullptr;
    }
    AwaitTurn(lock, *member);
    return num_turns_ > seen + 1;
}

bool Interleaver::Wait(const std::atomic<uint32_t> &word) {
    Member *member = t_member;
    std::unique_lock lock(mutex_);
    if (member == nullptr || member->epoch != epoch_) {
        return false;
    }
    if (word.load(std::memory_order_acquire) != 0) {
        return true;
    }
    waiting_.insert_or_assign(&word, member);
    if (turn_ == member) {
        turn_ = nullptr;
        GiveTurn();
    }
    // Wake makes it ready, and then it needs no more than the turn.
    while (member->epoch == epoch_ && word.load(std::memory_order_acquire) == 0) {
        member->changed.wait(lock);
    }
    AwaitTurn(lock, *member);
    return word.load(std::memory_order_acquire) != 0;
}

void Interleaver::Wake(std::atomic<uint32_t> &word) {
    {
        const std::lock_guard lock(mutex_);
        word.store(1, std::memory_order_release);
        const auto found = waiting_.find(&word);
        if (found != waiting_.end()) {
            ready_.push_back(found->second);
            found->second->changed.notify_all();
            waiting_.erase(found);
            if (turn_ == nullptr) {
                GiveTurn();
            }
        }
    }
    FutexWake(word, 1, FutexScope::kThisProcess);
}

Interleaver::OutsideScope::OutsideScope() : member_(IsMember() ? t_member : nullptr) {
    if (member_ != nullptr) {
        Interleaver &self = Instance();
        const std::lock_guard lock(self.mutex_);
        if (self.turn_ == member_) {
            self.turn_ = nullptr;
            self.GiveTurn();
        }
    }
}

Interleaver::OutsideScope::~OutsideScope() {
    if (member_ != nullptr) {
        Rest();
    }
}

}  // namespace opendext
