// SPDX-License-Identifier: Apache-2.0
#include "channel/memory/app_memory.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include "channel/memory/testing/app_memory_fixture.h"

namespace opendext::channel {
namespace {

std::array<char, 40'000> initialised_global = {1, 2, 3};
std::array<char, 40'000> zeroed_global;

void ExpectSharedBothWays(char *address, uint64_t length) {
    AppMemory &memory = AppMemory::OfThisProcess();
    std::fill_n(address, length, 'a');
    const auto slices = memory.Share(RangeOf(address, length), kWrite);
    ASSERT_TRUE(slices) << static_cast<int>(slices.error());
    EXPECT_EQ(Contents(*slices), std::vector<std::byte>(length, std::byte{'a'}));
    address[length - 1] = 'b';
    EXPECT_EQ(Contents(*slices).back(), std::byte{'b'});
    *At(slices->front()) = std::byte{'c'};
    EXPECT_EQ(ReadNow(address), 'c');
}

/// @return the exit status of a child that runs `check`.
template <typename Function>
int InChild(Function check) {
    const pid_t child = fork();
    if (child == 0) {
        _exit(check() ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    return status;
}

TEST_F(AppMemoryTest, MemoryOfEveryKind_IsSharedInPlace) {
    const auto heap = std::make_unique<char[]>(100'001);
    ExpectSharedBothWays(heap.get() + 1, 100'000);
    const auto small = std::make_unique<char[]>(9);
    ExpectSharedBothWays(small.get(), 9);
    ExpectSharedBothWays(initialised_global.data(), initialised_global.size());
    ExpectSharedBothWays(zeroed_global.data() + 5, 30'000);
    std::array<char, 20'000> stack;
    ExpectSharedBothWays(stack.data() + 3, 19'000);
    std::thread([] {
        std::array<char, 20'000> other_stack;
        ExpectSharedBothWays(other_stack.data() + 3, 19'000);
    }).join();
    const MappedRegion huge = MapFresh(8 * kMiB, 0);
    ASSERT_EQ(madvise(huge.data(), huge.num_bytes(), MADV_HUGEPAGE), 0);
    ExpectSharedBothWays(reinterpret_cast<char *>(huge.data()) + 4097, 6 * kMiB);
}

TEST_F(AppMemoryTest, PrivateFile_IsSharedWithoutTheFile) {
    std::unique_ptr<FILE, int (*)(FILE *)> file(std::tmpfile(), &std::fclose);
    ASSERT_NE(file, nullptr);
    ASSERT_EQ(ftruncate(fileno(file.get()), 8192), 0);
    void *const address =
        mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, fileno(file.get()), 0);
    ASSERT_NE(address, MAP_FAILED);
    ExpectSharedBothWays(static_cast<char *>(address) + 100, 8000);
    char byte = 1;
    ASSERT_EQ(pread(fileno(file.get()), &byte, 1, 200), 1);
    EXPECT_EQ(byte, 0);
    munmap(address, 8192);
}

TEST_F(AppMemoryTest, SharedRange_IsFoundAgainAndNotMovedAgain) {
    const MappedRegion region = MapFresh(4 * kMiB, 7);
    EXPECT_FALSE(memory.Find(RangeOf(region.data(), 100), kRead));
    const auto slices = memory.Share(RangeOf(region.data(), 4 * kMiB), kWrite);
    ASSERT_TRUE(slices);
    ASSERT_EQ(slices->size(), 1U);
    const auto part = memory.Find(RangeOf(region.data() + 777, kMiB), kWrite);
    ASSERT_TRUE(part);
    EXPECT_EQ(part->region, slices->front().region);
    EXPECT_EQ(part->offset, slices->front().offset + 777);
    const auto again = memory.Share(RangeOf(region.data() + 5, kMiB), kWrite);
    ASSERT_TRUE(again);
    EXPECT_EQ(again->front().region, slices->front().region);
}

TEST_F(AppMemoryTest, OverlappingRange_KeepsWhatIsSharedAndAddsTheRest) {
    const MappedRegion region = MapFresh(64 * 4096, 3);
    const auto middle = memory.Share(RangeOf(region.data() + size_t{16} * 4096, 8 * 4096), kWrite);
    ASSERT_TRUE(middle);
    const auto all = memory.Share(RangeOf(region.data() + 1, 64 * 4096 - 1), kWrite);
    ASSERT_TRUE(all);
    ASSERT_EQ(all->size(), 3U);
    EXPECT_EQ((*all)[1].region, middle->front().region);
    EXPECT_EQ(Contents(*all), std::vector<std::byte>(64 * 4096 - 1, std::byte{3}));
}

TEST_F(AppMemoryTest, RangeThatCannotBeShared_SaysWhy) {
    const size_t page = PageSize();
    MappedRegion region = MapFresh(4 * page, 1);
    const std::byte *const start = region.data();
    ASSERT_EQ(mprotect(region.data() + page, page, PROT_READ), 0);
    ASSERT_EQ(mprotect(region.data() + 3 * page, page, PROT_NONE), 0);
    EXPECT_EQ(memory.Share(RangeOf(start, 2 * page), kWrite).error(), ShareFailure::kProtected);
    EXPECT_TRUE(memory.Share(RangeOf(start, 2 * page), kRead));
    EXPECT_EQ(memory.Share(RangeOf(start, 4 * page), kRead).error(), ShareFailure::kUnmapped);
    EXPECT_EQ(memory.Share({8, 100}, kRead).error(), ShareFailure::kUnmapped);
    EXPECT_EQ(memory.Share({UINT64_MAX - 10, 100}, kRead).error(), ShareFailure::kUnmapped);
    EXPECT_EQ(memory.Share({4096, UINT64_MAX / 2}, kRead).error(), ShareFailure::kUnmapped);
    EXPECT_EQ(memory.Share(RangeOf(start, 0), kRead).error(), ShareFailure::kUnmapped);
    region.Reset();
    EXPECT_EQ(memory.Share(RangeOf(start, 10), kRead).error(), ShareFailure::kUnmapped);
}

TEST_F(AppMemoryTest, ReadOnlyMemory_StaysReadOnly) {
    const MappedRegion region = MapFresh(8192, 9);
    ASSERT_EQ(mprotect(region.data(), 8192, PROT_READ), 0);
    const auto slices = memory.Share(RangeOf(region.data() + 10, 5000), kRead);
    ASSERT_TRUE(slices);
    EXPECT_FALSE(memory.Find(RangeOf(region.data() + 10, 5000), kWrite));
    EXPECT_TRUE(memory.Find(RangeOf(region.data() + 10, 5000), kRead));
}

// The contract that nothing stale is given out, step by step.
TEST_F(AppMemoryTest, RangeThatIsMappedAnew_IsNotFound) {
    for (const bool text_only : {false, true}) {
        if (text_only) {
            memory.address_space_for_test().UseTextOnly();
        }
        MappedRegion region = MapFresh(kMiB, 1);
        const AppRange range = RangeOf(region.data(), kMiB);
        ASSERT_TRUE(memory.Share(range, kWrite));
        EXPECT_TRUE(memory.Find(range, kWrite));
        ASSERT_EQ(mprotect(region.data() + 4096, 4096, PROT_READ), 0);
        EXPECT_FALSE(memory.Find(range, kWrite));
        EXPECT_TRUE(memory.Find(range, kRead));
        ASSERT_NE(mmap(region.data() + 8192, 4096, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
                  MAP_FAILED);
        EXPECT_FALSE(memory.Find(range, kRead));
        std::byte *const place = region.data();
        region.Reset();
        EXPECT_FALSE(memory.Find(range, kRead));
        // Unless somebody else is there already.
        void *const anew = mmap(place, kMiB, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
        EXPECT_FALSE(memory.Find(range, kRead));
        if (anew != MAP_FAILED) {
            munmap(anew, kMiB);
        }
    }
}

TEST_F(AppMemoryTest, MovedMapping_IsFoundWhereItIsNow) {
    MappedRegion region = MapFresh(8 * 4096, 1);
    MappedRegion target = MapFresh(8 * 4096, 2);
    const auto slices = memory.Share(RangeOf(region.data(), 8 * 4096), kWrite);
    ASSERT_TRUE(slices);
    ASSERT_EQ(
        mremap(region.data(), 4 * 4096, 4 * 4096, MREMAP_MAYMOVE | MREMAP_FIXED, target.data()),
        target.data());
    // Somebody else may be mapped there by now.
    auto *const left = static_cast<std::byte *>(region.Release());
    const MappedRegion rest = MappedRegion::Adopt(left + size_t{4} * 4096, 4 * 4096);
    const auto found = memory.Find(RangeOf(target.data() + 5, 100), kWrite);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->region, slices->front().region);
    EXPECT_EQ(found->offset, 5U);
    EXPECT_FALSE(memory.Find(RangeOf(left, 100), kRead));
}

// Where the sweep looked for it first, it is not any more.
TEST_F(AppMemoryTest, MovedMapping_IsStillFoundAfterASweep) {
    MappedRegion region = MapFresh(8 * 4096, 1);
    MappedRegion target = MapFresh(8 * 4096, 2);
    ASSERT_TRUE(memory.Share(RangeOf(region.data(), 8 * 4096), kWrite));
    ASSERT_EQ(
        mremap(region.data(), 8 * 4096, 8 * 4096, MREMAP_MAYMOVE | MREMAP_FIXED, target.data()),
        target.data());
    (void)region.Release();
    for (const bool text_only : {false, true}) {
        if (text_only) {
            memory.address_space_for_test().UseTextOnly();
        }
        memory.Sweep();
        memory.Sweep();
        EXPECT_TRUE(memory.Find(RangeOf(target.data(), 8 * 4096), kWrite));
    }
    EXPECT_EQ(InChild([&] {
                  std::memset(target.data(), 7, 8 * 4096);
                  return true;
              }),
              0);
    EXPECT_EQ(target.data()[0], std::byte{1});
    target.Reset();
    memory.Sweep();
    EXPECT_FALSE(memory.Find(RangeOf(region.data(), 1), kRead));
}

// realloc(3) moves the pages of large blocks without a copy, and the kernel would show the file beyond its end.
TEST_F(AppMemoryTest, ReallocatedMemory_GrowsAndKeepsItsBytes) {
    for (const uint64_t length : {300'000UL, 4 * kMiB}) {
        auto *bytes = static_cast<char *>(std::malloc(length));
        std::memset(bytes, 5, length);
        ASSERT_TRUE(memory.Share(RangeOf(bytes, length), kWrite));
        auto *const larger = static_cast<char *>(std::realloc(bytes, 3 * length));
        ASSERT_NE(larger, nullptr);
        std::memset(larger + length, 6, 2 * length);
        EXPECT_EQ(std::count(larger, larger + length, 5), static_cast<int64_t>(length));
        EXPECT_EQ(std::count(larger, larger + 3 * length, 6), static_cast<int64_t>(2 * length));
        ASSERT_TRUE(memory.Share(RangeOf(larger, 3 * length), kWrite));
        auto *const smaller = static_cast<char *>(std::realloc(larger, length));
        EXPECT_EQ(std::count(smaller, smaller + length, 5), static_cast<int64_t>(length));
        std::free(smaller);
    }
}

TEST_F(AppMemoryTest, RemappedMemory_GrowsWithZeros) {
    MappedRegion region = MapFresh(kMiB, 5);
    const auto slices = memory.Share(RangeOf(region.data(), kMiB), kWrite);
    ASSERT_TRUE(slices);
    EXPECT_EQ(mremap(region.data(), kMiB, 2 * kMiB, 0), MAP_FAILED);
    EXPECT_EQ(errno, ENOMEM);
    void *const made = mremap(region.data(), kMiB, 2 * kMiB, MREMAP_MAYMOVE);
    ASSERT_NE(made, MAP_FAILED);
    (void)region.Release();
    const auto *const bytes = static_cast<char *>(made);
    EXPECT_EQ(std::count(bytes, bytes + kMiB, 5), static_cast<int64_t>(kMiB));
    EXPECT_EQ(std::count(bytes + kMiB, bytes + 2 * kMiB, 0), static_cast<int64_t>(kMiB));
    EXPECT_FALSE(memory.Find(RangeOf(made, 1), kRead));
    munmap(made, 2 * kMiB);
}

TEST_F(AppMemoryTest, Leave_LeavesTheOldBytesToTheHolder) {
    const MappedRegion region = MapFresh(kMiB, 4);
    const AppRange range = RangeOf(region.data() + 100, kMiB - 200);
    const auto before = memory.Share(range, kWrite);
    ASSERT_TRUE(before);
    ASSERT_TRUE(memory.Leave(range));
    std::memset(region.data(), 5, kMiB);
    EXPECT_EQ(Contents(*before), std::vector<std::byte>(range.length, std::byte{4}));
    const auto after = memory.Find(range, kWrite);
    ASSERT_TRUE(after);
    EXPECT_NE(after->region, before->front().region);
}

TEST_F(AppMemoryTest, PinnedRegion_IsNotLeft) {
    const MappedRegion region = MapFresh(kMiB, 4);
    const AppRange range = RangeOf(region.data(), kMiB);
    const auto slices = memory.Share(range, kWrite);
    ASSERT_TRUE(slices);
    memory.Pin(*slices->front().region);
    ASSERT_TRUE(memory.Leave(range));
    EXPECT_EQ(memory.Find(range, kWrite)->region, slices->front().region);
    memory.Unpin(*slices->front().region);
    ASSERT_TRUE(memory.Leave(range));
    EXPECT_NE(memory.Find(range, kWrite)->region, slices->front().region);
}

TEST_F(AppMemoryTest, ReplacedRange_ShowsTheGivenBytesAndKeepsItsNeighbours) {
    const MappedRegion region = MapFresh(4 * 4096, 1);
    auto given = SharedRegion::Create(4 * 4096, "given");
    ASSERT_TRUE(given);
    std::memset((*given)->Writable() + 100, 2, 3 * 4096);
    const SharedSlice slice{*given, 100, 3 * 4096};
    ASSERT_TRUE(memory.Replace(RangeOf(region.data() + 100, 3 * 4096), slice,
                               AppMemory::Contents::kOfTheSlice));
    std::vector<std::byte> expected(4 * 4096, std::byte{1});
    std::fill_n(expected.begin() + 100, 3 * 4096, std::byte{2});
    EXPECT_TRUE(std::equal(expected.begin(), expected.end(), region.data()));
    *At(slice) = std::byte{9};
    EXPECT_EQ(ReadNow(region.data() + 100), std::byte{9});
    const SharedSlice crooked{*given, 101, 3 * 4096};
    EXPECT_FALSE(memory.Replace(RangeOf(region.data() + 100, 3 * 4096), crooked,
                                AppMemory::Contents::kOfTheSlice));
}

TEST_F(AppMemoryTest, RangeReplacedWithItsOwnContents_KeepsThem) {
    MappedRegion region = MapFresh(4 * 4096, 1);
    auto given = SharedRegion::Create(4 * 4096, "given");
    ASSERT_TRUE(given);
    std::memset((*given)->Writable(), 2, 4 * 4096);
    const SharedSlice slice{*given, 100, 3 * 4096};
    region.data()[5000] = std::byte{3};
    // Memory that the application itself may only read can be read by others.
    ASSERT_EQ(mprotect(region.data(), 4 * 4096, PROT_READ), 0);
    ASSERT_TRUE(memory.Replace(RangeOf(region.data() + 100, 3 * 4096), slice,
                               AppMemory::Contents::kOfTheRange));
    EXPECT_EQ(ReadNow(region.data()), std::byte{1});
    EXPECT_EQ(ReadNow(region.data() + 5000), std::byte{3});
    EXPECT_EQ(*At(slice), std::byte{1});
    ASSERT_EQ(mprotect(region.data(), 4 * 4096, PROT_READ | PROT_WRITE), 0);
    region.data()[100] = std::byte{4};
    EXPECT_EQ(ReadNow(At(slice)), std::byte{4});
}

TEST_F(AppMemoryTest, AllocatedMemory_IsZeroAndShareableFromBirth) {
    const auto address = memory.Allocate(5000);
    ASSERT_TRUE(address);
    auto *const bytes = reinterpret_cast<char *>(*address);
    EXPECT_EQ(std::count(bytes, bytes + 8192, 0), 8192);
    memory.ForbidMovesForTest(true);
    EXPECT_TRUE(memory.Find({*address + 1, 8000}, kWrite));
    EXPECT_EQ(memory.Allocate(4096, *address).error(), ShareFailure::kNoMemory);
    EXPECT_EQ(memory.Allocate(0).error(), ShareFailure::kNoMemory);
    munmap(bytes, 8192);
}

TEST_F(AppMemoryTest, DiscardedMemory_ReadsAsZero) {
    const MappedRegion region = MapFresh(4 * 4096, 1);
    const auto slices = memory.Share(RangeOf(region.data(), 4 * 4096), kWrite);
    ASSERT_TRUE(slices);
    ASSERT_EQ(madvise(region.data() + 4096, 4096, MADV_DONTNEED), 0);
    EXPECT_EQ(region.data()[4096], std::byte{0});
    EXPECT_EQ(region.data()[4095], std::byte{1});
    EXPECT_EQ(region.data()[8192], std::byte{1});
}

TEST_F(AppMemoryTest, WithoutUserfault_NothingIsMoved) {
    memory.ForbidMovesForTest(true);
    const MappedRegion region = MapFresh(8192, 1);
    EXPECT_EQ(memory.Share(RangeOf(region.data(), 8192), kRead).error(), ShareFailure::kNotAllowed);
    EXPECT_FALSE(memory.Find(RangeOf(region.data(), 8192), kRead));
}

// What may be shared all the same can be left all the same, whoever writes to it.
TEST_F(AppMemoryTest, WithoutUserfault_AllocatedMemoryIsLeft) {
    memory.ForbidMovesForTest(true);
    const auto address = memory.Allocate(kMiB);
    ASSERT_TRUE(address);
    auto *const word = reinterpret_cast<uint64_t *>(*address + kMiB / 2);
    const AppRange range = {*address, kMiB};
    std::atomic<bool> stop = false;
    uint64_t num_writes = 0;
    std::jthread writer([&] {
        for (; !stop; ++num_writes) {
            __atomic_fetch_add(word, 1, __ATOMIC_RELAXED);
        }
    });
    for (int i = 0; i < 20; ++i) {
        const auto before = memory.Find(range, kWrite);
        ASSERT_TRUE(before);
        ASSERT_TRUE(memory.Leave(range));
        const auto after = memory.Find(range, kWrite);
        ASSERT_TRUE(after);
        EXPECT_NE(after->region, before->region);
    }
    stop = true;
    writer.join();
    EXPECT_EQ(*word, num_writes);
    munmap(reinterpret_cast<void *>(*address), kMiB);
}

std::atomic<char *> written_in_child = nullptr;

void WriteInChild() {
    if (char *const bytes = written_in_child.load()) {
        *bytes = 'c';
    }
}
// As libraries do that are loaded before any memory is shared.
const int is_registered = pthread_atfork(nullptr, nullptr, &WriteInChild);

TEST_F(AppMemoryTest, OthersForkHandlers_RunOnTheChildsOwnMemory) {
    ASSERT_EQ(is_registered, 0);
    const MappedRegion region = MapFresh(8192, 'a');
    const auto slices = memory.Share(RangeOf(region.data(), 8192), kWrite);
    ASSERT_TRUE(slices);
    memory.Pin(*slices->front().region);
    written_in_child = reinterpret_cast<char *>(region.data());
    EXPECT_EQ(InChild([&] { return region.data()[0] == std::byte{'c'}; }), 0);
    written_in_child = nullptr;
    EXPECT_EQ(ReadNow(region.data()), std::byte{'a'});
    memory.Unpin(*slices->front().region);
}

TEST_F(AppMemoryTest, ForkedChild_HasItsOwnCopyAndTheParentKeepsSharing) {
    const MappedRegion quick = MapFresh(kMiB, 1);
    const MappedRegion pinned = MapFresh(kMiB, 2);
    std::array<char, 9000> stack;
    stack.fill(3);
    ASSERT_TRUE(memory.Share(RangeOf(quick.data(), kMiB), kWrite));
    ASSERT_TRUE(memory.Share(RangeOf(stack.data(), stack.size()), kWrite));
    const auto held = memory.Share(RangeOf(pinned.data(), kMiB), kWrite);
    ASSERT_TRUE(held);
    memory.Pin(*held->front().region);
    EXPECT_EQ(InChild([&] {
                  const bool has_copy = quick.data()[5] == std::byte{1} &&
                                        pinned.data()[kMiB - 1] == std::byte{2} && stack[8999] == 3;
                  std::memset(quick.data(), 7, kMiB);
                  std::memset(pinned.data(), 7, kMiB);
                  stack.fill(7);
                  return has_copy && !memory.Find(RangeOf(pinned.data(), kMiB), kRead);
              }),
              0);
    EXPECT_EQ(quick.data()[5], std::byte{1});
    EXPECT_EQ(pinned.data()[5], std::byte{2});
    EXPECT_EQ(stack[0], 3);
    *At(held->front()) = std::byte{8};
    EXPECT_EQ(ReadNow(pinned.data()), std::byte{8});
    memory.Unpin(*held->front().region);
}

#if !__has_feature(thread_sanitizer)  // which lets no thread start after fork()
/// Shares memory and leaves it, again and again, while another thread writes there. @return whether nothing was lost.
bool ShareUnderAWriter(AppMemory &memory) {
    const MappedRegion region = MapFresh(kMiB, 0);
    auto *const word = reinterpret_cast<uint64_t *>(region.data() + size_t{5} * 4096);
    std::atomic<bool> stop = false;
    uint64_t num_writes = 0;
    std::thread writer([&] {
        while (!stop) {
            __atomic_fetch_add(word, 1, __ATOMIC_RELAXED);
            ++num_writes;
        }
    });
    bool is_shared = true;
    for (int i = 0; i < 20; ++i) {
        is_shared &= memory.Share(RangeOf(region.data(), kMiB), kWrite).has_value();
        is_shared &= memory.Leave(RangeOf(region.data(), kMiB)).has_value();
    }
    stop = true;
    writer.join();
    return is_shared && *word == num_writes;
}

TEST_F(AppMemoryTest, UnprivilegedProcess_SharesTooAndItsWritersLoseNothing) {
    if (geteuid() != 0) {
        GTEST_SKIP() << "runs as an ordinary user already";
    }
    constexpr uid_t kNobody = 65534;
    EXPECT_EQ(InChild([&] { return setuid(kNobody) == 0 && ShareUnderAWriter(memory); }), 0);
}

TEST_F(AppMemoryTest, ProcessWithoutFreeDescriptors_SharesWhenItHasSomeAgain) {
    const int here = 0;
    ASSERT_TRUE(memory.address_space_for_test().AreaAt(reinterpret_cast<uint64_t>(&here)));
    if (memory.address_space_for_test().uses_text_only()) {
        GTEST_SKIP() << "reading the mappings as text takes a descriptor";
    }
    EXPECT_EQ(InChild([&] {
                  const MappedRegion region = MapFresh(kMiB, 0);
                  rlimit limit = {};
                  getrlimit(RLIMIT_NOFILE, &limit);
                  const rlim_t before = limit.rlim_cur;
                  limit.rlim_cur = 0;
                  setrlimit(RLIMIT_NOFILE, &limit);
                  const auto refused = memory.Share(RangeOf(region.data(), kMiB), kWrite);
                  limit.rlim_cur = before;
                  setrlimit(RLIMIT_NOFILE, &limit);
                  return !refused && refused.error() == ShareFailure::kNoMemory &&
                         memory.Share(RangeOf(region.data(), kMiB), kWrite).has_value();
              }),
              0);
}

#endif

class Counter final : public AppMemory::Listener {
public:
    void RegionGone(const SharedRegion & /*region*/) override { ++num_gone; }
    std::atomic<int> num_gone = 0;
};

TEST_F(AppMemoryTest, UnmappedRegion_IsForgottenAndItsMemoryGoesBack) {
    memory.Sweep();
    Counter counter;
    memory.AddListener(&counter);
    MappedRegion region = MapFresh(kMiB, 1);
    std::weak_ptr<SharedRegion> shared;
    {
        const auto slices = memory.Share(RangeOf(region.data(), kMiB), kWrite);
        ASSERT_TRUE(slices);
        shared = slices->front().region;
    }
    memory.Sweep();
    EXPECT_FALSE(shared.expired());
    region.Reset();
    memory.Sweep();
    // The sweep that runs by itself may have found it, and still be at it.
    while (counter.num_gone == 0 || !shared.expired()) {
        std::this_thread::yield();
    }
    EXPECT_EQ(counter.num_gone, 1);
    memory.RemoveListener(&counter);
}

TEST_F(AppMemoryTest, ForgottenRegions_AreKnownUntilTheyAreUnmapped) {
    constexpr uint64_t kNumForgotten = 50;
    {
        const uint64_t num_pages = 2 * (RegionTable::kMaxRegions + kNumForgotten);
        const MappedRegion region = MapFresh(num_pages * 4096, 6);
        for (uint64_t page = 0; page < num_pages; page += 2) {
            ASSERT_TRUE(memory.Share(RangeOf(region.data() + page * 4096, 100), kWrite));
        }
        memory.Sweep();
        EXPECT_GE(memory.num_forgotten_for_test(), kNumForgotten);
    }
    memory.Sweep();
    EXPECT_EQ(memory.num_forgotten_for_test(), 0U);
}

TEST_F(AppMemoryTest, ManyRegions_AreBoundedAndStayUsable) {
    const uint64_t num_pages = 2 * (RegionTable::kMaxRegions + 50);
    const MappedRegion region = MapFresh(num_pages * 4096, 6);
    for (uint64_t page = 0; page < num_pages; page += 2) {
        ASSERT_TRUE(memory.Share(RangeOf(region.data() + page * 4096, 100), kWrite));
    }
    // The first ones are forgotten: they are shared anew, with what they hold.
    const auto again = memory.Share(RangeOf(region.data(), 100), kWrite);
    ASSERT_TRUE(again);
    EXPECT_EQ(Contents(*again), std::vector<std::byte>(100, std::byte{6}));
    // And a child does not share the forgotten ones either.
    EXPECT_EQ(InChild([&] {
                  std::memset(region.data(), 7, num_pages * 4096);
                  return true;
              }),
              0);
    EXPECT_TRUE(std::all_of(region.data(), region.data() + num_pages * 4096,
                            [](std::byte byte) { return byte == std::byte{6}; }));
}

TEST_F(AppMemoryTest, ForgottenStackOfTheForkingThread_IsNotTheChilds) {
    std::array<char, 9000> stack;
    stack.fill(3);
    ASSERT_TRUE(memory.Share(RangeOf(stack.data(), stack.size()), kWrite));
    const uint64_t num_pages = 2 * (RegionTable::kMaxRegions + 1);
    const MappedRegion region = MapFresh(num_pages * 4096, 6);
    for (uint64_t page = 0; page < num_pages; page += 2) {
        ASSERT_TRUE(memory.Share(RangeOf(region.data() + page * 4096, 100), kWrite));
    }
    ASSERT_GE(memory.num_forgotten_for_test(), 1U);
    EXPECT_EQ(InChild([&] {
                  const bool has_copy = stack[0] == 3 && stack[8999] == 3;
                  stack.fill(7);
                  return has_copy;
              }),
              0);
    EXPECT_EQ(ReadNow(stack.data()), 3);
    EXPECT_EQ(stack[8999], 3);
}

}  // namespace
}  // namespace opendext::channel
