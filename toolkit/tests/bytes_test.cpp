// SPDX-License-Identifier: Apache-2.0
#include <opendext/toolkit/bytes.h>

#include <cstring>

#include <gtest/gtest.h>

#include "runtime/memory/testing/descriptors.h"

namespace opendext::toolkit {
namespace {

using memory::kPage;
using memory::MakeBuffer;

TEST(ToolkitBytes, OfData_AreItsOwn) {
    const memory::Retained<OSData> data(OSData::withBytes("firmware", 8));
    const ConstBytes bytes = BytesOf(data.get());
    EXPECT_EQ(bytes.data, data->getBytesNoCopy());
    EXPECT_EQ(bytes.size, 8U);
}

TEST(ToolkitBytes, OfNoData_AreNone) {
    EXPECT_TRUE(BytesOf(static_cast<const OSData *>(nullptr)).empty());
    const memory::Retained<OSData> data(OSData::withCapacity(10));
    EXPECT_TRUE(BytesOf(data.get()).empty());
}

// semantics.md 1.8: the same address each time, and the capacity whatever the length is.
TEST(ToolkitBytes, OfABuffer_AreAllOfIt) {
    const auto buffer = MakeBuffer(kPage + 1);
    Bytes first;
    ASSERT_EQ(BytesOf(buffer.get(), &first), kIOReturnSuccess);
    EXPECT_EQ(first.size, kPage + 1);
    std::memset(first.data, 0x5a, first.size);
    ASSERT_EQ(buffer->SetLength(1), kIOReturnSuccess);
    Bytes second;
    ASSERT_EQ(BytesOf(buffer.get(), &second), kIOReturnSuccess);
    EXPECT_EQ(second.data, first.data);
    EXPECT_EQ(second.size, first.size);
    EXPECT_EQ(ConstBytes(second).data, second.data);
}

TEST(ToolkitBytes, OfNoBuffer_AreRefused) {
    Bytes bytes(&bytes, sizeof(bytes));
    EXPECT_EQ(BytesOf(static_cast<IOBufferMemoryDescriptor *>(nullptr), &bytes),
              kIOReturnBadArgument);
    EXPECT_TRUE(bytes.empty());
}

TEST(ToolkitBytes, RangeThatWraps_IsNotWithin) {
    EXPECT_TRUE(RangeIsWithin(0, 0, 0));
    EXPECT_TRUE(RangeIsWithin(4, 4, 8));
    EXPECT_TRUE(RangeIsWithin(8, 0, 8));
    EXPECT_FALSE(RangeIsWithin(9, 0, 8));
    EXPECT_FALSE(RangeIsWithin(4, 5, 8));
    EXPECT_FALSE(RangeIsWithin(UINT64_MAX, 2, 8));
    EXPECT_FALSE(RangeIsWithin(2, UINT64_MAX, 8));
}

}  // namespace
}  // namespace opendext::toolkit
