// SPDX-License-Identifier: Apache-2.0
#include "base/mapping.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <limits>

#include <gtest/gtest.h>

namespace opendext {
namespace {

bool IsMapped(const void *address) {
    unsigned char is_resident = 0;
    return ::mincore(const_cast<void *>(address), 1, &is_resident) == 0;
}

TEST(SharedMemoryTest, TwoViews_SeeTheSameBytes) {
    const auto memory = SharedMemory::Create("test", 100);
    ASSERT_TRUE(memory.has_value());
    EXPECT_EQ(memory->num_bytes(), PageSize());
    const auto first = memory->Map();
    const auto second = memory->Map(MapAccess::kReadOnly);
    ASSERT_TRUE(first && second);
    EXPECT_NE(first->data(), second->data());
    first->bytes()[99] = std::byte{42};
    EXPECT_EQ(second->bytes()[99], std::byte{42});
}

TEST(SharedMemoryTest, ImpossibleSizes_AreInvalid) {
    for (const uint64_t num_bytes : {uint64_t{0}, std::numeric_limits<uint64_t>::max(),
                                     uint64_t{std::numeric_limits<int64_t>::max()}}) {
        const auto memory = SharedMemory::Create("test", num_bytes);
        ASSERT_FALSE(memory.has_value()) << num_bytes;
        EXPECT_EQ(memory.error().error_number, EINVAL);
    }
}

TEST(SharedMemoryTest, Size_CannotBeChangedByAnyone) {
    const auto memory = SharedMemory::Create("test", PageSize());
    ASSERT_TRUE(memory.has_value());
    EXPECT_NE(::ftruncate(memory->fd(), 0), 0);
    EXPECT_NE(::ftruncate(memory->fd(), static_cast<off_t>(2 * PageSize())), 0);
}

TEST(SharedMemoryTest, SentDescriptor_IsAdoptedWithItsSize) {
    auto memory = SharedMemory::Create("test", 3 * PageSize());
    ASSERT_TRUE(memory.has_value());
    const auto adopted = SharedMemory::Adopt(memory->TakeFd(), 2 * PageSize());
    ASSERT_TRUE(adopted.has_value());
    EXPECT_EQ(adopted->num_bytes(), 3 * PageSize());
    EXPECT_FALSE(memory->is_valid());
}

TEST(SharedMemoryTest, SmallerThanPromised_IsNotAdopted) {
    auto memory = SharedMemory::Create("test", PageSize());
    ASSERT_TRUE(memory.has_value());
    const auto adopted = SharedMemory::Adopt(memory->TakeFd(), PageSize() + 1);
    ASSERT_FALSE(adopted.has_value());
    EXPECT_EQ(adopted.error().error_number, EMSGSIZE);
}

TEST(SharedMemoryTest, UnsealedMemory_IsNotAdopted) {
    UniqueFd fd(::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    ASSERT_EQ(::ftruncate(fd.get(), static_cast<off_t>(PageSize())), 0);
    const auto adopted = SharedMemory::Adopt(std::move(fd), PageSize());
    ASSERT_FALSE(adopted.has_value());
    EXPECT_EQ(adopted.error().error_number, EPERM);
}

TEST(SharedMemoryTest, DescriptorThatIsNoMemory_IsNotAdopted) {
    const auto adopted = SharedMemory::Adopt(UniqueFd(::open("/dev/null", O_RDWR | O_CLOEXEC)), 1);
    ASSERT_FALSE(adopted.has_value());
    EXPECT_EQ(adopted.error().error_number, EINVAL);
}

TEST(MappedRegionTest, EndOfScope_Unmaps) {
    const std::byte *address = nullptr;
    {
        const auto region = MappedRegion::MapAnonymous(PageSize());
        ASSERT_TRUE(region.has_value());
        address = region->data();
        ASSERT_TRUE(IsMapped(address));
    }
    EXPECT_FALSE(IsMapped(address));
}

TEST(MappedRegionTest, MovedFrom_IsEmptyAndTheRangeStays) {
    auto first = MappedRegion::MapAnonymous(PageSize());
    ASSERT_TRUE(first.has_value());
    const MappedRegion second = *std::move(first);
    EXPECT_FALSE(first->is_mapped());  // NOLINT(bugprone-use-after-move)
    EXPECT_EQ(first->num_bytes(), 0u);
    EXPECT_TRUE(IsMapped(second.data()));
}

TEST(MappedRegionTest, CrookedOffsetOrEmptyRange_IsInvalid) {
    const auto memory = SharedMemory::Create("test", 2 * PageSize());
    ASSERT_TRUE(memory.has_value());
    const auto outcome = [](auto region) { return region ? 0 : region.error().error_number; };
    EXPECT_EQ(outcome(MappedRegion::Map(memory->fd(), 1, PageSize())), EINVAL);
    EXPECT_EQ(outcome(MappedRegion::Map(memory->fd(), 0, 0)), EINVAL);
    EXPECT_EQ(outcome(MappedRegion::MapAnonymous(0)), EINVAL);
}

}  // namespace
}  // namespace opendext
