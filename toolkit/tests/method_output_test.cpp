// SPDX-License-Identifier: Apache-2.0
// How outputs travel: semantics.md 2.4 and 2.5.
#include <opendext/toolkit/method_output.h>

#include <cstring>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "runtime/memory/memory_census.h"
#include "runtime/memory/testing/descriptors.h"

namespace opendext::toolkit {
namespace {

using memory::TakeMemoryCensus;

enum class Form { kInline, kDescriptor, kAnySize };

std::string NameOf(Form form) {
    return form == Form::kInline ? "Inline" : form == Form::kDescriptor ? "Descriptor" : "AnySize";
}

/// The output of one call, and what the application gets of it.
class Output : public testing::TestWithParam<Form> {
protected:
    Output() {
        arguments_.structureOutputMaximumSize =
            GetParam() == Form::kAnySize ? uint64_t{kIOUserClientVariableStructureSize} : kRoom;
        if (GetParam() == Form::kDescriptor) {
            memory_ = memory::MakeClientMemory(kRoom, kIOMemoryDirectionIn, 77);
            arguments_.structureOutputDescriptor = memory_.get();
        }
    }
    ~Output() override { OSSafeReleaseNULL(arguments_.structureOutput); }

    /// The first bytes of what arrives.
    std::string Arrived(size_t num_bytes) {
        if (GetParam() == Form::kDescriptor) {
            EXPECT_EQ(arguments_.structureOutput, nullptr);
            const auto map = memory::MapMemory(*memory_);
            return {reinterpret_cast<const char *>(map->GetAddress()), num_bytes};
        }
        EXPECT_EQ(arguments_.structureOutput->getLength(), num_bytes);
        return {static_cast<const char *>(arguments_.structureOutput->getBytesNoCopy()), num_bytes};
    }

    static constexpr uint64_t kRoom = 1000;
    IOUserClientMethodArguments arguments_ = {};
    memory::Retained<IOMemoryDescriptor> memory_;
};

TEST_P(Output, AppendedBytesArriveInOrder) {
    MethodOutput output(&arguments_);
    EXPECT_EQ(output.descriptor(), memory_.get());
    EXPECT_EQ(output.capacity(), arguments_.structureOutputMaximumSize);
    ASSERT_EQ(output.Append(ConstBytes("hello ", 6)), kIOReturnSuccess);
    ASSERT_EQ(output.Append(ConstBytes("world", 5)), kIOReturnSuccess);
    ASSERT_EQ(output.AppendValue('!'), kIOReturnSuccess);
    EXPECT_EQ(output.length(), 12U);
    ASSERT_EQ(output.Finish(), kIOReturnSuccess);
    EXPECT_EQ(Arrived(12), "hello world!");
}

TEST_P(Output, BytesThatNobodyWrote_AreZero) {
    MethodOutput output(&arguments_);
    ASSERT_EQ(output.Write(5, ConstBytes("b", 1)), kIOReturnSuccess);
    ASSERT_EQ(output.Write(1, ConstBytes("a", 1)), kIOReturnSuccess);
    ASSERT_EQ(output.SetLength(8), kIOReturnSuccess);
    ASSERT_EQ(output.Finish(), kIOReturnSuccess);
    EXPECT_EQ(Arrived(8), std::string("\0a\0\0\0b\0\0", 8));
}

TEST_P(Output, RoomIsFilledInPlace) {
    MethodOutput output(&arguments_);
    ASSERT_EQ(output.Append(ConstBytes("ab", 2)), kIOReturnSuccess);
    Bytes room;
    ASSERT_EQ(output.GetRoom(kRoom, &room), kIOReturnSuccess);
    ASSERT_EQ(room.size, kRoom);
    EXPECT_EQ(room.data[1], 'b');
    EXPECT_EQ(room.data[kRoom - 1], 0);
    std::memcpy(room.data + 2, "cd", 2);
    EXPECT_EQ(output.length(), 2U);
    ASSERT_EQ(output.SetLength(4), kIOReturnSuccess);
    ASSERT_EQ(output.Finish(), kIOReturnSuccess);
    EXPECT_EQ(Arrived(4), "abcd");
}

TEST_P(Output, ShorterLength_DropsTheRest) {
    MethodOutput output(&arguments_);
    ASSERT_EQ(output.Append(ConstBytes("abcdef", 6)), kIOReturnSuccess);
    ASSERT_EQ(output.SetLength(3), kIOReturnSuccess);
    ASSERT_EQ(output.Append(ConstBytes("X", 1)), kIOReturnSuccess);
    ASSERT_EQ(output.Finish(), kIOReturnSuccess);
    EXPECT_EQ(Arrived(4), "abcX");
}

TEST_P(Output, MoreThanTheRoom_IsRefused) {
    const uint64_t room_bytes = arguments_.structureOutputMaximumSize;
    MethodOutput output(&arguments_);
    EXPECT_EQ(output.Write(room_bytes, ConstBytes("a", 1)), kIOReturnNoSpace);
    EXPECT_EQ(output.Write(UINT64_MAX, ConstBytes("ab", 2)), kIOReturnNoSpace);
    EXPECT_EQ(output.SetLength(room_bytes + 1), kIOReturnNoSpace);
    Bytes room;
    EXPECT_EQ(output.GetRoom(room_bytes + 1, &room), kIOReturnNoSpace);
    EXPECT_TRUE(room.empty());
    EXPECT_EQ(output.length(), 0U);
}

TEST_P(Output, MappingAndMemoryEndWithTheView) {
    const auto before = TakeMemoryCensus();
    {
        MethodOutput output(&arguments_);
        ASSERT_EQ(output.Append(ConstBytes("a", 1)), kIOReturnSuccess);
    }
    EXPECT_EQ(TakeMemoryCensus(), before);
    EXPECT_EQ(arguments_.structureOutput, nullptr);
}

INSTANTIATE_TEST_SUITE_P(Toolkit, Output,
                         testing::Values(Form::kInline, Form::kDescriptor, Form::kAnySize),
                         [](const auto &info) { return NameOf(info.param); });

class ToolkitMethodOutput : public testing::Test {
protected:
    ~ToolkitMethodOutput() override { OSSafeReleaseNULL(arguments_.structureOutput); }

