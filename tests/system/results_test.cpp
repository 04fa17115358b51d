// SPDX-License-Identifier: Apache-2.0
// What an application gets of a driver's outputs: semantics.md 2.4 and 2.5.
#include <sys/mman.h>
#include <algorithm>
#include <array>
#include <vector>

#include "tests/system/probe_test.h"

namespace opendext::rig {

namespace {

class ResultsTest : public ProbeTest {};

TEST_P(ResultsTest, StructuresOfAnySize_ArriveWhole) {
    for (const size_t num_bytes :
         {size_t{1}, size_t{4095}, size_t{4096}, size_t{4097}, size_t{65537}, size_t{1} << 20}) {
        std::vector<uint8_t> input(num_bytes);
        uint64_t sum = 0;
        for (size_t i = 0; i < num_bytes; ++i) {
            input[i] = static_cast<uint8_t>(i * 7);
            sum += input[i];
        }
        uint64_t outputs[2] = {};
        uint32_t num_outputs = 2;
        EXPECT_EQ(IOConnectCallMethod(connect(), kProbeSumInput, nullptr, 0, input.data(),
                                      num_bytes, outputs, &num_outputs, nullptr, nullptr),
                  kIOReturnSuccess);
        EXPECT_EQ(outputs[0], num_bytes);
        EXPECT_EQ(outputs[1], sum);
        const uint64_t value = 9;
        std::vector<uint8_t> output(num_bytes + 1, 0xee);
        size_t size = num_bytes;
        EXPECT_EQ(IOConnectCallMethod(connect(), kProbeFillOutput, &value, 1, nullptr, 0, nullptr,
                                      nullptr, output.data(), &size),
                  kIOReturnSuccess);
        EXPECT_EQ(size, num_bytes);
        EXPECT_EQ(std::ranges::count(output, 9), static_cast<ptrdiff_t>(num_bytes));
        EXPECT_EQ(output.back(), 0xee);
    }
}

// Any failure delivers no outputs.
TEST_P(ResultsTest, FailingDriver_DeliversItsErrorAndNothingElse) {
    std::array<uint64_t, 4> output = {5, 6, 7, 8};
    std::array<uint8_t, 64> bytes = {};
    const uint64_t error = static_cast<uint32_t>(kIOReturnOffline);
    uint32_t num_outputs = 4;
    size_t num_bytes = bytes.size();
    EXPECT_EQ(IOConnectCallMethod(connect(), kProbeFail, &error, 1, nullptr, 0, output.data(),
                                  &num_outputs, bytes.data(), &num_bytes),
              kIOReturnOffline);
    EXPECT_EQ(output, (std::array<uint64_t, 4>{5, 6, 7, 8}));
    EXPECT_EQ(bytes, (std::array<uint8_t, 64>{}));
    EXPECT_EQ(AddOne(connection_), kIOReturnSuccess);
}

TEST_P(ResultsTest, OutputAboveTheRoom_IsBadArgumentAndCopiesNothing) {
    std::array<uint8_t, 32> bytes = {};
    size_t num_bytes = 16;
    EXPECT_EQ(IOConnectCallStructMethod(connect(), kProbeTooMuchOutput, nullptr, 0, bytes.data(),
                                        &num_bytes),
              kIOReturnBadArgument);
    EXPECT_EQ(bytes, (std::array<uint8_t, 32>{}));
    num_bytes = 0;
    EXPECT_EQ(
        IOConnectCallStructMethod(connect(), kProbeTooMuchOutput, nullptr, 0, nullptr, &num_bytes),
        kIOReturnBadArgument);
    std::vector<uint8_t> full(4096);
    num_bytes = full.size();
    EXPECT_EQ(IOConnectCallStructMethod(connect(), kProbeTooMuchOutput, nullptr, 0, full.data(),
                                        &num_bytes),
              kIOReturnBadArgument);
    EXPECT_EQ(AddOne(connection_), kIOReturnSuccess);
}

// With a descriptor for the output, the driver must not give a structure.
TEST_P(ResultsTest, StructureInPlaceOfTheDescriptor_IsBadArgument) {
    std::vector<uint8_t> bytes(5000);
    uint64_t room = 0;
    uint32_t num_outputs = 1;
    size_t num_bytes = bytes.size();
    const uint64_t length = 8;
    EXPECT_EQ(IOConnectCallMethod(connect(), kProbeShort, &length, 1, nullptr, 0, &room,
                                  &num_outputs, bytes.data(), &num_bytes),
              kIOReturnBadArgument);
    EXPECT_EQ(AddOne(connection_), kIOReturnSuccess);
}

TEST_P(ResultsTest, ShorterOutputs_ShrinkTheCounts) {
    std::array<uint8_t, 64> bytes = {};
    std::array<uint64_t, 8> outputs = {};
    for (const uint64_t length : {uint64_t{0}, uint64_t{1}, uint64_t{63}, uint64_t{64}}) {
        uint32_t num_outputs = 8;
        size_t num_bytes = bytes.size();
        EXPECT_EQ(IOConnectCallMethod(connect(), kProbeShort, &length, 1, nullptr, 0,
                                      outputs.data(), &num_outputs, bytes.data(), &num_bytes),
                  kIOReturnSuccess);
        EXPECT_EQ(num_outputs, 1U);
        EXPECT_EQ(outputs[0], bytes.size());
        EXPECT_EQ(num_bytes, length);
    }
}

// The size stays the application's own when the driver sets nothing.
TEST_P(ResultsTest, DriverThatGivesNothing_LeavesTheSize) {
    std::vector<uint8_t> bytes(5000);
    for (const size_t room : {size_t{10}, size_t{4096}, size_t{5000}}) {
        size_t num_bytes = room;
        EXPECT_EQ(IOConnectCallStructMethod(connect(), kProbeNothing, nullptr, 0, bytes.data(),
                                            &num_bytes),
                  kIOReturnSuccess);
        EXPECT_EQ(num_bytes, room);
    }
}

TEST_P(ResultsTest, ObjectOfAnotherClass_IsBadArgument) {
    std::array<uint8_t, 64> bytes = {};
    size_t num_bytes = bytes.size();
    EXPECT_EQ(IOConnectCallStructMethod(connect(), kProbeWrongObject, nullptr, 0, bytes.data(),
                                        &num_bytes),
              kIOReturnBadArgument);
    EXPECT_EQ(AddOne(connection_), kIOReturnSuccess);
}

TEST_P(ResultsTest, VariableOutput_IsFreshMemoryOfTheDriversSize) {
    const uint64_t value = 4;
    void *bytes = nullptr;
    auto num_bytes = static_cast<size_t>(kIOConnectMethodVarOutputSize);
    ASSERT_EQ(IOConnectCallMethod(connect(), kProbeFillOutput, &value, 1, nullptr, 0, nullptr,
                                  nullptr, &bytes, &num_bytes),
              kIOReturnSuccess);
    EXPECT_EQ(num_bytes, 10000U);
    EXPECT_EQ(static_cast<const uint8_t *>(bytes)[9999], 4);
    EXPECT_EQ(munmap(bytes, num_bytes), 0);
}

TEST_P(ResultsTest, VariableOutputOfADriverThatGivesNothing_IsUnderrun) {
    void *bytes = nullptr;
    auto num_bytes = static_cast<size_t>(kIOConnectMethodVarOutputSize);
    EXPECT_EQ(IOConnectCallMethod(connect(), kProbeNothing, nullptr, 0, nullptr, 0, nullptr,
                                  nullptr, &bytes, &num_bytes),
              kIOReturnUnderrun);
    num_bytes = static_cast<size_t>(kIOConnectMethodVarOutputSize);
    EXPECT_EQ(IOConnectCallMethod(connect(), kProbeNothing, nullptr, 0, nullptr, 0, nullptr,
                                  nullptr, nullptr, &num_bytes),
              kIOReturnBadArgument);
    EXPECT_EQ(AddOne(connection_), kIOReturnSuccess);
}

// semantics.md 2.4: a large input is a snapshot, a large output is the application's; what the driver keeps of
// them stays usable, and later calls have memory of their own.
TEST_P(ResultsTest, LargeStructuresThatTheDriverKeeps_AreNotUsedAgain) {
    std::vector<uint8_t> bytes(100000, 1);
    for (int i = 0; i < 5; ++i) {
        size_t num_bytes = bytes.size();
        EXPECT_EQ(IOConnectCallStructMethod(connect(), kProbeKeep, bytes.data(), bytes.size(),
                                            bytes.data(), &num_bytes),
                  kIOReturnSuccess);
        ExpectStillWorks();
    }
}

OPENDEXT_BOTH_VARIANTS(ResultsTest);

}  // namespace

}  // namespace opendext::rig
