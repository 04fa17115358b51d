// SPDX-License-Identifier: Apache-2.0
// States and IOServiceStateNotificationDispatchSource: semantics.md 4.6.
#include "tests/system/core_test.h"

namespace opendext::rig {

namespace {

enum : uint64_t { kSystem = 0, kService = 1 };

class StateSystemTest : public CoreTest {
protected:
    void SetUp() override {
        CoreTest::SetUp();
        OpenClient(kStateClient);
    }
    uint64_t Value(uint64_t service, uint64_t item) {
        return Ask(kStateCopy, 1, {service, item})[0];
    }
    /// Waits until the handler has run at least once and read that value. It may run again for a value that it has read.
    bool WaitForValue(uint64_t value) {
        return WaitUntil([&] {
            const Scalars counts = Ask(kStateCounts, 3);
            return counts[0] != 0 && counts[1] == value;
        });
    }
    uint64_t Calls() { return Ask(kStateCounts, 3)[0]; }
};

TEST_P(StateSystemTest, Items_HaveTheirValuesForAllDrivers) {
    ASSERT_EQ(Call(kStateCreate, {kSystem, 1, 10}), kIOReturnSuccess);
    EXPECT_EQ(Value(kSystem, 1), 10U);
    // Of another user client, which has an object of its own for the system's states.
    const Connection first = std::move(connection_);
    OpenClient(kStateClient);
    EXPECT_EQ(Value(kSystem, 1), 10U);
    EXPECT_EQ(Call(kStateCreate, {kSystem, 1, 11}), kIOReturnExclusiveAccess);
    EXPECT_EQ(Call(kStateSet, {kSystem, 1, 12}), kIOReturnSuccess);
    EXPECT_EQ(Value(kSystem, 1), 12U);
}

TEST_P(StateSystemTest, ItemWithoutAValue_IsNotReadyUntilItIsSet) {
    ASSERT_EQ(Call(kStateCreate, {kService, 1}), kIOReturnSuccess);
    Scalars output(1);
    uint32_t count = 1;
    const Scalars input = {kService, 1};
    EXPECT_EQ(
        IOConnectCallScalarMethod(connect(), kStateCopy, input.data(), 2, output.data(), &count),
        kIOReturnNotReady);
    EXPECT_EQ(Call(kStateSet, {kService, 1}), kIOReturnBadArgument) << "without a value";
    EXPECT_EQ(Call(kStateSet, {kService, 1, 5}), kIOReturnSuccess);
    EXPECT_EQ(Value(kService, 1), 5U);
    EXPECT_EQ(Call(kStateSet, {kService, 2, 5}), kIOReturnNotFound);
}

TEST_P(StateSystemTest, Handler_ComesAtOnceAndForEachChangeThatFollowsABegin) {
    ASSERT_EQ(Call(kStateCreate, {kSystem, 1, 10}), kIOReturnSuccess);
    ASSERT_EQ(Call(kStateWatch, {kSystem, 1, 2}), kIOReturnSuccess);
    EXPECT_TRUE(WaitForValue(10));
    ASSERT_EQ(Call(kStateSet, {kSystem, 1, 11}), kIOReturnSuccess);
    EXPECT_TRUE(WaitForValue(11));
    // The second item is not there when the watch begins.
    const uint64_t num_calls = Calls();
    ASSERT_EQ(Call(kStateCreate, {kSystem, 2, 20}), kIOReturnSuccess);
    ASSERT_EQ(Call(kStateSet, {kSystem, 2, 21}), kIOReturnSuccess);
    EXPECT_TRUE(WaitUntil([&] { return Calls() > num_calls; }));
}

TEST_P(StateSystemTest, WithoutBegin_ChangesAreOneThatIsToldOfLater) {
    ASSERT_EQ(Call(kStateCreate, {kService, 1, 10}), kIOReturnSuccess);
    ASSERT_EQ(Call(kStateWatch, {kService, 1, 1}), kIOReturnSuccess);
    EXPECT_TRUE(WaitForValue(10));
    ASSERT_EQ(Call(kStateHold, {1}), kIOReturnSuccess);
    ASSERT_EQ(Call(kStateSet, {kService, 1, 11}), kIOReturnSuccess);
    EXPECT_TRUE(WaitForValue(11));
    ASSERT_EQ(Call(kStateSet, {kService, 1, 12}), kIOReturnSuccess);
    ASSERT_EQ(Call(kStateSet, {kService, 1, 13}), kIOReturnSuccess);
    // Whatever is told of now, the handler comes for what it has not seen.
    ASSERT_EQ(Call(kStateBegin), kIOReturnSuccess);
    EXPECT_TRUE(WaitForValue(13));
}

TEST_P(StateSystemTest, DisabledSource_TellsWhenItIsEnabledAgain) {
    ASSERT_EQ(Call(kStateCreate, {kSystem, 1, 10}), kIOReturnSuccess);
    ASSERT_EQ(Call(kStateWatch, {kSystem, 1, 1}), kIOReturnSuccess);
    EXPECT_TRUE(WaitForValue(10));
    ASSERT_EQ(Call(kStateEnable, {0}), kIOReturnSuccess);
    ASSERT_EQ(Call(kStateSet, {kSystem, 1, 11}), kIOReturnSuccess);
    ASSERT_EQ(Call(kStateEnable, {1}), kIOReturnSuccess);
    EXPECT_TRUE(WaitForValue(11));
}

TEST_P(StateSystemTest, Cancel_RunsItsHandlerAndNoOtherAfterIt) {
    ASSERT_EQ(Call(kStateCreate, {kSystem, 1, 10}), kIOReturnSuccess);
    ASSERT_EQ(Call(kStateWatch, {kSystem, 1, 1}), kIOReturnSuccess);
    EXPECT_TRUE(WaitForValue(10));
    ASSERT_EQ(Call(kStateCancel), kIOReturnSuccess);
    EXPECT_TRUE(WaitUntil([&] { return Ask(kStateCounts, 3)[2] == 1; }));
    const uint64_t num_calls = Calls();
    ASSERT_EQ(Call(kStateSet, {kSystem, 1, 11}), kIOReturnSuccess);
    EXPECT_EQ(Calls(), num_calls);
    EXPECT_EQ(Call(kStateEnable, {1}), kIOReturnUnsupported);
}

TEST_P(StateSystemTest, BadArguments_AreRefused) {
    const auto bad = static_cast<uint32_t>(kIOReturnBadArgument);
    EXPECT_EQ(Ask(kStateBadArguments, 3), (Scalars{bad, bad, bad}));
}

OPENDEXT_BOTH_VARIANTS(StateSystemTest);

}  // namespace

}  // namespace opendext::rig
