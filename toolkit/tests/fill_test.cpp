// SPDX-License-Identifier: Apache-2.0
// What the length of a buffer does: semantics.md 1.8.
#include <opendext/toolkit/fill.h>

#include <cstring>
#include <string_view>

#include <gtest/gtest.h>

#include "runtime/memory/memory_census.h"
#include "runtime/memory/testing/descriptors.h"

namespace opendext::toolkit {
namespace {

using memory::kPage;
using memory::MakeBuffer;
using memory::TakeMemoryCensus;

uint64_t LengthOf(IOBufferMemoryDescriptor &buffer) {
    uint64_t length = 0;
    EXPECT_EQ(buffer.GetLength(&length), kIOReturnSuccess);
    return length;
}

std::string_view TextIn(IOBufferMemoryDescriptor &buffer, size_t num_bytes) {
    return {reinterpret_cast<const char *>(memory::BytesOf(buffer).data()), num_bytes};
}

TEST(ToolkitFill, FromData_SetsContentsAndLength) {
    const auto buffer = MakeBuffer(kPage);
    const memory::Retained<OSData> data(OSData::withBytes("firmware", 8));
    ASSERT_EQ(Fill(buffer.get(), data.get()), kIOReturnSuccess);
    EXPECT_EQ(LengthOf(*buffer), 8U);
    EXPECT_EQ(TextIn(*buffer, 8), "firmware");
}

TEST(ToolkitFill, FromBytes_KeepsTheRest) {
    const auto buffer = MakeBuffer(16);
    ASSERT_EQ(Fill(buffer.get(), ConstBytes("0123456789abcdef", 16)), kIOReturnSuccess);
    ASSERT_EQ(Fill(buffer.get(), ConstBytes("XY", 2)), kIOReturnSuccess);
    EXPECT_EQ(LengthOf(*buffer), 2U);
    EXPECT_EQ(TextIn(*buffer, 16), "XY23456789abcdef");
}

TEST(ToolkitFill, AfterAShorterOne_HasTheWholeCapacity) {
    const auto buffer = MakeBuffer(4);
    ASSERT_EQ(Fill(buffer.get(), ConstBytes("a", 1)), kIOReturnSuccess);
    ASSERT_EQ(Fill(buffer.get(), ConstBytes("abcd", 4)), kIOReturnSuccess);
    EXPECT_EQ(LengthOf(*buffer), 4U);
}

TEST(ToolkitFill, TooMuch_ChangesNothing) {
    const auto buffer = MakeBuffer(4);
    ASSERT_EQ(Fill(buffer.get(), ConstBytes("abc", 3)), kIOReturnSuccess);
    EXPECT_EQ(Fill(buffer.get(), ConstBytes("01234", 5)), kIOReturnNoSpace);
    EXPECT_EQ(LengthOf(*buffer), 3U);
    EXPECT_EQ(TextIn(*buffer, 3), "abc");
}

TEST(ToolkitFill, WithNothing_MakesTheLengthZero) {
    const auto buffer = MakeBuffer(4);
    EXPECT_EQ(Fill(buffer.get(), ConstBytes()), kIOReturnSuccess);
    EXPECT_EQ(LengthOf(*buffer), 0U);
}

TEST(ToolkitFill, OfNullOrFromNull_IsRefused) {
    const auto buffer = MakeBuffer(4);
    EXPECT_EQ(Fill(nullptr, ConstBytes("a", 1)), kIOReturnBadArgument);
    EXPECT_EQ(Fill(buffer.get(), static_cast<const OSData *>(nullptr)), kIOReturnBadArgument);
}

TEST(ToolkitCreateFilled, BufferIsAsLongAsTheData) {
    const auto before = TakeMemoryCensus();
    {
        const memory::Retained<OSData> data(OSData::withBytes("firmware", 8));
        OSSharedPtr<IOBufferMemoryDescriptor> buffer;
        ASSERT_EQ(CreateFilled(kIOMemoryDirectionOut, data.get(), &buffer), kIOReturnSuccess);
        EXPECT_EQ(LengthOf(*buffer), 8U);
        EXPECT_EQ(TextIn(*buffer, 8), "firmware");
    }
    EXPECT_EQ(TakeMemoryCensus(), before);
}

TEST(ToolkitCreateFilled, Failure_LeavesNoBuffer) {
    OSSharedPtr<IOBufferMemoryDescriptor> buffer;
    ASSERT_EQ(CreateFilled(kIOMemoryDirectionOut, ConstBytes("a", 1), &buffer), kIOReturnSuccess);
    EXPECT_EQ(CreateFilled(0x10, ConstBytes("a", 1), &buffer), kIOReturnBadArgument);
    EXPECT_EQ(buffer.get(), nullptr);
    EXPECT_EQ(CreateFilled(kIOMemoryDirectionOut, static_cast<const OSData *>(nullptr), &buffer),
              kIOReturnBadArgument);
    EXPECT_EQ(CreateFilled(kIOMemoryDirectionOut, ConstBytes(), &buffer), kIOReturnBadArgument);
}

}  // namespace
}  // namespace opendext::toolkit
