// SPDX-License-Identifier: Apache-2.0
// How inputs arrive: semantics.md 2.4.
#include <opendext/toolkit/method_input.h>

#include <cstring>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

#include "runtime/memory/memory_census.h"
#include "runtime/memory/testing/descriptors.h"

namespace opendext::toolkit {
namespace {

using memory::kPage;
using memory::TakeMemoryCensus;

/// One input in one of its forms.
enum class Form { kInline, kDescriptor };

class Input : public testing::TestWithParam<Form> {
protected:
    const IOUserClientMethodArguments *Arguments(const std::vector<uint8_t> &bytes) {
        if (GetParam() == Form::kInline) {
            data_.reset(OSData::withBytes(bytes.data(), bytes.size()));
            arguments_.structureInput = data_.get();
        } else {
            const uint64_t offset = 123;
            auto region = SharedRegion::Create(offset + bytes.size(), "client");
            EXPECT_TRUE(region.has_value());
            const auto writable = memory::DescriptorFromSlice({*region, offset, bytes.size()},
                                                              kIOMemoryDirectionIn, bytes.size());
            const auto map = memory::MapMemory(*writable);
            std::memcpy(reinterpret_cast<void *>(map->GetAddress()), bytes.data(), bytes.size());
            memory_ = memory::DescriptorFromSlice({*region, offset, bytes.size()},
                                                  kIOMemoryDirectionOut, bytes.size());
            arguments_.structureInputDescriptor = memory_.get();
        }
        return &arguments_;
    }

    static std::vector<uint8_t> Counting(size_t size) {
        std::vector<uint8_t> bytes(size);
        std::iota(bytes.begin(), bytes.end(), uint8_t{1});
        return bytes;
    }

    IOUserClientMethodArguments arguments_ = {};
    memory::Retained<OSData> data_;
    memory::Retained<IOMemoryDescriptor> memory_;
};

TEST_P(Input, BytesAreWhatTheApplicationPassed) {
    const auto bytes = Counting(4096);
    MethodInput input(Arguments(bytes));
    EXPECT_EQ(input.size(), 4096U);
    EXPECT_EQ(input.descriptor() != nullptr, GetParam() == Form::kDescriptor);
    ConstBytes seen;
    ASSERT_EQ(input.GetBytes(&seen), kIOReturnSuccess);
    EXPECT_EQ(std::vector<uint8_t>(seen.data, seen.data + seen.size), bytes);
}

TEST_P(Input, ReadOfARange_CopiesIt) {
    MethodInput input(Arguments(Counting(100)));
    uint8_t three[3] = {};
    ASSERT_EQ(input.Read(97, 3, three), kIOReturnSuccess);
    EXPECT_EQ(three[0], 98);
    EXPECT_EQ(three[2], 100);
    EXPECT_EQ(input.Read(100, 0, nullptr), kIOReturnSuccess);
}

TEST_P(Input, ReadOutside_IsAnUnderrun) {
    MethodInput input(Arguments(Counting(100)));
    uint8_t bytes[4] = {7, 7, 7, 7};
    EXPECT_EQ(input.Read(97, 4, bytes), kIOReturnUnderrun);
    EXPECT_EQ(input.Read(101, 0, bytes), kIOReturnUnderrun);
    EXPECT_EQ(input.Read(UINT64_MAX, 4, bytes), kIOReturnUnderrun);
    EXPECT_EQ(input.Read(4, UINT64_MAX, bytes), kIOReturnUnderrun);
    EXPECT_EQ(bytes[0], 7);
}

TEST_P(Input, ValueOfAnotherSize_IsABadArgument) {
    MethodInput input(Arguments(Counting(8)));
    uint64_t word = 0;
    uint32_t half = 0;
    EXPECT_EQ(input.ReadValue(&half), kIOReturnBadArgument);
    ASSERT_EQ(input.ReadValue(&word), kIOReturnSuccess);
    EXPECT_EQ(word, 0x0807060504030201U);
}

TEST_P(Input, MappingEndsWithTheView) {
    const auto *arguments = Arguments(Counting(10));
    const auto before = TakeMemoryCensus();
    {
        MethodInput input(arguments);
        ConstBytes first;
        ConstBytes second;
        ASSERT_EQ(input.GetBytes(&first), kIOReturnSuccess);
        ASSERT_EQ(input.GetBytes(&second), kIOReturnSuccess);
        EXPECT_EQ(first.data, second.data);
    }
    EXPECT_EQ(TakeMemoryCensus(), before);
}

INSTANTIATE_TEST_SUITE_P(Toolkit, Input, testing::Values(Form::kInline, Form::kDescriptor),
                         [](const auto &info) {
                             return info.param == Form::kInline ? "Inline" : "Descriptor";
                         });

TEST(ToolkitMethodInput, ThatIsNotThere_IsEmpty) {
    const IOUserClientMethodArguments arguments = {};
    MethodInput input(&arguments);
    EXPECT_EQ(input.size(), 0U);
    ConstBytes bytes;
    EXPECT_EQ(input.GetBytes(&bytes), kIOReturnSuccess);
    EXPECT_TRUE(bytes.empty());
    uint64_t word = 0;
    EXPECT_EQ(input.ReadValue(&word), kIOReturnBadArgument);
}

// semantics.md 1.3: a range that is not there any more cannot be mapped.
TEST(ToolkitMethodInput, MemoryThatCannotBeMapped_IsAnError) {
    const auto gone = memory::DescriptorFromSlice({}, kIOMemoryDirectionOut, 2 * kPage);
    IOUserClientMethodArguments arguments = {};
    arguments.structureInputDescriptor = gone.get();
    MethodInput input(&arguments);
    EXPECT_EQ(input.size(), 2 * kPage);
    ConstBytes bytes;
    EXPECT_EQ(input.GetBytes(&bytes), kIOReturnError);
    EXPECT_TRUE(bytes.empty());
    uint8_t byte = 0;
    EXPECT_EQ(input.Read(0, 1, &byte), kIOReturnError);
}

}  // namespace
}  // namespace opendext::toolkit
