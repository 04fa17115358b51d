// SPDX-License-Identifier: Apache-2.0
// What a mapping allows: semantics.md 1.3.
#include <opendext/toolkit/mapping.h>

#include <cstring>
#include <utility>

#include <gtest/gtest.h>

#include "runtime/memory/memory_census.h"
#include "runtime/memory/testing/descriptors.h"
#include "runtime/memory/testing/page_access.h"

namespace opendext::toolkit {
namespace {

using memory::AccessAt;
using memory::kPage;
using memory::MakeBuffer;
using memory::MakeClientMemory;
using memory::PageAccess;
using memory::TakeMemoryCensus;

uint64_t AddressOf(ConstBytes bytes) {
    return reinterpret_cast<uint64_t>(bytes.data);
}

TEST(ToolkitMapping, WholeMemory_IsThere) {
    const auto client = MakeClientMemory(3 * kPage + 5, kIOMemoryDirectionIn, 100);
    Mapping mapping;
    ASSERT_EQ(mapping.Map(client.get(), MappingAccess::kReadWrite), kIOReturnSuccess);
    EXPECT_EQ(mapping.bytes().size, 3 * kPage + 5);
    EXPECT_EQ(mapping.writable_bytes().data, mapping.bytes().data);
    std::memset(mapping.writable_bytes().data, 1, mapping.writable_bytes().size);
    Mapping second;
    ASSERT_EQ(second.Map(client.get(), MappingAccess::kRead), kIOReturnSuccess);
    EXPECT_EQ(second.bytes().data[3 * kPage + 4], 1);
}

TEST(ToolkitMapping, OffsetWithoutLength_GoesToTheEnd) {
    const auto buffer = MakeBuffer(2 * kPage);
    memory::BytesOf(*buffer)[kPage + 7] = std::byte{9};
    Mapping mapping;
    ASSERT_EQ(mapping.Map(buffer.get(), MappingAccess::kRead, kPage + 7), kIOReturnSuccess);
    EXPECT_EQ(mapping.bytes().size, kPage - 7);
    EXPECT_EQ(mapping.bytes().data[0], 9);
    EXPECT_EQ(mapping.get()->GetOffset(), kPage + 7);
}

TEST(ToolkitMapping, ForReading_CannotBeWritten) {
    const auto client = MakeClientMemory(kPage, kIOMemoryDirectionInOut);
    Mapping mapping;
    ASSERT_EQ(mapping.Map(client.get(), MappingAccess::kRead), kIOReturnSuccess);
    EXPECT_TRUE(mapping.writable_bytes().empty());
    EXPECT_EQ(AccessAt(AddressOf(mapping.bytes())), PageAccess::kReadOnly);
}

TEST(ToolkitMapping, RangeOutside_FailsAndEndsTheOldMapping) {
    const auto buffer = MakeBuffer(kPage);
    Mapping mapping;
    ASSERT_EQ(mapping.Map(buffer.get(), MappingAccess::kRead), kIOReturnSuccess);
    EXPECT_EQ(mapping.Map(buffer.get(), MappingAccess::kRead, 1, kPage), kIOReturnError);
    EXPECT_EQ(mapping.get(), nullptr);
    EXPECT_TRUE(mapping.bytes().empty());
    EXPECT_EQ(mapping.Map(buffer.get(), MappingAccess::kRead, kPage), kIOReturnError);
    EXPECT_EQ(mapping.Map(buffer.get(), MappingAccess::kRead, kPage + 1), kIOReturnError);
    EXPECT_EQ(mapping.Map(nullptr, MappingAccess::kRead), kIOReturnBadArgument);
}

TEST(ToolkitMapping, OutlivesItsDescriptor) {
    auto client = MakeClientMemory(kPage, kIOMemoryDirectionIn);
    Mapping mapping;
    ASSERT_EQ(mapping.Map(client.get(), MappingAccess::kReadWrite), kIOReturnSuccess);
    client.reset();
    mapping.writable_bytes().data[kPage - 1] = 3;
    EXPECT_EQ(mapping.bytes().data[kPage - 1], 3);
}

TEST(ToolkitMapping, MovesWithItsBytes_AndEndsOnce) {
    const auto before = TakeMemoryCensus();
    {
        const auto client = MakeClientMemory(kPage, kIOMemoryDirectionIn);
        Mapping first;
        ASSERT_EQ(first.Map(client.get(), MappingAccess::kReadWrite), kIOReturnSuccess);
        const uint64_t address = AddressOf(first.bytes());
        Mapping second(std::move(first));
        EXPECT_TRUE(first.bytes().empty());  // NOLINT(bugprone-use-after-move)
        first = std::move(second);
        EXPECT_EQ(AddressOf(first.bytes()), address);
        EXPECT_EQ(first.writable_bytes().size, kPage);
        EXPECT_EQ(TakeMemoryCensus().num_mappings, before.num_mappings + 1);
        first.Reset();
        EXPECT_EQ(TakeMemoryCensus().num_mappings, before.num_mappings);
    }
    EXPECT_EQ(TakeMemoryCensus(), before);
}

// An ivars struct is made of zero bytes, and no constructor runs.
TEST(ToolkitMapping, OfZeroBytes_IsEmpty) {
    alignas(Mapping) unsigned char storage[sizeof(Mapping)] = {};
    auto *mapping = reinterpret_cast<Mapping *>(storage);
    EXPECT_TRUE(mapping->bytes().empty());
    const auto buffer = MakeBuffer(kPage);
    EXPECT_EQ(mapping->Map(buffer.get(), MappingAccess::kRead), kIOReturnSuccess);
    mapping->Reset();
}

}  // namespace
}  // namespace opendext::toolkit
