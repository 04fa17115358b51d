// SPDX-License-Identifier: Apache-2.0
// A DescriptorPool under several threads. The sanitizers see what these tests do not assert.
#include <atomic>
#include <latch>
#include <mutex>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <opendext/toolkit/descriptor_pool.h>

#include "runtime/memory/memory_census.h"

namespace opendext::toolkit {
namespace {

using memory::TakeMemoryCensus;

constexpr uint64_t kCapacity = 256;
constexpr uint32_t kNumThreads = 4;
constexpr uint32_t kNumRounds = 5000;

std::atomic<uint32_t> num_made{0};

kern_return_t MakeAndCount(const DescriptorPoolOptions &options,
                           IOBufferMemoryDescriptor **descriptor) {
    num_made.fetch_add(1);
    return IOBufferMemoryDescriptor::Create(options.direction, options.capacity, 0, descriptor);
}

class ToolkitPoolThreads : public testing::Test {
protected:
    void SetUp() override {
        num_made = 0;
        DescriptorPoolOptions options;
        options.capacity = kCapacity;
        options.max_count = kMaxCount;
        options.factory = &MakeAndCount;
        ASSERT_EQ(pool_.Create(options), kIOReturnSuccess);
    }
    ~ToolkitPoolThreads() override {
        pool_.Reset();
        EXPECT_EQ(TakeMemoryCensus(), before_);
    }

    template <typename Body>
    static void OnAllThreads(Body body) {
        std::latch start(kNumThreads);
        std::vector<std::jthread> threads;
        for (uint32_t thread = 0; thread < kNumThreads; ++thread) {
            threads.emplace_back([&, thread] {
                start.arrive_and_wait();
                body(thread);
            });
        }
    }

    static constexpr uint32_t kMaxCount = 6;
    const memory::MemoryCensus before_ = TakeMemoryCensus();
    DescriptorPool pool_;
};

/// Writes a pattern of its own, and checks it when the descriptor goes back: nobody else had it meanwhile.
struct Loan {
    PooledDescriptor descriptor;
    uint64_t pattern = 0;

    void Write() { *reinterpret_cast<uint64_t *>(descriptor.bytes().data) = pattern; }
    [[nodiscard]] bool IsIntact() const {
        return *reinterpret_cast<const uint64_t *>(descriptor.contents().data) == pattern &&
               descriptor.length() == 8 + pattern % 2;
    }
};

TEST_F(ToolkitPoolThreads, EachDescriptorIsLentOnceAtATime) {
    std::atomic<uint32_t> num_broken{0};
    std::atomic<uint32_t> num_lent{0};
    OnAllThreads([&](uint32_t thread) {
        std::minstd_rand random(thread + 1);
        std::vector<Loan> loans;
        for (uint32_t round = 0; round < kNumRounds; ++round) {
            Loan loan{.descriptor = {}, .pattern = (uint64_t{thread} << 32) + round};
            if (loans.size() < 3 &&
                pool_.Take(&loan.descriptor, 8 + round % 2) == kIOReturnSuccess) {
                num_lent.fetch_add(1, std::memory_order_relaxed);
                loan.Write();
                loans.push_back(std::move(loan));
            }
            if (!loans.empty() && random() % 2 == 0) {
                std::swap(loans[random() % loans.size()], loans.back());
                num_broken.fetch_add(loans.back().IsIntact() ? 0 : 1, std::memory_order_relaxed);
                loans.pop_back();
            }
        }
    });
    EXPECT_EQ(num_broken, 0U);
    EXPECT_GT(num_lent, 0U);
    EXPECT_LE(num_made, kMaxCount);
    // All came back, and no place was lost.
    std::vector<PooledDescriptor> all(kMaxCount);
    for (PooledDescriptor &descriptor : all) {
        EXPECT_EQ(pool_.Take(&descriptor), kIOReturnSuccess);
    }
    EXPECT_EQ(num_made, kMaxCount);
}

/// Where one thread leaves a loan for another.
class Counter {
public:
    /// Leaves `loan` here if it has a descriptor. @return one that was here, or an empty one.
    Loan Exchange(Loan loan) {
        const std::lock_guard lock(mutex_);
        Loan other;
        if (!loans_.empty()) {
            other = std::move(loans_.back());
            loans_.pop_back();
        }
        if (loan.descriptor) {
            loans_.push_back(std::move(loan));
        }
        return other;
    }

private:
    std::mutex mutex_;
    std::vector<Loan> loans_;
};

TEST_F(ToolkitPoolThreads, DescriptorComesBackOnAnotherThread) {
    Counter counter;
    std::atomic<uint32_t> num_broken{0};
    OnAllThreads([&](uint32_t thread) {
        for (uint32_t round = 0; round < kNumRounds; ++round) {
            Loan mine{.descriptor = {}, .pattern = (uint64_t{thread} << 32) + round};
            if (pool_.Take(&mine.descriptor, 8 + round % 2) == kIOReturnSuccess) {
                mine.Write();
            }
            const Loan other = counter.Exchange(std::move(mine));
            if (other.descriptor && !other.IsIntact()) {
                num_broken.fetch_add(1, std::memory_order_relaxed);
            }
        }
    });
    EXPECT_EQ(num_broken, 0U);
}

TEST_F(ToolkitPoolThreads, PoolEndsWhileDescriptorsComeBack) {
    for (uint32_t round = 0; round < 200; ++round) {
        DescriptorPool pool;
        DescriptorPoolOptions options;
        options.capacity = 8;
        options.max_count = 2 * kNumThreads;
        options.prewarmed_count = options.max_count;
        ASSERT_EQ(pool.Create(options), kIOReturnSuccess);
        std::vector<PooledDescriptor> lent(options.max_count);
        for (PooledDescriptor &descriptor : lent) {
            ASSERT_EQ(pool.Take(&descriptor), kIOReturnSuccess);
        }
        OnAllThreads([&](uint32_t thread) {
            if (thread == 0) {
                pool.Reset();
            }
            lent[thread].Reset();
            lent[kNumThreads + thread].Reset();
        });
    }
}

}  // namespace
}  // namespace opendext::toolkit
