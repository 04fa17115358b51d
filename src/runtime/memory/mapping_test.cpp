// SPDX-License-Identifier: Apache-2.0
// Every test: semantics.md 1.3, unless it names another section.
#include <sys/mman.h>
#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "runtime/memory/memory_census.h"
#include "runtime/memory/testing/descriptors.h"
#include "runtime/memory/testing/page_access.h"

namespace opendext::memory {
namespace {

/// Address space that is free now.
uint64_t FreeAddresses(uint64_t num_bytes) {
    void *address = mmap(nullptr, num_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    EXPECT_NE(address, MAP_FAILED);
    munmap(address, num_bytes);
    return reinterpret_cast<uint64_t>(address);
}

TEST(CreateMapping, OutMemoryOfSomebodyElse_IsReadOnly) {
    const auto out = MakeClientMemory(kPage, kIOMemoryDirectionOut);
    EXPECT_EQ(AccessAt(MapMemory(*out)->GetAddress()), PageAccess::kReadOnly);
    for (const uint64_t direction :
         {kIOMemoryDirectionNone, kIOMemoryDirectionIn, kIOMemoryDirectionInOut}) {
        const auto memory = MakeClientMemory(kPage, direction);
        EXPECT_EQ(AccessAt(MapMemory(*memory)->GetAddress()), PageAccess::kReadWrite) << direction;
        EXPECT_EQ(AccessAt(MapMemory(*memory, {.options = kIOMemoryMapReadOnly})->GetAddress()),
                  PageAccess::kReadOnly)
            << direction;
    }
}

TEST(CreateMapping, ReadOnlyOfOwnBuffer_IsIgnored) {
    const auto buffer = MakeBuffer(kPage, kIOMemoryDirectionOut);
    EXPECT_EQ(AccessAt(MapMemory(*buffer, {.options = kIOMemoryMapReadOnly})->GetAddress()),
              PageAccess::kReadWrite);
}

TEST(CreateMapping, ReadOnlyMapping_CannotBeUpgraded) {
    const auto out = MakeClientMemory(kPage, kIOMemoryDirectionOut);
    const auto map = MapMemory(*out);
    EXPECT_EQ(AccessAt(map->GetAddress()), PageAccess::kReadOnly);
    EXPECT_EQ(MapMemory(*out).get(), map.get());
}

TEST(CreateMapping, CacheModeThatIsNone_IsBadArgumentAndNull) {
    const auto buffer = MakeBuffer(kPage);
    for (const uint64_t mode : {0x300U, 0x1000U, 0x0500U, 0xFF00U}) {
        auto *map = reinterpret_cast<IOMemoryMap *>(0x10);
        EXPECT_EQ(buffer->CreateMapping(mode, 0, 0, 0, 0, &map), kIOReturnBadArgument);
        EXPECT_EQ(map, nullptr);
    }
    for (const uint64_t mode : {0x0U, 0x100U, 0x200U, 0x400U, 0x800U}) {
        EXPECT_NE(MapMemory(*buffer, {.options = mode}), nullptr);
    }
}

TEST(CreateMapping, UndefinedOptionsAndAlignment_AreIgnored) {
    const auto buffer = MakeBuffer(kPage);
    IOMemoryMap *map = nullptr;
    EXPECT_EQ(buffer->CreateMapping(0xFFFFFFFF00000000, 0, 0, 0, 12345, &map), kIOReturnSuccess);
    OSSafeReleaseNULL(map);
}

TEST(CreateMapping, OffsetWithLengthZero_AlwaysFails) {
    const auto buffer = MakeBuffer(2 * kPage);
    auto *map = reinterpret_cast<IOMemoryMap *>(0x10);
    EXPECT_EQ(buffer->CreateMapping(0, 0, kPage, 0, 0, &map), kIOReturnError);
    EXPECT_EQ(map, nullptr);
}

TEST(CreateMapping, RangeOutsideTheCurrentLength_IsError) {
    const auto buffer = MakeBuffer(2 * kPage);
    Retained<IOMemoryMap> map;
    EXPECT_EQ(TryMap(*buffer, {.offset = 2 * kPage, .length = 1}, map), kIOReturnError);
    EXPECT_EQ(TryMap(*buffer, {.length = 2 * kPage + 1}, map), kIOReturnError);
    EXPECT_EQ(TryMap(*buffer, {.offset = 1, .length = UINT64_MAX}, map), kIOReturnError);
    EXPECT_EQ(TryMap(*buffer, {.offset = UINT64_MAX, .length = 2}, map), kIOReturnError);
    EXPECT_EQ(TryMap(*buffer, {.length = uint64_t{1} << 63}, map), kIOReturnError);
    ASSERT_EQ(buffer->SetLength(100), kIOReturnSuccess);
    EXPECT_EQ(TryMap(*buffer, {.length = 101}, map), kIOReturnError);
    EXPECT_EQ(MapMemory(*buffer)->GetLength(), 100U);
}

TEST(CreateMapping, AfterSetLengthZero_NoNewMapping) {
    const auto buffer = MakeBuffer(kPage);
    ASSERT_EQ(buffer->SetLength(0), kIOReturnSuccess);
    Retained<IOMemoryMap> map;
    EXPECT_EQ(TryMap(*buffer, {}, map), kIOReturnError);
    EXPECT_EQ(TryMap(*buffer, {.length = 1}, map), kIOReturnError);
}

TEST(CreateMapping, RangeOfAnExistingMapping_WorksAfterShrinking) {
    const auto buffer = MakeBuffer(kPage);
    const auto whole = MapMemory(*buffer);
    ASSERT_EQ(buffer->SetLength(10), kIOReturnSuccess);
    EXPECT_EQ(MapMemory(*buffer, {.offset = 50, .length = 60})->GetAddress(),
              whole->GetAddress() + 50);
}

TEST(CreateMapping, CrookedRange_ReachesItsWholePagesOnly) {
    const auto memory = MakeClientMemory(6 * kPage, kIOMemoryDirectionIn, 0);
    const auto map = MapMemory(*memory, {.offset = kPage + 10, .length = kPage});
    const uint64_t address = map->GetAddress();
    EXPECT_EQ(address % kPage, 10U);
    EXPECT_EQ(AccessAt(address - 10), PageAccess::kReadWrite);
    EXPECT_EQ(AccessAt(address - 11), PageAccess::kNone);
    EXPECT_EQ(AccessAt(address - 10 + 2 * kPage - 1), PageAccess::kReadWrite);
    EXPECT_EQ(AccessAt(address - 10 + 2 * kPage), PageAccess::kNone);
}

TEST(CreateMapping, LargeGuard_IsSixtyFourKiB) {
    const auto buffer = MakeBuffer(kPage);
    const auto map = MapMemory(*buffer, {.options = kIOMemoryMapGuardedLarge});
    EXPECT_EQ(AccessAt(map->GetAddress() - 16 * kPage), PageAccess::kNone);
    EXPECT_EQ(AccessAt(map->GetAddress() + kPage + 16 * kPage - 1), PageAccess::kNone);
    EXPECT_EQ(AccessAt(map->GetAddress()), PageAccess::kReadWrite);
}

TEST(CreateMapping, UndefinedGuardBits_AreSmall) {
    const auto buffer = MakeBuffer(kPage);
    const auto small = MapMemory(*buffer, {.options = kIOMemoryMapGuardedSmall});
    EXPECT_EQ(MapMemory(*buffer, {.options = 0x14}).get(), small.get());
    EXPECT_EQ(MapMemory(*buffer).get(), small.get());
    EXPECT_NE(MapMemory(*buffer, {.options = kIOMemoryMapGuardedNone}).get(), small.get());
}

TEST(CreateMapping, FixedAddress_MapsThere) {
    const auto memory = MakeClientMemory(kPage, kIOMemoryDirectionIn, 40);
    const uint64_t address = FreeAddresses(16 * kPage) + 4 * kPage + 40;
    const auto map = MapMemory(*memory, {.options = kIOMemoryMapFixedAddress, .address = address});
    ASSERT_NE(map, nullptr);
    EXPECT_EQ(map->GetAddress(), address);
    EXPECT_EQ(AccessAt(address), PageAccess::kReadWrite);
}

TEST(CreateMapping, FixedAddressThatIsTakenOrCrooked_IsError) {
    const auto buffer = MakeBuffer(kPage);
    const auto other = MakeBuffer(kPage);
    const auto taken = reinterpret_cast<uint64_t>(BytesOf(*other).data());
    Retained<IOMemoryMap> map;
    for (const uint64_t address :
         {taken, FreeAddresses(4 * kPage) + 1, uint64_t{0}, UINT64_MAX - kPage + 1}) {
        EXPECT_EQ(TryMap(*buffer, {.options = kIOMemoryMapFixedAddress, .address = address}, map),
                  kIOReturnError);
    }
    EXPECT_EQ(AccessAt(taken), PageAccess::kReadWrite);
}

TEST(CreateMapping, EqualRequests_GiveTheSameObject) {
    const auto buffer = MakeBuffer(2 * kPage);
    const auto first = MapMemory(*buffer);
    const auto second = MapMemory(*buffer, {.length = 2 * kPage});
    EXPECT_EQ(first.get(), second.get());
    EXPECT_EQ(first->GetAddress(), reinterpret_cast<uint64_t>(BytesOf(*buffer).data()));
}

TEST(CreateMapping, PartOfAMapping_SharesItsPages) {
    const auto memory = MakeClientMemory(4 * kPage, kIOMemoryDirectionIn);
    auto whole = MapMemory(*memory);
    const uint64_t address = whole->GetAddress();
    const auto part = MapMemory(*memory, {.offset = 2 * kPage + 3, .length = 5});
    EXPECT_NE(part.get(), whole.get());
    EXPECT_EQ(part->GetAddress(), address + 2 * kPage + 3);
    EXPECT_EQ(part->GetLength(), 5U);
    EXPECT_EQ(part->GetOffset(), 2 * kPage + 3);
    // The pages stay until both are released.
    whole.reset();
    EXPECT_EQ(AccessAt(part->GetAddress()), PageAccess::kReadWrite);
}

TEST(CreateMapping, OtherCacheMode_IsAnotherMappingUnlessDefault) {
    const auto buffer = MakeBuffer(kPage);
    const auto inhibited = MapMemory(*buffer, {.options = kIOMemoryMapCacheModeInhibit});
    EXPECT_EQ(MapMemory(*buffer).get(), inhibited.get());
    EXPECT_NE(MapMemory(*buffer, {.options = kIOMemoryMapCacheModeCopyback}).get(),
              inhibited.get());
}

TEST(CreateMapping, MemoryThatItsOwnerCouldNotGive_IsError) {
    const auto memory = DescriptorFromSlice({}, kIOMemoryDirectionIn, 10000);
    uint64_t length = 0;
    EXPECT_EQ(memory->GetLength(&length), kIOReturnSuccess);
    EXPECT_EQ(length, 10000U);
    Retained<IOMemoryMap> map;
    EXPECT_EQ(TryMap(*memory, {}, map), kIOReturnError);
}

// semantics.md 1.4
TEST(MemoryMap, OutlivesItsDescriptor) {
    auto buffer = MakeBuffer(kPage);
    BytesOf(*buffer)[7] = std::byte{9};
    const auto map = MapMemory(*buffer, {.offset = 7, .length = 1});
    buffer.reset();
    EXPECT_EQ(*reinterpret_cast<std::byte *>(map->GetAddress()), std::byte{9});
    EXPECT_EQ(map->GetOffset(), 7U);
}

TEST(MemoryMap, LastRelease_EndsTheMapping) {
    const auto buffer = MakeBuffer(kPage);
    auto map = MapMemory(*buffer, {.options = kIOMemoryMapGuardedLarge});
    const uint64_t address = map->GetAddress();
    map.reset();
    EXPECT_EQ(AccessAt(address), PageAccess::kNone);
}

/// Maps and releases ranges that overlap those of other threads. @return how often that went wrong.
int MapAndReleaseOften(IOMemoryDescriptor &memory, uint64_t seed) {
    int num_failures = 0;
    for (uint64_t i = 0; i < 300; ++i) {
        const uint64_t offset = (i % 4) * kPage;
        Retained<IOMemoryMap> map;
        const kern_return_t status =
            TryMap(memory, {.offset = offset, .length = kPage * (1 + (i + seed) % 3)}, map);
        if (status != kIOReturnSuccess || map->GetOffset() != offset ||
            AccessAt(map->GetAddress()) != PageAccess::kReadWrite) {
            ++num_failures;
        }
    }
    return num_failures;
}

TEST(CreateMapping, FromManyThreads_SharesAndLosesNothing) {
    const MemoryCensus before = TakeMemoryCensus();
    {
        const auto memory = MakeClientMemory(8 * kPage, kIOMemoryDirectionIn);
        std::atomic<int> num_failures = 0;
        std::vector<std::thread> threads;
        for (uint64_t seed = 0; seed < 4; ++seed) {
            threads.emplace_back([&, seed] { num_failures += MapAndReleaseOften(*memory, seed); });
        }
        for (std::thread &thread : threads) {
            thread.join();
        }
        EXPECT_EQ(num_failures, 0);
    }
    EXPECT_EQ(TakeMemoryCensus(), before);
}

}  // namespace
}  // namespace opendext::memory
