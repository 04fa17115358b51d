// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

#if __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#endif

#include "runtime/memory/memory_census.h"
#include "runtime/memory/testing/descriptors.h"
#include "runtime/memory/testing/page_access.h"

namespace opendext::memory {
namespace {

uint64_t LengthOf(IOMemoryDescriptor &memory) {
    uint64_t length = 0;
    EXPECT_EQ(memory.GetLength(&length), kIOReturnSuccess);
    return length;
}

// semantics.md 1.8

TEST(BufferMemoryDescriptor, OtherOptionBit_IsRefusedAndResultUntouched) {
    auto *const untouched = reinterpret_cast<IOBufferMemoryDescriptor *>(0x10);
    IOBufferMemoryDescriptor *buffer = untouched;
    EXPECT_EQ(IOBufferMemoryDescriptor::Create(kIOMemoryDisableCopyOnWrite, 64, 0, &buffer),
              kIOReturnBadArgument);
    EXPECT_EQ(IOBufferMemoryDescriptor::Create(kIOMemoryDirectionIn | 4, 64, 0, &buffer),
              kIOReturnBadArgument);
    EXPECT_EQ(buffer, untouched);
}

TEST(BufferMemoryDescriptor, CapacityZeroOrHuge_IsNoMemoryAndNull) {
    for (const uint64_t capacity : {uint64_t{0}, uint64_t{1} << 63, UINT64_MAX}) {
        auto *buffer = reinterpret_cast<IOBufferMemoryDescriptor *>(0x10);
        EXPECT_EQ(IOBufferMemoryDescriptor::Create(kIOMemoryDirectionIn, capacity, 0, &buffer),
                  kIOReturnNoMemory);
        EXPECT_EQ(buffer, nullptr);
    }
}

TEST(BufferMemoryDescriptor, New_IsZeroFilledPageAlignedAndAsLongAsItsCapacity) {
    const auto buffer = MakeBuffer(5000, kIOMemoryDirectionOut);
    EXPECT_EQ(LengthOf(*buffer), 5000U);
    const auto bytes = BytesOf(*buffer);
    EXPECT_EQ(bytes.size(), 5000U);
    EXPECT_EQ(reinterpret_cast<uint64_t>(bytes.data()) % kPage, 0U);
    EXPECT_TRUE(std::ranges::all_of(bytes, [](std::byte byte) { return byte == std::byte{0}; }));
}

TEST(BufferMemoryDescriptor, GetAddressRange_AlwaysGivesTheSameAddressAndTheCapacity) {
    const auto buffer = MakeBuffer(8192);
    const auto first = BytesOf(*buffer);
    EXPECT_EQ(buffer->SetLength(10), kIOReturnSuccess);
    const auto second = BytesOf(*buffer);
    EXPECT_EQ(second.data(), first.data());
    EXPECT_EQ(second.size(), 8192U);
    EXPECT_EQ(buffer->GetAddressRange(nullptr), kIOReturnBadArgument);
}

TEST(BufferMemoryDescriptor, GetAddressRangeAfterSetLengthZero_StillWorks) {
    const auto buffer = MakeBuffer(8192);
    EXPECT_EQ(buffer->SetLength(0), kIOReturnSuccess);
    EXPECT_EQ(BytesOf(*buffer).size(), 8192U);
}

TEST(BufferMemoryDescriptor, SetLengthBeyondCapacity_SucceedsAndChangesNothing) {
    const auto buffer = MakeBuffer(100);
    EXPECT_EQ(buffer->SetLength(101), kIOReturnSuccess);
    EXPECT_EQ(LengthOf(*buffer), 100U);
    EXPECT_EQ(buffer->SetLength(40), kIOReturnSuccess);
    EXPECT_EQ(LengthOf(*buffer), 40U);
    EXPECT_EQ(buffer->SetLength(100), kIOReturnSuccess);
    EXPECT_EQ(LengthOf(*buffer), 100U);
}

TEST(BufferMemoryDescriptor, RunningOffEitherEnd_ReachesNothing) {
    const auto buffer = MakeBuffer(kPage);
    const auto address = reinterpret_cast<uint64_t>(BytesOf(*buffer).data());
    EXPECT_EQ(AccessAt(address), PageAccess::kReadWrite);
    EXPECT_EQ(AccessAt(address - 1), PageAccess::kNone);
    EXPECT_EQ(AccessAt(address + kPage), PageAccess::kNone);
}

TEST(BufferMemoryDescriptor, OutBufferOfThisProcess_IsWritable) {
    const auto buffer = MakeBuffer(kPage, kIOMemoryDirectionOut);
    EXPECT_EQ(AccessAt(reinterpret_cast<uint64_t>(BytesOf(*buffer).data())),
              PageAccess::kReadWrite);
}

#if __has_feature(address_sanitizer)
// A buffer whose memory is kept for the next one must not be usable meanwhile.
TEST(BufferMemoryDescriptor, ReleasedBuffer_IsPoisoned) {
    std::byte *bytes = nullptr;
    for (int round = 0; round < 3; ++round) {
        bytes = BytesOf(*MakeBuffer(kPage)).data();
    }
    EXPECT_TRUE(__asan_address_is_poisoned(bytes));
    const auto next = MakeBuffer(kPage);
    ASSERT_EQ(BytesOf(*next).data(), bytes);
    EXPECT_FALSE(__asan_address_is_poisoned(bytes));
}
#endif

// semantics.md 1.2, 1.5

TEST(MemoryDescriptor, GetLengthOfNull_IsBadArgument) {
    EXPECT_EQ(MakeBuffer(1)->GetLength(nullptr), kIOReturnBadArgument);
}

TEST(MemoryDescriptor, WithoutMemory_HasNoLengthAndMapsNothing) {
    const Retained<IOMemoryDescriptor> memory(OSTypeAlloc(IOMemoryDescriptor));
    ASSERT_TRUE(memory->init());
    EXPECT_EQ(LengthOf(*memory), 0U);
    Retained<IOMemoryMap> map;
    EXPECT_EQ(TryMap(*memory, {}, map), kIOReturnError);
    EXPECT_EQ(TryMap(*memory, {.length = 1}, map), kIOReturnError);
}

TEST(MemoryDescriptor, Map_LastsAsLongAsTheDescriptorAndIsReused) {
    const auto memory = MakeClientMemory(3 * kPage, kIOMemoryDirectionIn, 100);
    uint64_t address = 0;
    uint64_t length = 0;
    ASSERT_EQ(memory->Map(0, 0, 0, 0, &address, &length), kIOReturnSuccess);
    EXPECT_EQ(length, 3 * kPage);
    EXPECT_EQ(address % kPage, 100U);
    uint64_t again = 0;
    ASSERT_EQ(memory->Map(0, 0, 0, 0, &again, &length), kIOReturnSuccess);
    EXPECT_EQ(again, address);
    EXPECT_EQ(MapMemory(*memory)->GetAddress(), address);
    EXPECT_EQ(AccessAt(address), PageAccess::kReadWrite);
    EXPECT_EQ(memory->Map(0, 0, 0, 0, nullptr, &length), kIOReturnBadArgument);
    EXPECT_EQ(memory->Map(0, 0, 3 * kPage + 1, 0, &again, &length), kIOReturnError);
}

// semantics.md 1.6

TEST(SubMemoryDescriptor, BadArguments_AreRefusedAndResultUntouched) {
    const auto buffer = MakeBuffer(100);
    auto *const untouched = reinterpret_cast<IOMemoryDescriptor *>(0x10);
    IOMemoryDescriptor *part = untouched;
    EXPECT_EQ(IOMemoryDescriptor::CreateSubMemoryDescriptor(0, 0, 1, nullptr, &part),
              kIOReturnBadArgument);
    EXPECT_EQ(IOMemoryDescriptor::CreateSubMemoryDescriptor(4, 0, 1, buffer.get(), &part),
              kIOReturnBadArgument);
    EXPECT_EQ(IOMemoryDescriptor::CreateSubMemoryDescriptor(0, 60, 41, buffer.get(), &part),
              kIOReturnBadArgument);
    EXPECT_EQ(IOMemoryDescriptor::CreateSubMemoryDescriptor(0, UINT64_MAX, 2, buffer.get(), &part),
              kIOReturnBadArgument);
    EXPECT_EQ(buffer->SetLength(50), kIOReturnSuccess);
    EXPECT_EQ(IOMemoryDescriptor::CreateSubMemoryDescriptor(0, 0, 51, buffer.get(), &part),
              kIOReturnBadArgument);
    EXPECT_EQ(part, untouched);
}

TEST(SubMemoryDescriptor, Mapping_IsOfTheParentWithItsOffsets) {
    auto buffer = MakeBuffer(3 * kPage);
    const auto bytes = BytesOf(*buffer);
    IOMemoryDescriptor *made = nullptr;
    ASSERT_EQ(IOMemoryDescriptor::CreateSubMemoryDescriptor(kIOMemoryDirectionInOut, 100, 50,
                                                            buffer.get(), &made),
              kIOReturnSuccess);
    const Retained<IOMemoryDescriptor> part(made);
    EXPECT_EQ(LengthOf(*part), 50U);
    const auto whole = MapMemory(*part);
    EXPECT_EQ(whole->GetOffset(), 100U);
    EXPECT_EQ(whole->GetLength(), 50U);
    EXPECT_EQ(whole->GetAddress(), reinterpret_cast<uint64_t>(bytes.data()) + 100);
    // An explicit length may leave the part, not the parent.
    EXPECT_EQ(MapMemory(*part, {.offset = 10, .length = kPage})->GetOffset(), 110U);
    Retained<IOMemoryMap> map;
    EXPECT_EQ(TryMap(*part, {.offset = 10, .length = 3 * kPage - 109}, map), kIOReturnError);
    EXPECT_EQ(TryMap(*part, {.offset = UINT64_MAX - 50, .length = 10}, map), kIOReturnError);
    // The part holds its parent.
    buffer.reset();
    EXPECT_EQ(AccessAt(whole->GetAddress()), PageAccess::kReadWrite);
}

TEST(SubMemoryDescriptor, OutPartOfOwnBuffer_IsReadOnly) {
    const auto buffer = MakeBuffer(kPage);
    IOMemoryDescriptor *made = nullptr;
    ASSERT_EQ(IOMemoryDescriptor::CreateSubMemoryDescriptor(kIOMemoryDirectionOut, 0, kPage,
                                                            buffer.get(), &made),
              kIOReturnSuccess);
    const Retained<IOMemoryDescriptor> part(made);
    EXPECT_EQ(AccessAt(MapMemory(*part)->GetAddress()), PageAccess::kReadOnly);
}

TEST(SubMemoryDescriptor, Empty_IsMadeButCannotBeMapped) {
    const auto buffer = MakeBuffer(kPage);
    IOMemoryDescriptor *made = nullptr;
    ASSERT_EQ(IOMemoryDescriptor::CreateSubMemoryDescriptor(0, kPage, 0, buffer.get(), &made),
              kIOReturnSuccess);
    const Retained<IOMemoryDescriptor> part(made);
    Retained<IOMemoryMap> map;
    EXPECT_EQ(TryMap(*part, {}, map), kIOReturnError);
}

// semantics.md 1.7

kern_return_t Concatenate(std::vector<IOMemoryDescriptor *> parts,
                          Retained<IOMemoryDescriptor> &whole) {
    IOMemoryDescriptor *made = nullptr;
    const auto count = static_cast<uint32_t>(parts.size());
    parts.resize(40);
    const kern_return_t status = IOMemoryDescriptor::CreateWithMemoryDescriptors(
        kIOMemoryDirectionInOut, count, parts.data(), &made);
    whole.reset(made);
    return status;
}

TEST(MultiMemoryDescriptor, BadArguments_AreRefused) {
    const auto buffer = MakeBuffer(kPage);
    Retained<IOMemoryDescriptor> whole;
    EXPECT_EQ(Concatenate({}, whole), kIOReturnBadArgument);
    EXPECT_EQ(Concatenate({buffer.get(), nullptr}, whole), kIOReturnBadArgument);
    EXPECT_EQ(Concatenate(std::vector<IOMemoryDescriptor *>(33, buffer.get()), whole),
              kIOReturnOverrun);
    auto *const untouched = reinterpret_cast<IOMemoryDescriptor *>(0x10);
    IOMemoryDescriptor *made = untouched;
    IOMemoryDescriptor *parts[32] = {buffer.get()};
    EXPECT_EQ(IOMemoryDescriptor::CreateWithMemoryDescriptors(8, 1, parts, &made),
              kIOReturnBadArgument);
    EXPECT_EQ(made, untouched);
}

TEST(MultiMemoryDescriptor, PagesOfSeveralBuffers_MapOneAfterAnother) {
    auto first = MakeBuffer(2 * kPage);
    auto second = MakeBuffer(100);
    BytesOf(*first)[2 * kPage - 1] = std::byte{1};
    BytesOf(*second)[0] = std::byte{2};
    Retained<IOMemoryDescriptor> whole;
    ASSERT_EQ(Concatenate({first.get(), second.get()}, whole), kIOReturnSuccess);
    EXPECT_EQ(second->SetLength(1), kIOReturnSuccess);
    EXPECT_EQ(LengthOf(*whole), 2 * kPage + 100);
    const auto map = MapMemory(*whole);
    auto *bytes = reinterpret_cast<std::byte *>(map->GetAddress());
    EXPECT_EQ(bytes[2 * kPage - 1], std::byte{1});
    EXPECT_EQ(bytes[2 * kPage], std::byte{2});
    bytes[2 * kPage + 1] = std::byte{3};
    EXPECT_EQ(BytesOf(*second)[1], std::byte{3});
    EXPECT_EQ(AccessAt(map->GetAddress() - 1), PageAccess::kNone);
    EXPECT_EQ(AccessAt(map->GetAddress() + 3 * kPage), PageAccess::kNone);
}

TEST(MultiMemoryDescriptor, CrookedPieces_CannotBeMapped) {
    const auto first = MakeBuffer(100);
    const auto second = MakeBuffer(kPage);
    const auto crooked = MakeClientMemory(kPage, kIOMemoryDirectionIn, 8);
    Retained<IOMemoryDescriptor> whole;
    Retained<IOMemoryMap> map;
    ASSERT_EQ(Concatenate({first.get(), second.get()}, whole), kIOReturnSuccess);
    EXPECT_EQ(TryMap(*whole, {}, map), kIOReturnError);
    ASSERT_EQ(Concatenate({second.get(), crooked.get()}, whole), kIOReturnSuccess);
    EXPECT_EQ(TryMap(*whole, {}, map), kIOReturnError);
}

TEST(MultiMemoryDescriptor, Nested_KeepsOrderAndParts) {
    auto first = MakeBuffer(kPage);
    auto second = MakeBuffer(kPage);
    BytesOf(*first)[0] = std::byte{1};
    BytesOf(*second)[0] = std::byte{2};
    Retained<IOMemoryDescriptor> inner;
    ASSERT_EQ(Concatenate({first.get(), second.get()}, inner), kIOReturnSuccess);
    Retained<IOMemoryDescriptor> outer;
    ASSERT_EQ(Concatenate({second.get(), inner.get()}, outer), kIOReturnSuccess);
    first.reset();
    second.reset();
    inner.reset();
    const auto map = MapMemory(*outer);
    const auto *bytes = reinterpret_cast<const std::byte *>(map->GetAddress());
    EXPECT_EQ(bytes[0], std::byte{2});
    EXPECT_EQ(bytes[kPage], std::byte{1});
    EXPECT_EQ(bytes[2 * kPage], std::byte{2});
}

// semantics.md 1.10

TEST(MemoryDescriptor, Released_LeavesNothing) {
    const MemoryCensus before = TakeMemoryCensus();
    {
        const auto buffer = MakeBuffer(kPage);
        static_cast<void>(BytesOf(*buffer));
        const auto map = MapMemory(*buffer);
        const auto part = MapMemory(*buffer, {.offset = 1, .length = 2});
        EXPECT_EQ(TakeMemoryCensus().num_mappings, before.num_mappings + 2);
    }
    EXPECT_EQ(TakeMemoryCensus(), before);
}

}  // namespace
}  // namespace opendext::memory
