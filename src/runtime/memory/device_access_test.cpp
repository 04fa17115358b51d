// SPDX-License-Identifier: Apache-2.0
// What a device that uses memory in place is given.
#include <cstring>

#include <gtest/gtest.h>

#include <DriverKit/IOBufferMemoryDescriptor.h>

#include "runtime/memory/descriptor_factory.h"
#include "runtime/memory/device_access.h"
#include "runtime/object/object_internals.h"

namespace opendext::memory {
namespace {

Retained<IOBufferMemoryDescriptor> Buffer(uint64_t num_bytes, uint64_t direction) {
    IOBufferMemoryDescriptor *made = nullptr;
    EXPECT_EQ(IOBufferMemoryDescriptor::Create(direction, num_bytes, 0, &made), kIOReturnSuccess);
    return Retained<IOBufferMemoryDescriptor>(made);
}

kern_return_t ResultOf(IOMemoryDescriptor *memory, uint64_t offset, uint64_t length,
                       DeviceUse use) {
    const auto access = DeviceAccess::Open(memory, offset, length, use);
    return access ? kIOReturnSuccess : access.error();
}

TEST(DeviceAccess, Pieces_AreTheDescriptorsOwnBytes) {
    const auto buffer = Buffer(10'000, kIOMemoryDirectionInOut);
    IOAddressSegment range{};
    ASSERT_EQ(buffer->GetAddressRange(&range), kIOReturnSuccess);
    auto *bytes = reinterpret_cast<std::byte *>(range.address);
    auto access = DeviceAccess::Open(buffer.get(), 5000, 100, DeviceUse::kWrites);
    ASSERT_TRUE(access.has_value());
    ASSERT_EQ(access->pieces().size(), 1U);
    const DmaPiece &piece = access->pieces()[0];
    EXPECT_EQ(piece.num_bytes, 100U);
    EXPECT_EQ(piece.region_offset, 5000U);
    EXPECT_NE(piece.region, nullptr);
    std::memset(piece.address, 0x5A, 100);
    EXPECT_EQ(bytes[4999], std::byte{0});
    EXPECT_EQ(bytes[5000], std::byte{0x5A});
    EXPECT_EQ(bytes[5099], std::byte{0x5A});
    EXPECT_EQ(bytes[5100], std::byte{0});
}

TEST(DeviceAccess, Descriptor_IsRetained) {
    const auto buffer = Buffer(8, kIOMemoryDirectionInOut);
    auto access = DeviceAccess::Open(buffer.get(), 0, 8, DeviceUse::kReads);
    ASSERT_TRUE(access.has_value());
    EXPECT_EQ(object::ObjectInternals::References(buffer.get()), 2U);
    *access = DeviceAccess();
    EXPECT_EQ(object::ObjectInternals::References(buffer.get()), 1U);
}

TEST(DeviceAccess, RangeBeyondTheCurrentLength_IsRefused) {
    const auto buffer = Buffer(100, kIOMemoryDirectionInOut);
    EXPECT_EQ(ResultOf(nullptr, 0, 0, DeviceUse::kReads), kIOReturnBadArgument);
    EXPECT_EQ(ResultOf(buffer.get(), 0, 101, DeviceUse::kReads), kIOReturnBadArgument);
    EXPECT_EQ(ResultOf(buffer.get(), ~0ULL, 2, DeviceUse::kReads), kIOReturnBadArgument);
    EXPECT_EQ(ResultOf(buffer.get(), 100, 0, DeviceUse::kReads), kIOReturnSuccess);
    ASSERT_EQ(buffer->SetLength(10), kIOReturnSuccess);
    EXPECT_EQ(ResultOf(buffer.get(), 0, 11, DeviceUse::kReads), kIOReturnBadArgument);
}

TEST(DeviceAccess, Direction_SaysWhatADeviceMayDo) {
    const auto out = Buffer(8, kIOMemoryDirectionOut);
    const auto in = Buffer(8, kIOMemoryDirectionIn);
    const auto none = Buffer(8, kIOMemoryDirectionNone);
    EXPECT_EQ(ResultOf(out.get(), 0, 8, DeviceUse::kReads), kIOReturnSuccess);
    EXPECT_EQ(ResultOf(out.get(), 0, 8, DeviceUse::kWrites), kIOReturnBadArgument);
    EXPECT_EQ(ResultOf(in.get(), 0, 8, DeviceUse::kReads), kIOReturnBadArgument);
    EXPECT_EQ(ResultOf(in.get(), 0, 8, DeviceUse::kWrites), kIOReturnSuccess);
    EXPECT_EQ(ResultOf(none.get(), 0, 8, DeviceUse::kReads), kIOReturnSuccess);
    EXPECT_EQ(ResultOf(none.get(), 0, 8, DeviceUse::kWrites), kIOReturnSuccess);
}

TEST(DeviceAccess, Concatenation_IsAPieceForEachPart) {
    const auto first = Buffer(4096, kIOMemoryDirectionInOut);
    const auto second = Buffer(100, kIOMemoryDirectionInOut);
    IOMemoryDescriptor *parts[32] = {first.get(), second.get()};
    IOMemoryDescriptor *whole = nullptr;
    ASSERT_EQ(
        IOMemoryDescriptor::CreateWithMemoryDescriptors(kIOMemoryDirectionInOut, 2, parts, &whole),
        kIOReturnSuccess);
    const Retained<IOMemoryDescriptor> keeper(whole);
    const auto access = DeviceAccess::Open(whole, 4000, 150, DeviceUse::kWrites);
    ASSERT_TRUE(access.has_value());
    ASSERT_EQ(access->pieces().size(), 2U);
    EXPECT_EQ(access->pieces()[0].num_bytes, 96U);
    EXPECT_EQ(access->pieces()[1].num_bytes, 54U);
}

TEST(DeviceAccess, MemoryThatIsNotThere_CannotBeWired) {
    const auto missing =
        DescriptorFromSlice(SharedSlice{.region = nullptr, .length = 8}, kIOMemoryDirectionIn, 8);
    EXPECT_EQ(ResultOf(missing.get(), 0, 8, DeviceUse::kWrites), kIOReturnCannotWire);
}

}  // namespace
}  // namespace opendext::memory
