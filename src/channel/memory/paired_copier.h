// SPDX-License-Identifier: Apache-2.0
/// @file paired_copier.h
/// Copying with two threads.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>

#include "channel/memory/safe_copy.h"

namespace opendext::channel {

/// Copies with the help of a thread of its own, where one alone does not use all that the memory gives: on an Intel Xeon
/// two are twice as fast, on an AMD EPYC no faster. The thread is made at the first copy, sleeps between copies, and is woken
/// for each. Nobody waits for it to wake up: what it comes too late for is done without it.
class PairedCopier {
public:
    /// To wake the thread takes longer than fewer bytes.
    static constexpr uint64_t kFewestBytes = uint64_t{4} << 20;
    /// Left when a copy is announced: the driver that this wakes up takes the processor of who helps.
    static constexpr uint64_t kLastBytes = uint64_t{256} << 10;

    PairedCopier() = default;
    /// No copy is under way.
    ~PairedCopier();
    PairedCopier(const PairedCopier &) = delete;
    PairedCopier &operator=(const PairedCopier &) = delete;

    /// As CopyBytes, but that any part of what follows the bytes copied may have been written, too. Any thread; of several
    /// copies at a time one is helped.
    /// @param announce called once when kLastBytes are left, on either thread.
    [[nodiscard]] uint64_t Copy(void *to, const void *from, uint64_t num_bytes, Stores stores,
                                const std::function<void()> &announce);

private:
    struct Job;

    static void Work(Job &job);
    /// Makes the thread at the first call. With mutex_ held.
    [[nodiscard]] bool HasThread();
    void Help();
    /// @return false when there is no other processor for it.
    [[nodiscard]] bool Offer(Job &job);
    void TakeBack();

    std::mutex mutex_;  // held by who is helped
    bool has_asked_ = false;
    Job *job_ = nullptr;              // of what is offered
    std::atomic<uint32_t> word_ = 0;  // a State; both sides sleep on it
    std::thread thread_;
};

}  // namespace opendext::channel
