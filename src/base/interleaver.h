// SPDX-License-Identifier: Apache-2.0
/// @file interleaver.h
/// Runs the threads that carry out drivers' work one at a time, and chooses by a seed which goes on: the same seed gives
/// the same order. For tests; while it is not in force, each place that asks costs one relaxed load.
///
/// Members are threads that run drivers' code: the thread that begins, and a worker for each task of the pool. One of
/// them has the turn. It goes to another one at a point (a call into the framework, a queue, a lock), and when its owner
/// waits, or ends. Work is known by the order in which it was handed over, so what threads outside do (the registry's, a
/// device model's own) can change the order; what drivers and the test do cannot.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace opendext {

/// One for the process, never destroyed. Any thread.
class Interleaver {
public:
    struct Member;

    static Interleaver &Instance();

    [[nodiscard]] static bool IsInForce() { return is_in_force_.load(std::memory_order_relaxed); }
    /// Whether it is in force and the calling thread is a member.
    [[nodiscard]] static bool IsMember();

    /// Comes into force; the calling thread is the first member and has the turn. Nobody else runs drivers' work now.
    void Begin(uint64_t seed);

    /// Everybody goes on at once. On the thread that began.
    void End();

    /// Work that a thread is going to run. @return what that thread enters with; NULL: not in force.
    [[nodiscard]] Member *Admit();
    /// On that thread: waits for the turn.
    void Enter(Member *member);
    /// The work has ended; `member` is not valid any more.
    void Leave(Member *member);

    /// Here another member may go first.
    static void Point() {
        if (IsInForce()) [[unlikely]] {
            Instance().PointSlowly();
        }
    }

    /// Lets another member go on. False: there is none that could.
    bool Yield();

    /// Waits until no other member can go on. @return whether another one has gone on meanwhile.
    static bool Rest() {
        if (IsInForce()) [[unlikely]] {
            return Instance().RestSlowly();
        }
        return false;
    }

    /// Waits until `word` is not 0; other members go on meanwhile. @return false: not in force, nothing was done.
    bool Wait(const std::atomic<uint32_t> &word);
    /// Stores 1 in `word`; who waits for it can go on. `word` may be gone when this returns.
    void Wake(std::atomic<uint32_t> &word);

    /// While it lives the calling thread waits for something that is no member's to give, and others go on. It comes back
    /// when they have come to rest.
    class OutsideScope {
    public:
        OutsideScope();
        ~OutsideScope();
        OutsideScope(const OutsideScope &) = delete;
        OutsideScope &operator=(const OutsideScope &) = delete;

    private:
        Member *const member_;
    };

private:
    Interleaver() = default;

    void PointSlowly();
    bool RestSlowly();
    uint64_t Next();
    void GiveTurn();
    void AwaitTurn(std::unique_lock<std::mutex> &lock, Member &member);
    void TakeFromStalled(const Member &waiting);

    static std::atomic<bool> is_in_force_;

    std::mutex mutex_;
    // All guarded by mutex_.
    uint64_t epoch_ = 0;  // changes with Begin and End; members of a former one run freely
    uint64_t state_ = 0;  // of the choices
    uint64_t num_turns_ = 0;
    Member *turn_ = nullptr;
    std::vector<Member *> ready_;    // for the turn, in the order in which they came
    std::vector<Member *> resting_;  // have the turn when nobody is ready
    std::unordered_map<const std::atomic<uint32_t> *, Member *> waiting_;
    bool has_warned_ = false;
};

}  // namespace opendext
