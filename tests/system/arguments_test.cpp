// SPDX-License-Identifier: Apache-2.0
// What an application gets for arguments that are wrong, and that the next call works.
#include <array>
#include <vector>

#include "channel/wire/call.h"
#include "tests/system/probe_test.h"

namespace opendext::rig {

namespace {

using channel::kMachSendInvalidDest;
using channel::kMigArrayTooLarge;

class ArgumentsTest : public ProbeTest {
protected:
    void TearDown() override {
        if (connection_) {
            ExpectStillWorks();
        }
        ProbeTest::TearDown();
    }

    kern_return_t SendStructure(uint32_t selector, const void *bytes, size_t num_bytes) {
        uint64_t outputs[2] = {};
        uint32_t num_outputs = 2;
        return IOConnectCallMethod(connect(), selector, nullptr, 0, bytes, num_bytes, outputs,
                                   &num_outputs, nullptr, nullptr);
    }

    kern_return_t TakeStructure(void *bytes, size_t num_bytes) {
        const uint64_t value = 1;
        return IOConnectCallMethod(connect(), kProbeFillOutput, &value, 1, nullptr, 0, nullptr,
                                   nullptr, bytes, &num_bytes);
    }
};

// semantics.md 2.3: 16 scalars each way; more of them never reach the driver.
TEST_P(ArgumentsTest, SeventeenScalarsIn_AreTooMany) {
    const std::array<uint64_t, 17> input = {};
    EXPECT_EQ(
        IOConnectCallScalarMethod(connect(), kProbeAddOne, input.data(), 17, nullptr, nullptr),
        kMigArrayTooLarge);
    EXPECT_EQ(IOConnectCallScalarMethod(connect(), kProbeAddOne, input.data(), UINT32_MAX, nullptr,
                                        nullptr),
              kMigArrayTooLarge);
}

// A public client passes a count that it has not set.
TEST_P(ArgumentsTest, RoomForMoreScalarsThanThereCanBe_IsFilledAsFarAsTheDriverDoes) {
    const uint64_t num_bytes = 0;
    for (const uint32_t room : {17U, UINT32_MAX}) {
        std::array<uint64_t, 17> output = {};
        uint32_t num_outputs = room;
        size_t num_taken = 0;
        EXPECT_EQ(IOConnectCallMethod(connect(), kProbeShort, &num_bytes, 1, nullptr, 0,
                                      output.data(), &num_outputs, nullptr, &num_taken),
                  kIOReturnSuccess);
        EXPECT_EQ(num_outputs, 1U);
    }
}

// The driver's own check.
TEST_P(ArgumentsTest, WrongScalarCount_IsTheDriversError) {
    EXPECT_EQ(CallScalars(kProbeAddOne, {1, 2}), kIOReturnBadArgument);
    std::vector<uint64_t> output(3);
    EXPECT_EQ(CallScalars(kProbeAddOne, {1}, &output), kIOReturnBadArgument);
}

// semantics.md 2.6: no table entry for it, no method.
TEST_P(ArgumentsTest, UnknownSelector_IsUnsupported) {
    EXPECT_EQ(CallScalars(kProbeSelectorCount, {}), kIOReturnUnsupported);
    EXPECT_EQ(CallScalars(UINT32_MAX, {}), kIOReturnUnsupported);
}

// semantics.md 2.6: the table's sizes are exact.
TEST_P(ArgumentsTest, WrongStructureSizes_AreBadArgumentsByTheTable) {
    std::array<uint8_t, 17> bytes = {};
    for (const auto &[num_in, num_out] : std::vector<std::pair<size_t, size_t>>{
             {15, 16}, {17, 16}, {16, 15}, {16, 17}, {0, 16}, {16, 0}}) {
        std::array<uint8_t, 17> output = {};
        size_t size = num_out;
        EXPECT_EQ(IOConnectCallStructMethod(connect(), kProbeExactPair, bytes.data(), num_in,
                                            output.data(), &size),
                  kIOReturnBadArgument)
            << num_in << " " << num_out;
    }
    std::array<uint8_t, 16> output = {};
    size_t size = 16;
    EXPECT_EQ(IOConnectCallStructMethod(connect(), kProbeExactPair, bytes.data(), 16, output.data(),
                                        &size),
              kIOReturnSuccess);
}

TEST_P(ArgumentsTest, NullScalarsWithACount_AreBadArguments) {
    EXPECT_EQ(IOConnectCallScalarMethod(connect(), kProbeAddOne, nullptr, 1, nullptr, nullptr),
              kIOReturnBadArgument);
    const uint64_t input = 1;
    uint32_t num_outputs = 1;
    EXPECT_EQ(IOConnectCallScalarMethod(connect(), kProbeAddOne, &input, 1, nullptr, &num_outputs),
              kIOReturnBadArgument);
}

TEST_P(ArgumentsTest, NullStructuresWithASize_AreBadArguments) {
    for (const size_t num_bytes : {size_t{1}, size_t{4096}, size_t{4097}, size_t{1} << 30}) {
        EXPECT_EQ(SendStructure(kProbeSumInput, nullptr, num_bytes), kIOReturnBadArgument)
            << num_bytes;
        EXPECT_EQ(TakeStructure(nullptr, num_bytes), kIOReturnBadArgument) << num_bytes;
    }
}

// semantics.md 2.4: a structure above 4096 bytes is a descriptor over the application's pages; 1.3: a mapping of
// pages that are not there fails with kIOReturnError, in the driver.
TEST_P(ArgumentsTest, UnmappedInput_FailsInTheDriver) {
    const MissingPage missing;
    EXPECT_EQ(SendStructure(kProbeSumInput, missing.address(), 5000), kIOReturnError);
    EXPECT_EQ(SendStructure(kProbeSumInput, missing.before(4096), 5000), kIOReturnError);
    EXPECT_EQ(SendStructure(kProbeSumInput, missing.before(5000), 5000), kIOReturnSuccess);
}

TEST_P(ArgumentsTest, UnmappedOutput_FailsInTheDriver) {
    const MissingPage missing;
    EXPECT_EQ(TakeStructure(missing.address(), 5000), kIOReturnError);
    EXPECT_EQ(TakeStructure(missing.before(4096), 5000), kIOReturnError);
    EXPECT_EQ(TakeStructure(missing.before(5000), 5000), kIOReturnSuccess);
}

TEST_P(ArgumentsTest, StructureSizesBeyondAllMemory_AreRefused) {
    std::array<uint8_t, 16> bytes = {};
    EXPECT_NE(SendStructure(kProbeSumInput, bytes.data(), SIZE_MAX), kIOReturnSuccess);
    EXPECT_NE(SendStructure(kProbeSumInput, bytes.data(), size_t{1} << 60), kIOReturnSuccess);
    // semantics.md 2.4: an output size above UINT32_MAX.
    EXPECT_EQ(TakeStructure(bytes.data(), size_t{UINT32_MAX} + 1), kIOReturnIPCError);
}

// semantics.md 2.7.
TEST_P(ArgumentsTest, AsyncReferences_AreOneToEight) {
    const LoopPort port;
    uint64_t references[9] = {};
    const uint64_t none = 0;
    const auto call = [&](uint64_t *words, uint32_t count) {
        return IOConnectCallAsyncScalarMethod(connect(), kProbeEvents, port.mach_port(), words,
                                              count, &none, 1, nullptr, nullptr);
    };
    EXPECT_EQ(call(references, 9), kMigArrayTooLarge);
    EXPECT_EQ(call(references, 0), kIOReturnBadArgument);
    EXPECT_EQ(call(nullptr, 3), kIOReturnBadArgument);
    EXPECT_EQ(call(references, 8), kIOReturnSuccess);
    EXPECT_EQ(call(nullptr, 0), kIOReturnSuccess);
}

TEST_P(ArgumentsTest, SynchronousCallOfAnAsynchronousMethod_IsTheDriversError) {
    EXPECT_EQ(CallScalars(kProbeEvents, {1}), kIOReturnBadArgument);
}

TEST_P(ArgumentsTest, NamesThatAreNoConnection_AreDeadOrBad) {
    const IoObject service = FindService("ProbeService");
    for (const io_connect_t name : {io_connect_t{0}, io_connect_t{0xdeadbeef}, service.get()}) {
        uint64_t input = 1;
        // semantics.md 7.2: a dead name.
        EXPECT_EQ(IOConnectCallScalarMethod(name, kProbeAddOne, &input, 1, nullptr, nullptr),
                  kMachSendInvalidDest);
        mach_vm_address_t address = 0;
        mach_vm_size_t size = 0;
        EXPECT_NE(IOConnectMapMemory64(name, 0, mach_task_self(), &address, &size, kIOMapAnywhere),
                  kIOReturnSuccess);
        EXPECT_NE(IOConnectUnmapMemory64(name, 0, mach_task_self(), address), kIOReturnSuccess);
        EXPECT_NE(IOServiceClose(name), kIOReturnSuccess);
    }
    EXPECT_EQ(IOObjectRelease(0xdeadbeef), kIOReturnBadArgument);
    EXPECT_EQ(IOIteratorNext(0xdeadbeef), IO_OBJECT_NULL);
    io_connect_t connect = IO_OBJECT_NULL;
    EXPECT_NE(IOServiceOpen(0xdeadbeef, mach_task_self(), 0, &connect), kIOReturnSuccess);
    EXPECT_EQ(connect, IO_OBJECT_NULL);
}

TEST_P(ArgumentsTest, ClosedConnection_IsDead) {
    Connection other = Open(FindService("ProbeService"));
    ASSERT_EQ(AddOne(other), kIOReturnSuccess);
    const io_connect_t name = other.get();
    other.Close();
    const uint64_t input = 1;
    EXPECT_EQ(IOConnectCallScalarMethod(name, kProbeAddOne, &input, 1, nullptr, nullptr),
              kMachSendInvalidDest);
    EXPECT_NE(IOServiceClose(name), kIOReturnSuccess);
}

// semantics.md 7.2, 2.11.
TEST_P(ArgumentsTest, WhatDextConnectionsDoNotHave_IsUnsupported) {
    io_service_t service = IO_OBJECT_NULL;
    EXPECT_EQ(IOConnectGetService(connect(), &service), kIOReturnUnsupported);
    EXPECT_EQ(IOConnectSetNotificationPort(connect(), 0, 0, 0), kIOReturnUnsupported);
    EXPECT_EQ(IOConnectAddClient(connect(), connect()), kIOReturnUnsupported);
    EXPECT_EQ(IOConnectSetCFProperty(connect(), CFSTR("key"), kCFBooleanTrue),
              kIOReturnUnsupported);
}

// Whatever was wrong, the driver's process holds no more than before.
TEST_P(ArgumentsTest, WrongCalls_LeaveNothingBehind) {
    ExpectStillWorks();
    const std::vector<uint64_t> before = Census();
    const MissingPage missing;
    for (int i = 0; i < 50; ++i) {
        static_cast<void>(SendStructure(kProbeSumInput, missing.before(100), 5000));
        static_cast<void>(TakeStructure(missing.before(100), 5000));
        static_cast<void>(SendStructure(kProbeExactPair, &before, 17));
        static_cast<void>(CallScalars(kProbeFail, {static_cast<uint32_t>(kIOReturnBusy)}));
        static_cast<void>(CallScalars(UINT32_MAX, {}));
    }
    EXPECT_TRUE(ComesBackTo(before));
}

OPENDEXT_BOTH_VARIANTS(ArgumentsTest);

}  // namespace

}  // namespace opendext::rig
