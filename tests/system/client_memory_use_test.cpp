// SPDX-License-Identifier: Apache-2.0
// What else an application does with memory that its driver has: other threads, fork, protection, huge pages.
// semantics.md 2.9.
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <thread>
#include <vector>

#include <mach/mach.h>
#include <mach/mach_vm.h>

#include "tests/system/application_memory.h"
#include "tests/system/mapper_test.h"

namespace opendext::rig {

namespace {

constexpr size_t kNumBytes = 64 * kPageBytes;

class ClientMemoryUseTest : public MapperTest {
protected:
    /// Both ways, between `bytes` and the mapping of slot 0.
    void ExpectShared(std::span<uint8_t> bytes) {
        std::ranges::fill(bytes, 1);
        EXPECT_EQ(Do({step::Sum(0, 0, bytes.size())}), bytes.size());
        Do({step::Fill(0, 0, bytes.size(), 2)});
        EXPECT_EQ(SumOf(bytes), 2 * bytes.size());
    }
    void Share(std::span<uint8_t> bytes) {
        Do({step::Segment(bytes), step::Describe(0, kInOut | kShared), step::Map(0)});
        ExpectShared(bytes);
    }
};

TEST_P(ClientMemoryUseTest, ThreadThatWritesMeanwhile_LosesNothing) {
    const AppBytes memory = MapPages(kNumBytes);
    auto *counters = reinterpret_cast<volatile uint64_t *>(memory.all().data());
    std::atomic<bool> stop = false;
    uint64_t num_rounds = 0;
    std::jthread writer([&] {
        for (; !stop; ++num_rounds) {
            for (size_t i = 0; i < kNumBytes / 8; i += 61) {
                counters[i] = counters[i] + 1;
            }
        }
    });
    for (int i = 0; i < 20; ++i) {
        for (const uint64_t options : {kInOut | kShared, uint64_t{kOut}, uint64_t{kIn}}) {
            Do({step::Segment(memory.sub(static_cast<size_t>(i), kNumBytes - 100)),
                step::Describe(0, options), step::Map(0), step::Sum(0, 0, kNumBytes - 100),
                step::Forget(0)});
        }
    }
    stop = true;
    writer.join();
    for (size_t i = 0; i < kNumBytes / 8; i += 61) {
        ASSERT_EQ(counters[i], num_rounds) << i;
    }
}

// The original's error, or a mapping: never a fault of either side.
TEST_P(ClientMemoryUseTest, ThreadThatUnmapsMeanwhile_MakesItFailOrNot) {
    constexpr size_t kBytes = 8 * kPageBytes;
    const AppBytes room = MapPages(kBytes);
    void *const address = room.all().data();
    std::atomic<bool> stop = false;
    std::jthread unmapper([&] {
        while (!stop) {
            mmap(address, kBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
            void *again = mmap(address, kBytes, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
            std::fill_n(static_cast<uint8_t *>(again), kBytes, 1);
        }
    });
    for (int i = 0; i < 200; ++i) {
        const uint64_t options = i % 2 == 0 ? kInOut | kShared : kInOut;
        const auto results = Run({step::Segment(room.all()), step::Describe(0, options),
                                  step::Map(0), step::Sum(0, 0, kBytes), step::Forget(0)});
        ASSERT_EQ(results[1].status, kIOReturnSuccess);
        if (results[2].status == kIOReturnSuccess) {
            ASSERT_EQ(results[3].status, kIOReturnSuccess);
            ASSERT_LE(results[3].value, kBytes);
        } else {
            ASSERT_EQ(results[2].status, kIOReturnError);
        }
    }
    stop = true;
}

TEST_P(ClientMemoryUseTest, RemappedAddress_IsTheNewMemory) {
    const AppBytes memory = MapPages(kNumBytes);
    Share(memory.all());
    ASSERT_NE(mmap(memory.all().data(), kNumBytes, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
              MAP_FAILED);
    std::ranges::fill(memory.all(), 5);
    EXPECT_EQ(Do({step::Sum(0, 0, kNumBytes)}), 2 * kNumBytes);
    EXPECT_EQ(Do({step::Segment(memory.all()), step::Describe(1, kInOut | kShared), step::Map(1),
                  step::Sum(1, 0, kNumBytes)}),
              5 * kNumBytes);
    Do({step::Fill(0, 0, kNumBytes, 9)});
    EXPECT_EQ(SumOf(memory.all()), 5 * kNumBytes);
}

TEST_P(ClientMemoryUseTest, MovedMemory_IsStillShared) {
    const AppBytes memory = MapPages(kNumBytes);
    Share(memory.all());
    const AppBytes place = MapPages(kNumBytes);
    ASSERT_EQ(mremap(memory.all().data(), kNumBytes, kNumBytes, MREMAP_MAYMOVE | MREMAP_FIXED,
                     place.all().data()),
              place.all().data());
    // Where it was belongs to the test again.
    ASSERT_EQ(mmap(memory.all().data(), kNumBytes, PROT_NONE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
              memory.all().data());
    ExpectShared(place.all());
}

TEST_P(ClientMemoryUseTest, ReallocatedMemory_KeepsItsBytesAndCanBeSharedAgain) {
    auto *bytes = static_cast<uint8_t *>(std::malloc(kNumBytes));
    Share({bytes, kNumBytes});
    bytes = static_cast<uint8_t *>(std::realloc(bytes, 4 * kNumBytes));
    std::fill_n(bytes + kNumBytes, 3 * kNumBytes, 3);
    EXPECT_EQ(SumOf({bytes, kNumBytes}), 2 * kNumBytes);
#if !__has_feature(address_sanitizer) && \
    !__has_feature(thread_sanitizer)  // which copy, and use the old memory for notes of their own
    EXPECT_EQ(Do({step::Sum(0, 0, kNumBytes)}), 2 * kNumBytes);
#endif
    Do({step::Forget(0)});
    Share({bytes, 4 * kNumBytes});
    std::free(bytes);
}

TEST_P(ClientMemoryUseTest, ProtectedMemory_StaysTheDriversAndFaultsForTheApplication) {
    const AppBytes memory = MapPages(kNumBytes);
    Share(memory.all());
    ASSERT_EQ(mprotect(memory.all().data(), kNumBytes, PROT_READ), 0);
    Do({step::Fill(0, 0, kNumBytes, 3)});
    EXPECT_EQ(SumOf(memory.all()), 3 * kNumBytes);
    ASSERT_EQ(mprotect(memory.all().data(), kNumBytes, PROT_NONE), 0);
    Do({step::Fill(0, 0, kNumBytes, 4)});
    ASSERT_EQ(mprotect(memory.all().data(), kNumBytes, PROT_READ | PROT_WRITE), 0);
    EXPECT_EQ(SumOf(memory.all()), 4 * kNumBytes);
    ExpectShared(memory.all());
}

// The child has a copy of what was shared, as of all memory, and shares nothing.
TEST_P(ClientMemoryUseTest, ForkedChild_HasMemoryOfItsOwn) {
    const AppBytes memory = MapPages(kNumBytes);
    Share(memory.all());
    int ready[2];
    ASSERT_EQ(pipe(ready), 0);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        char byte = 0;
        const bool was_told = read(ready[0], &byte, 1) == 1;
        const bool is_own = SumOf(memory.all()) == 2 * kNumBytes;
        std::ranges::fill(memory.all(), 7);
        _exit(was_told && is_own ? 0 : 1);
    }
    ExpectShared(memory.all());
    std::ranges::fill(memory.all(), 6);
    ASSERT_EQ(write(ready[1], "x", 1), 1);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
    close(ready[0]);
    close(ready[1]);
    EXPECT_EQ(Do({step::Sum(0, 0, kNumBytes)}), 6 * kNumBytes);
    ExpectShared(memory.all());
    const AppBytes later = MapPages(kNumBytes);
    Share(later.all());
}

TEST_P(ClientMemoryUseTest, HugePages_AreSharedLikeOthers) {
    constexpr size_t kHuge = 2 * 1024 * 1024;
    const AppBytes room = MapPages(4 * kHuge);
    const size_t lead = kHuge - reinterpret_cast<uint64_t>(room.all().data()) % kHuge;
    const auto huge = room.sub(lead, 2 * kHuge);
    ASSERT_EQ(madvise(huge.data(), huge.size(), MADV_HUGEPAGE), 0);
    FillWithNumbers(huge, 3);
    const uint64_t sum = SumOf(huge);
    EXPECT_EQ(Do({step::Segment(huge.subspan(1000, kHuge)), step::Describe(0, kInOut | kShared),
                  step::Map(0), step::Sum(0, 0, kHuge)}),
              SumOf(huge.subspan(1000, kHuge)));
    EXPECT_EQ(SumOf(huge), sum);
    ExpectShared(huge.subspan(1000, kHuge));
}

TEST_P(ClientMemoryUseTest, DroppedMemory_ReadsAsZeros) {
    const AppBytes memory = MapPages(kNumBytes);
    Share(memory.all());
    ASSERT_EQ(madvise(memory.all().data(), kNumBytes, MADV_DONTNEED), 0);
    EXPECT_EQ(SumOf(memory.all()), 0U);
}

TEST_P(ClientMemoryUseTest, AllocatedMemory_IsGoneAfterDeallocate) {
    mach_vm_address_t address = 0;
    ASSERT_EQ(mach_vm_allocate(mach_task_self(), &address, kNumBytes, VM_FLAGS_ANYWHERE),
              KERN_SUCCESS);
    Share({reinterpret_cast<uint8_t *>(address), kNumBytes});
    EXPECT_EQ(mach_vm_deallocate(mach_task_self(), address, kNumBytes), KERN_SUCCESS);
    EXPECT_EQ(Do({step::Sum(0, 0, kNumBytes)}), 2 * kNumBytes);
    EXPECT_EQ(Run({step::Segment(address, kNumBytes), step::Describe(1, kOut), step::Map(1)})
                  .back()
                  .status,
              kIOReturnError);
}

TEST_P(ClientMemoryUseTest, ThreadsThatShareAtOnce_GetTheirOwnBytes) {
    std::vector<std::jthread> threads;
    for (uint8_t seed = 1; seed <= 4; ++seed) {
        threads.emplace_back([seed] {
            const Connection connection = Open(FindService("MapperService"));
            const AppBytes memory = MapPages(kNumBytes);
            for (int i = 0; i < 25; ++i) {
                FillWithNumbers(memory.all(), static_cast<uint8_t>(seed * 50 + i));
                const uint64_t options = i % 2 == 0 ? kInOut | kShared : kOut;
                const auto bytes = memory.sub(static_cast<size_t>(i) * 100, kNumBytes / 2);
                const auto values = Succeed(
                    RunSteps(connection.get(), {step::Segment(bytes), step::Describe(0, options),
                                                step::Map(0), step::Sum(0, 0, bytes.size())}));
                EXPECT_EQ(values[3], SumOf(bytes));
            }
        });
    }
    threads.clear();
}

// Nothing of what was shared, copied or refused is left with the driver.
TEST_P(ClientMemoryUseTest, ForgottenMemory_LeavesNoObjects) {
    const auto census = [&] {
        return Succeed(Run({step::Of(kMapperCensus, 0, 1), step::Of(kMapperCensus, 0, 2),
                            step::Of(kMapperCensus, 0, 3)}));
    };
    const std::vector<uint64_t> before = census();
    const AppBytes memory = MapPages(kNumBytes);
    for (const uint64_t options : {kIn, kOut, kInOut | kShared}) {
        Do({step::Segment(memory.all()), step::Describe(0, options), step::Map(0),
            step::Of(kMapperPrepare, 0), step::Segment(8, 8), step::Describe(1, options)});
        Run({step::Map(1), step::Of(kMapperPrepare, 1)});
        Do({step::Forget(0), step::Forget(1)});
        EXPECT_EQ(census(), before);
    }
}

OPENDEXT_BOTH_VARIANTS(ClientMemoryUseTest);

}  // namespace

}  // namespace opendext::rig
