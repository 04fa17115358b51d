// SPDX-License-Identifier: Apache-2.0
#include "channel/memory/paired_copier.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <chrono>
#include <system_error>

#include "base/blocked_signals.h"
#include "base/futex.h"
#include "base/log.h"
#include "base/spin.h"

namespace opendext::channel {

namespace {

constexpr uint64_t kPieceBytes = uint64_t{256} << 10;
/// A piece is copied in less, also into pages that nobody has touched, unless its thread does not run.
constexpr std::chrono::microseconds kSpin{250};

enum State : uint32_t {
    kIdle,     ///< The thread sleeps.
    kOffered,  ///< There is a job; the thread may be on its way to it.
    kWorking,  ///< It is at the job.
    kAwaited,  ///< The same, and who offered it sleeps.
    kEnding,
};

}  // namespace

struct PairedCopier::Job {
    uintptr_t to;  // both may be 0, and an application's pointer anything
    uintptr_t from;
    uint64_t num_bytes;
    Stores stores;
    const std::function<void()> &announce;
    uint64_t announced_at;          ///< A piece's offset.
    std::atomic<uint64_t> next{0};  ///< Offset of the next piece.
    std::atomic<uint64_t> end;      ///< Of what could be copied.

    [[nodiscard]] uint64_t Copy(uint64_t at, uint64_t num_piece_bytes) const {
        return CopyBytes(reinterpret_cast<void *>(to + at),
                         reinterpret_cast<const void *>(from + at), num_piece_bytes, stores);
    }
};

PairedCopier::~PairedCopier() {
    if (thread_.joinable()) {
        word_.store(kEnding);
        FutexWake(word_, 1, FutexScope::kThisProcess);
        thread_.join();
    }
}

uint64_t PairedCopier::Copy(void *to, const void *from, uint64_t num_bytes, Stores stores,
                            const std::function<void()> &announce) {
    const uint64_t num_first = num_bytes - std::min(num_bytes, kLastBytes);
    Job job{.to = reinterpret_cast<uintptr_t>(to),
            .from = reinterpret_cast<uintptr_t>(from),
            .num_bytes = num_bytes,
            .stores = stores,
            .announce = announce,
            .announced_at = num_first / kPieceBytes * kPieceBytes,
            .end = num_bytes};
    const std::unique_lock lock(mutex_, std::try_to_lock);
    const bool is_helped = lock.owns_lock() && HasThread() && Offer(job);
    Work(job);
    if (!is_helped) {
        return job.end.load();
    }
    TakeBack();
    const uint64_t end = job.end.load();
    // What one thread may not touch, another one may: protection keys are each thread's own.
    return end + job.Copy(end, num_bytes - end);
}

void PairedCopier::Work(Job &job) {
    for (uint64_t at = job.next.fetch_add(kPieceBytes); at < job.num_bytes;
         at = job.next.fetch_add(kPieceBytes)) {
        if (at == job.announced_at) {
            job.announce();
        }
        const uint64_t num_bytes = std::min(kPieceBytes, job.num_bytes - at);
        const uint64_t num_copied = job.Copy(at, num_bytes);
        if (num_copied < num_bytes) {
            uint64_t end = job.end.load();
            while (at + num_copied < end && !job.end.compare_exchange_weak(end, at + num_copied)) {}
            job.next.store(job.num_bytes);
        }
    }
}

bool PairedCopier::HasThread() {
    if (!has_asked_) {
        has_asked_ = true;
        try {
            const BlockedSignals blocked;
            thread_ = std::thread([this] { Help(); });
            pthread_setname_np(thread_.native_handle(), "copier");
        } catch (const std::system_error &error) {
            LogWarning(
                "no thread helps to copy large structures: {}; raise the limit of threads (ulimit "
                "-u)",
                error.what());
        }
    }
    return thread_.joinable();
}

void PairedCopier::Help() {
    for (uint32_t state = word_.load(); state != kEnding; state = word_.load()) {
        if (state != kOffered) {
            FutexWait(word_, state, std::nullopt, FutexScope::kThisProcess);
        } else if (word_.compare_exchange_strong(state, kWorking)) {
            Work(*job_);
            if (word_.exchange(kIdle) == kAwaited) {
                FutexWake(word_, 1, FutexScope::kThisProcess);
            }
        }
    }
}

bool PairedCopier::Offer(Job &job) {
    // The kernel likes to wake a thread where it is woken from, and there it would wait for the end of the copy.
    cpu_set_t others;
    CPU_ZERO(&others);
    const int here = sched_getcpu();
    if (here < 0 || sched_getaffinity(0, sizeof(others), &others) != 0) {
        return false;
    }
    CPU_CLR(here, &others);
    if (CPU_COUNT(&others) == 0 ||
        pthread_setaffinity_np(thread_.native_handle(), sizeof(others), &others) != 0) {
        return false;
    }
    job_ = &job;
    word_.store(kOffered);
    FutexWake(word_, 1, FutexScope::kThisProcess);
    return true;
}

void PairedCopier::TakeBack() {
    uint32_t state = kOffered;
    if (word_.compare_exchange_strong(state, kIdle)) {
        return;
    }
    if (SpinUntil([this] { return word_.load() == kIdle; }, kSpin)) {
        return;
    }
    for (state = word_.load(); state != kIdle; state = word_.load()) {
        if (state == kAwaited || word_.compare_exchange_strong(state, kAwaited)) {
            FutexWait(word_, kAwaited, std::nullopt, FutexScope::kThisProcess);
        }
    }
}

}  // namespace opendext::channel
