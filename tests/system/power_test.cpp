// SPDX-License-Identifier: Apache-2.0
// Power states: semantics.md 3.11. Who may have which state is tested with PowerTree.
#include <atomic>
#include <thread>

#include "channel/wire/io_result.h"
#include "iokit/session.h"
#include "tests/system/core_test.h"

namespace opendext::rig {

namespace {

constexpr uint64_t kOff = 0;
constexpr uint64_t kOn = 2;
constexpr uint64_t kLow = 0x10000;
enum : uint64_t { kService = 0, kNub = 1 };

class PowerSystemTest : public CoreTest {
protected:
    void SetUp() override {
        CoreTest::SetUp();
        OpenClient(kPowerClient);
    }
    void MakeNub() {
        ASSERT_EQ(Call(kPowerMakeNub), kIOReturnSuccess);
        ASSERT_EQ(Call(kPowerJoin), kIOReturnSuccess);
    }
    bool WaitForStates(const Scalars &expected) { return WaitFor(kPowerStates, expected); }
};

TEST_P(PowerSystemTest, MatchedService_IsToldOfTheStateThatItWants) {
    ASSERT_EQ(Call(kPowerChange, {kService, kLow}), kIOReturnSuccess);
    EXPECT_TRUE(WaitForStates({kLow, 1, 0, 0}));
    ASSERT_EQ(Call(kPowerChange, {kService, kOn}), kIOReturnSuccess);
    EXPECT_TRUE(WaitForStates({kOn, 2, 0, 0}));
}

TEST_P(PowerSystemTest, OtherStates_AreRefused) {
    for (const uint64_t state : {uint64_t{1}, uint64_t{3}, kLow | kOn}) {
        EXPECT_EQ(Call(kPowerChange, {kService, state}), kIOReturnBadArgument);
    }
}

TEST_P(PowerSystemTest, CreatedService_TakesPartOnceItHasJoined) {
    ASSERT_EQ(Call(kPowerMakeNub), kIOReturnSuccess);
    ASSERT_EQ(Call(kPowerChange, {kNub, kLow}), kIOReturnSuccess);
    EXPECT_EQ(Ask(kPowerStates, 4), (Scalars{0, 0, 0, 0}));
    ASSERT_EQ(Call(kPowerJoin), kIOReturnSuccess);
    // Its provider has said nothing, and follows.
    EXPECT_TRUE(WaitForStates({kLow, 1, kLow, 1}));
    EXPECT_EQ(Call(kPowerJoin), kIOReturnSuccess);
}

TEST_P(PowerSystemTest, ProviderGoesDown_WhenTheNubHasAcknowledged) {
    MakeNub();
    ASSERT_EQ(Call(kPowerHold, {1}), kIOReturnSuccess);
    ASSERT_EQ(Call(kPowerChange, {kNub, kOff}), kIOReturnSuccess);
    EXPECT_TRUE(WaitForStates({0, 0, kOff, 1}));
    ASSERT_EQ(Call(kPowerChange, {kService, kOff}), kIOReturnSuccess);
    EXPECT_EQ(Ask(kPowerStates, 4), (Scalars{0, 0, kOff, 1}));
    ASSERT_EQ(Call(kPowerAcknowledge), kIOReturnSuccess);
    EXPECT_TRUE(WaitForStates({kOff, 1, kOff, 1}));
    EXPECT_EQ(Call(kPowerAcknowledge), kIOReturnNotReady) << "nothing is under way";
}

TEST_P(PowerSystemTest, SetPowerStateThatFails_Acknowledges) {
    MakeNub();
    ASSERT_EQ(Call(kPowerFail, {1}), kIOReturnSuccess);
    ASSERT_EQ(Call(kPowerChange, {kNub, kLow}), kIOReturnSuccess);
    EXPECT_TRUE(WaitForStates({kLow, 1, kLow, 1}));
}

TEST_P(PowerSystemTest, Override_TakesTheNubDown) {
    MakeNub();
    ASSERT_EQ(Call(kPowerChange, {kService, kLow}), kIOReturnSuccess);
    ASSERT_EQ(Call(kPowerOverride, {1}), kIOReturnSuccess);
    EXPECT_TRUE(WaitForStates({kLow, 1, kLow, 1}));
    ASSERT_EQ(Call(kPowerOverride, {0}), kIOReturnSuccess);
    EXPECT_TRUE(WaitForStates({kOn, 2, kOn, 2}));
}

TEST_P(PowerSystemTest, NubThatEndsWithoutAcknowledging_HoldsNobodyUp) {
    MakeNub();
    ASSERT_EQ(Call(kPowerHold, {1}), kIOReturnSuccess);
    ASSERT_EQ(Call(kPowerChange, {kNub, kLow}), kIOReturnSuccess);
    EXPECT_TRUE(WaitForStates({0, 0, kLow, 1}));
    ASSERT_EQ(Call(kPowerChange, {kService, kOff}), kIOReturnSuccess);
    ASSERT_EQ(Call(kPowerEndNub), kIOReturnSuccess);
    EXPECT_TRUE(WaitForStates({kOff, 1, kLow, 1}));
}

TEST_P(PowerSystemTest, BusyState_IsSeenByTheApplicationAndCountsOnceForTheProvider) {
    MakeNub();
    const IoObject service = FindService("CoreService");
    // Drivers may still be matched to what has been registered.
    ASSERT_TRUE(WaitFor(kBusyStates, {0, 0}));
    ASSERT_EQ(Call(kBusyAdjust, {kNub, 2}), kIOReturnSuccess);
    EXPECT_EQ(Ask(kBusyStates, 2), (Scalars{1, 2}));
    uint32_t busy = 0;
    EXPECT_EQ(IOServiceGetBusyState(service.get(), &busy), kIOReturnSuccess);
    EXPECT_EQ(busy, 1U);
    ASSERT_EQ(Call(kBusyAdjust, {kNub, static_cast<uint64_t>(-2)}), kIOReturnSuccess);
    EXPECT_EQ(Ask(kBusyStates, 2), (Scalars{0, 0}));
    EXPECT_EQ(Call(kBusyAdjust, {kService, static_cast<uint64_t>(-1)}), kIOReturnBadArgument);
}

TEST_P(PowerSystemTest, Sleep_ReturnsWhenTheDriverIsOffAndWakeWhenItIsAsBefore) {
    const auto directory = iokit::Session::Current().directory();
    MakeNub();
    ASSERT_EQ(Call(kPowerChange, {kNub, kLow}), kIOReturnSuccess);
    EXPECT_TRUE(WaitForStates({kLow, 1, kLow, 1}));
    EXPECT_EQ(directory->SetAsleep(true), channel::kSuccess);
    EXPECT_EQ(Ask(kPowerStates, 4), (Scalars{kOff, 2, kOff, 2}));
    ASSERT_EQ(Call(kPowerChange, {kService, kOn}), kIOReturnSuccess);
    EXPECT_EQ(directory->SetAsleep(true), channel::kSuccess) << "again";
    EXPECT_EQ(Ask(kPowerStates, 4), (Scalars{kOff, 2, kOff, 2}));
    EXPECT_EQ(directory->SetAsleep(false), channel::kSuccess);
    EXPECT_EQ(Ask(kPowerStates, 4), (Scalars{kOn, 3, kLow, 3}));
}

TEST_P(PowerSystemTest, Sleep_WaitsForTheDriverThatAcknowledgesLater) {
    MakeNub();
    ASSERT_EQ(Call(kPowerHold, {1}), kIOReturnSuccess);
    std::atomic<bool> is_asleep = false;
    std::thread sleeper([&is_asleep] {
        EXPECT_EQ(iokit::Session::Current().directory()->SetAsleep(true), channel::kSuccess);
        is_asleep = true;
    });
    EXPECT_TRUE(WaitForStates({0, 0, kOff, 1})) << "the nub is told, what it stands on is not";
    EXPECT_FALSE(is_asleep.load());
    ASSERT_EQ(Call(kPowerAcknowledge), kIOReturnSuccess);
    sleeper.join();
    EXPECT_EQ(Ask(kPowerStates, 4), (Scalars{kOff, 1, kOff, 1}));
}

OPENDEXT_BOTH_VARIANTS(PowerSystemTest);

}  // namespace

}  // namespace opendext::rig
