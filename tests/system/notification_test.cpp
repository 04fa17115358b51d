// SPDX-License-Identifier: Apache-2.0
// IOServiceNotificationDispatchSource: semantics.md 4.6.
#include "tests/system/core_test.h"

namespace opendext::rig {

namespace {

class NotificationSystemTest : public CoreTest {
protected:
    void SetUp() override {
        CoreTest::SetUp();
        ASSERT_TRUE(WaitForService(kNeighbourName));
        OpenClient(kNotificationClient);
    }
};

TEST_P(NotificationSystemTest, ServiceOfThisProcess_IsToldOfAsItselfAndWhenItEnds) {
    ASSERT_EQ(Call(kWatchBegin, {kWatchUserClass}), kIOReturnSuccess);
    ASSERT_EQ(Call(kNubMake), kIOReturnSuccess);
    EXPECT_TRUE(WaitFor(kWatchCounts, {1, 1, 1, 0, 0}));
    ASSERT_EQ(Call(kNubTerminate), kIOReturnSuccess);
    EXPECT_TRUE(WaitFor(kWatchCounts, {2, 1, 1, 0, 1}));
}

TEST_P(NotificationSystemTest, ServiceOfAnotherProcess_IsThereAlreadyAndHasItsName) {
    ASSERT_EQ(Call(kWatchBegin, {kWatchName}), kIOReturnSuccess);
    EXPECT_TRUE(WaitFor(kWatchCounts, {1, 1, 0, 1, 0}));
}

TEST_P(NotificationSystemTest, PropertyOfTheService_SelectsIt) {
    ASSERT_EQ(Call(kNubMake), kIOReturnSuccess);
    ASSERT_EQ(Call(kWatchBegin, {kWatchProperty}), kIOReturnSuccess);
    EXPECT_TRUE(WaitFor(kWatchCounts, {1, 1, 1, 0, 0}));
}

TEST_P(NotificationSystemTest, KernelClass_SelectsAllServicesOfTheServer) {
    ASSERT_EQ(Call(kWatchHold, {1}), kIOReturnBadArgument) << "there is no watch yet";
    ASSERT_EQ(Call(kNubMake), kIOReturnSuccess);
    ASSERT_EQ(Call(kWatchBegin, {kWatchKernelClass}), kIOReturnSuccess);
    // CoreService, CoreNeighbour and the nub; the handler may have come before all were there.
    EXPECT_TRUE(WaitUntil([&] {
        const Scalars counts = Ask(kWatchCounts, 5);
        return counts[1] == 3 && counts[2] == 1 && counts[3] == 1 && counts[4] == 0;
    }));
}

TEST_P(NotificationSystemTest, WhatIsNotDelivered_IsKept) {
    ASSERT_EQ(Call(kWatchBegin, {kWatchUserClass}), kIOReturnSuccess);
    ASSERT_EQ(Call(kWatchHold, {1}), kIOReturnSuccess);
    ASSERT_EQ(Call(kNubMake), kIOReturnSuccess);
    EXPECT_TRUE(WaitFor(kWatchCounts, {1, 0, 0, 0, 0}));
    ASSERT_EQ(Call(kNubTerminate), kIOReturnSuccess);
    ASSERT_EQ(Call(kNubMake), kIOReturnSuccess);
    Scalars counts;
    EXPECT_TRUE(WaitUntil([&] {
        EXPECT_EQ(Call(kWatchDeliver), kIOReturnSuccess);
        counts = Ask(kWatchCounts, 5);
        return counts[1] + counts[4] == 3;
    }));
    EXPECT_EQ(counts[1], 2U);
    EXPECT_EQ(counts[2], 2U);
    EXPECT_LE(counts[0], 3U) << "the handler comes for the first that waits, not for each";
}

TEST_P(NotificationSystemTest, DisabledSource_TellsWhenItIsEnabledAgain) {
    ASSERT_EQ(Call(kWatchBegin, {kWatchUserClass}), kIOReturnSuccess);
    ASSERT_EQ(Call(kWatchEnable, {0}), kIOReturnSuccess);
    ASSERT_EQ(Call(kNubMake), kIOReturnSuccess);
    ASSERT_EQ(Call(kWatchEnable, {1}), kIOReturnSuccess);
    EXPECT_TRUE(WaitFor(kWatchCounts, {1, 1, 1, 0, 0}));
}

TEST_P(NotificationSystemTest, Cancel_RunsItsHandlerAndNoOtherAfterIt) {
    ASSERT_EQ(Call(kWatchBegin, {kWatchUserClass}), kIOReturnSuccess);
    ASSERT_EQ(Call(kWatchCancel), kIOReturnSuccess);
    EXPECT_TRUE(WaitFor(kWatchCancelled, {1}));
    ASSERT_EQ(Call(kNubMake), kIOReturnSuccess);
    EXPECT_EQ(Call(kWatchDeliver), kIOReturnSuccess);
    EXPECT_EQ(Ask(kWatchCounts, 5), (Scalars{0, 0, 0, 0, 0}));
    EXPECT_EQ(Call(kWatchEnable, {1}), kIOReturnUnsupported);
}

TEST_P(NotificationSystemTest, BadArguments_AreRefused) {
    ASSERT_EQ(Call(kWatchBegin, {kWatchUserClass}), kIOReturnSuccess);
    const auto bad = static_cast<uint32_t>(kIOReturnBadArgument);
    EXPECT_EQ(Ask(kWatchBadArguments, 3), (Scalars{bad, bad, bad}));
}

OPENDEXT_BOTH_VARIANTS(NotificationSystemTest);

}  // namespace

}  // namespace opendext::rig
