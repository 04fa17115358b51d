// SPDX-License-Identifier: Apache-2.0
#include <sys/mman.h>
#include <array>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "runtime/memory/testing/descriptors.h"
#include "runtime/memory/testing/page_access.h"

namespace opendext::memory {
namespace {

TEST(DescriptorFromSlice, SliceOutsideItsRegion_CountsAsUnreadable) {
    auto region = SharedRegion::Create(kPage, "short");
    ASSERT_TRUE(region.has_value());
    Retained<IOMemoryMap> map;
    const SharedSlice beyond{*region, 100, kPage};
    EXPECT_EQ(TryMap(*DescriptorFromSlice(beyond, kIOMemoryDirectionIn, kPage), {}, map),
              kIOReturnError);
    const SharedSlice overflowing{*region, UINT64_MAX, kPage};
    EXPECT_EQ(TryMap(*DescriptorFromSlice(overflowing, kIOMemoryDirectionIn, kPage), {}, map),
              kIOReturnError);
    const SharedSlice too_short{*region, 0, 10};
    EXPECT_EQ(TryMap(*DescriptorFromSlice(too_short, kIOMemoryDirectionIn, 11), {}, map),
              kIOReturnError);
}

TEST(DescriptorFromDeviceMemory, WithSharedMemory_MapsReadOnlyToo) {
    auto region = SharedRegion::Create(2 * kPage, "bar");
    ASSERT_TRUE(region.has_value());
    std::byte *address = (*region)->Writable();
    const auto memory =
        DescriptorFromDeviceMemory({{address, 2 * kPage}, nullptr, {*region, 0, 2 * kPage}});
    const auto map = MapMemory(*memory);
    *reinterpret_cast<std::byte *>(map->GetAddress()) = std::byte{5};
    EXPECT_EQ(address[0], std::byte{5});
    EXPECT_EQ(AccessAt(MapMemory(*memory, {.options = kIOMemoryMapReadOnly})->GetAddress()),
              PageAccess::kReadOnly);
}

TEST(DescriptorFromDeviceMemory, WithoutSharedMemory_IsWhereItIs) {
    alignas(kPage) static std::byte bar[2 * kPage];
    const auto memory = DescriptorFromDeviceMemory({bar, nullptr, {}});
    EXPECT_EQ(MapMemory(*memory, {.offset = 8, .length = 4})->GetAddress(),
              reinterpret_cast<uint64_t>(bar) + 8);
    Retained<IOMemoryMap> map;
    EXPECT_EQ(TryMap(*memory, {.options = kIOMemoryMapReadOnly}, map), kIOReturnError);
    EXPECT_EQ(ShareDescriptorPieces(memory.get()).error(), kIOReturnUnsupported);
}

// semantics.md 2.8
TEST(ShareDescriptorPieces, Buffer_GivesItsCurrentLength) {
    const auto buffer = MakeBuffer(5000);
    ASSERT_EQ(buffer->SetLength(77), kIOReturnSuccess);
    const auto slices = ShareDescriptorPieces(buffer.get());
    ASSERT_TRUE(slices.has_value());
    ASSERT_EQ(slices->size(), 1U);
    const SharedSlice &slice = slices->front();
    EXPECT_EQ(slice.length, 77U);
    EXPECT_EQ(slice.offset, 0U);
    slice.region->Writable()[3] = std::byte{4};
    EXPECT_EQ(BytesOf(*buffer)[3], std::byte{4});
}

TEST(ShareDescriptorPieces, Part_KeepsItsOffsetInThePage) {
    const auto buffer = MakeBuffer(2 * kPage);
    IOMemoryDescriptor *made = nullptr;
    ASSERT_EQ(IOMemoryDescriptor::CreateSubMemoryDescriptor(0, kPage + 3, 9, buffer.get(), &made),
              kIOReturnSuccess);
    const Retained<IOMemoryDescriptor> part(made);
    const auto slices = ShareDescriptorPieces(part.get());
    ASSERT_TRUE(slices.has_value());
    ASSERT_EQ(slices->size(), 1U);
    EXPECT_EQ(slices->front().offset, kPage + 3);
    EXPECT_EQ(slices->front().length, 9U);
}

/// `count` buffers of a page, and one of `last_length` bytes, joined.
Retained<IOMemoryDescriptor> JoinBuffers(uint32_t count, uint64_t last_length) {
    std::vector<Retained<IOBufferMemoryDescriptor>> buffers;
    std::array<IOMemoryDescriptor *, 32> parts = {};
    for (uint32_t i = 0; i <= count; ++i) {
        buffers.push_back(MakeBuffer(i == count ? last_length : kPage));
        BytesOf(*buffers.back())[0] = static_cast<std::byte>(i + 1);
        parts[i] = buffers.back().get();
    }
    IOMemoryDescriptor *made = nullptr;
    EXPECT_EQ(IOMemoryDescriptor::CreateWithMemoryDescriptors(0, count + 1, parts.data(), &made),
              kIOReturnSuccess);
    return Retained<IOMemoryDescriptor>(made);
}

// semantics.md 1.7, 2.8
TEST(ShareDescriptorPieces, ConcatenationOfWholePages_GivesItsPiecesInOrder) {
    const auto whole = JoinBuffers(3, 100);
    const auto slices = ShareDescriptorPieces(whole.get());
    ASSERT_TRUE(slices.has_value());
    ASSERT_EQ(slices->size(), 4U);
    for (size_t i = 0; i < 4; ++i) {
        EXPECT_EQ((*slices)[i].length, i == 3 ? 100 : kPage);
        EXPECT_EQ((*slices)[i].region->ReadOnly()[(*slices)[i].offset],
                  static_cast<std::byte>(i + 1));
    }
}

TEST(ShareDescriptorPieces, PiecesThatMeetInsideAPage_AreUnsupported) {
    const auto short_one = JoinBuffers(0, 100);
    const auto next = MakeBuffer(kPage);
    IOMemoryDescriptor *parts[32] = {short_one.get(), next.get()};
    IOMemoryDescriptor *made = nullptr;
    ASSERT_EQ(IOMemoryDescriptor::CreateWithMemoryDescriptors(0, 2, parts, &made),
              kIOReturnSuccess);
    EXPECT_EQ(ShareDescriptorPieces(Retained<IOMemoryDescriptor>(made).get()).error(),
              kIOReturnUnsupported);
}

// A region that an application may still map is not given to the next buffer.
TEST(ShareDescriptorPieces, SharedBuffer_IsNotUsedForAnotherBuffer) {
    for (int round = 0; round < 4; ++round) {
        auto buffer = MakeBuffer(kPage);
        std::byte *former = BytesOf(*buffer).data();
        const auto slices = ShareDescriptorPieces(buffer.get());
        ASSERT_TRUE(slices.has_value());
        const std::weak_ptr<SharedRegion> region = slices->front().region;
        const auto view = slices->front().region->View(0, kPage, MapAccess::kReadWrite);
        buffer.reset();
        const auto next = MakeBuffer(kPage);
        EXPECT_NE(BytesOf(*next).data(), former);
    }
}

TEST(ShareDescriptorPieces, NothingToShare_IsAnError) {
    EXPECT_EQ(ShareDescriptorPieces(nullptr).error(), kIOReturnBadArgument);
    EXPECT_EQ(ShareDescriptorPieces(DescriptorFromSlice({}, 0, 10).get()).error(),
              kIOReturnVMError);
    const auto buffer = MakeBuffer(1);
    ASSERT_EQ(buffer->SetLength(0), kIOReturnSuccess);
    EXPECT_EQ(ShareDescriptorPieces(buffer.get()).error(), kIOReturnVMError);
}

}  // namespace
}  // namespace opendext::memory