    IOUserClientMethodArguments arguments_ = {};
};

// semantics.md 2.5: without a structureOutput the application would be told its own size.
TEST_F(ToolkitMethodOutput, NothingWritten_IsAnEmptyOutput) {
    arguments_.structureOutputMaximumSize = 16;
    MethodOutput output(&arguments_);
    ASSERT_EQ(output.Finish(), kIOReturnSuccess);
    ASSERT_NE(arguments_.structureOutput, nullptr);
    EXPECT_EQ(arguments_.structureOutput->getLength(), 0U);
}

TEST_F(ToolkitMethodOutput, NoneWanted_StaysNone) {
    MethodOutput output(&arguments_);
    EXPECT_EQ(output.Append(ConstBytes("a", 1)), kIOReturnNoSpace);
    EXPECT_EQ(output.Append(ConstBytes()), kIOReturnSuccess);
    EXPECT_EQ(output.Finish(), kIOReturnSuccess);
    EXPECT_EQ(arguments_.structureOutput, nullptr);
}

TEST_F(ToolkitMethodOutput, SecondFinish_IsRefused) {
    arguments_.structureOutputMaximumSize = 16;
    MethodOutput output(&arguments_);
    ASSERT_EQ(output.Finish(), kIOReturnSuccess);
    EXPECT_EQ(output.Finish(), kIOReturnNotPermitted);
}

TEST_F(ToolkitMethodOutput, AnySize_GrowsWithWhatIsWritten) {
    arguments_.structureOutputMaximumSize = kIOUserClientVariableStructureSize;
    std::vector<uint8_t> expected;
    MethodOutput output(&arguments_);
    for (uint32_t i = 0; i < 5000; ++i) {
        const uint8_t word[4] = {static_cast<uint8_t>(i), static_cast<uint8_t>(i >> 8), 3, 4};
        ASSERT_EQ(output.Append(ConstBytes(word, 4)), kIOReturnSuccess);
        expected.insert(expected.end(), word, word + 4);
    }
    // A gap beyond what is allocated.
    ASSERT_EQ(output.Write(100000, ConstBytes("z", 1)), kIOReturnSuccess);
    expected.resize(100000);
    expected.push_back('z');
    ASSERT_EQ(output.Finish(), kIOReturnSuccess);
    EXPECT_TRUE(arguments_.structureOutput->isEqualTo(expected.data(), expected.size()));
}

TEST_F(ToolkitMethodOutput, LargestInlineOutput_Fits) {
    arguments_.structureOutputMaximumSize = 4096;
    const std::vector<uint8_t> bytes(4096, 0xa5);
    MethodOutput output(&arguments_);
    ASSERT_EQ(output.Append(ConstBytes(bytes.data(), bytes.size())), kIOReturnSuccess);
    EXPECT_EQ(output.Append(ConstBytes("a", 1)), kIOReturnNoSpace);
    ASSERT_EQ(output.Finish(), kIOReturnSuccess);
    EXPECT_TRUE(arguments_.structureOutput->isEqualTo(bytes.data(), bytes.size()));
}

TEST_F(ToolkitMethodOutput, MemoryThatCannotBeMapped_IsAnError) {
    const auto gone = memory::DescriptorFromSlice({}, kIOMemoryDirectionIn, 8192);
    arguments_.structureOutputMaximumSize = 8192;
    arguments_.structureOutputDescriptor = gone.get();
    MethodOutput output(&arguments_);
    EXPECT_EQ(output.Append(ConstBytes("a", 1)), kIOReturnError);
    EXPECT_EQ(output.length(), 0U);
}

}  // namespace
}  // namespace opendext::toolkit
