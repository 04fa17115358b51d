// SPDX-License-Identifier: Apache-2.0
#include "registry/power_tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "registry/testing/fake_scheduler.h"

namespace opendext::registry {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr uint32_t kOff = PowerTree::kOff;
constexpr uint32_t kLow = PowerTree::kLow;
constexpr uint32_t kOn = PowerTree::kOn;

struct Sent {
    EntryId service;
    uint32_t flags;
    bool operator==(const Sent &other) const {
        return service == other.service && flags == other.flags;
    }
};

// A bridge with two functions on it.
class PowerTreeTest : public ::testing::Test {
protected:
    EntryId Add(EntryId parent) {
        RegistryEntry &entry = tree.Add(parent, "IOUserService", "service");
        entry.host = 1;
        return entry.id;
    }
    void JoinAll() {
        for (const EntryId service : {bridge, first, second}) {
            power.Join(service);
        }
    }
    // Acknowledges what has been sent last.
    void Acknowledge() { std::exchange(done.back(), nullptr)(); }
    std::vector<Sent> Take() { return std::exchange(sent, {}); }

    RegistryTree tree;
    testing::FakeScheduler scheduler;
    bool answers_at_once = true;
    std::vector<Sent> sent;
    std::vector<std::function<void()>> done;
    PowerTree power{tree, scheduler,
                    [this](EntryId service, uint32_t flags, std::function<void()> acknowledged) {
                        sent.push_back({service, flags});
                        if (answers_at_once) {
                            acknowledged();
                        } else {
                            done.push_back(std::move(acknowledged));
                        }
                    }};
    EntryId bridge = Add(tree.root());
    EntryId first = Add(bridge);
    EntryId second = Add(bridge);
};

TEST_F(PowerTreeTest, ServiceThatJoins_IsOnWithoutBeingTold) {
    JoinAll();
    power.Join(bridge);
    EXPECT_THAT(sent, IsEmpty());
}

TEST_F(PowerTreeTest, Change_IsToldToTheServiceOnce) {
    power.Join(bridge);
    power.Change(bridge, kLow);
    power.Change(bridge, kLow);
    EXPECT_THAT(Take(), ElementsAre(Sent{bridge, kLow}));
    power.Change(bridge, kOn);
    EXPECT_THAT(Take(), ElementsAre(Sent{bridge, kOn}));
    EXPECT_EQ(scheduler.num_timers(), 0U);
}

TEST_F(PowerTreeTest, ChangeBeforeJoining_TakesEffectThen) {
    power.Change(bridge, kOff);
    EXPECT_THAT(sent, IsEmpty());
    power.Join(bridge);
    EXPECT_THAT(Take(), ElementsAre(Sent{bridge, kOff}));
}

TEST_F(PowerTreeTest, ServiceStaysAsHighAsOneOnItNeeds) {
    JoinAll();
    power.Change(bridge, kOff);
    EXPECT_THAT(sent, IsEmpty());
    power.Change(first, kOff);
    EXPECT_THAT(Take(), ElementsAre(Sent{first, kOff}));
    power.Change(second, kLow);
    EXPECT_THAT(Take(), ElementsAre(Sent{second, kLow}, Sent{bridge, kLow}));
}

TEST_F(PowerTreeTest, ServiceThatWantsNothing_FollowsThoseOnIt) {
    JoinAll();
    power.Change(first, kLow);
    power.Change(second, kLow);
    EXPECT_THAT(Take(), ElementsAre(Sent{first, kLow}, Sent{second, kLow}, Sent{bridge, kLow}));
    power.Change(second, kOn);
    EXPECT_THAT(Take(), ElementsAre(Sent{bridge, kOn}, Sent{second, kOn}));
}

TEST_F(PowerTreeTest, OnTheWayDown_TheServiceWaitsForThoseOnIt) {
    JoinAll();
    answers_at_once = false;
    power.Change(bridge, kOff);
    power.Change(second, kOff);
    Acknowledge();
    Take();
    power.Change(first, kOff);
    EXPECT_THAT(Take(), ElementsAre(Sent{first, kOff}));
    Acknowledge();
    EXPECT_THAT(Take(), ElementsAre(Sent{bridge, kOff}));
}

TEST_F(PowerTreeTest, OnTheWayUp_ThoseOnAServiceWaitForIt) {
    JoinAll();
    for (const EntryId service : {first, second, bridge}) {
        power.Change(service, kOff);
    }
    Take();
    answers_at_once = false;
    power.Change(first, kOn);
    EXPECT_THAT(Take(), ElementsAre(Sent{bridge, kOn}));
    Acknowledge();
    EXPECT_THAT(Take(), ElementsAre(Sent{first, kOn}));
}

TEST_F(PowerTreeTest, Override_TakesThoseOnTheServiceAlong) {
    JoinAll();
    power.Change(bridge, kLow);
    power.SetOverride(bridge, true);
    EXPECT_THAT(Take(), ElementsAre(Sent{first, kLow}, Sent{second, kLow}, Sent{bridge, kLow}));
    power.SetOverride(bridge, false);
    EXPECT_THAT(Take(), ElementsAre(Sent{bridge, kOn}, Sent{first, kOn}, Sent{second, kOn}));
}

TEST_F(PowerTreeTest, ChangeDuringATransition_FollowsIt) {
    power.Join(bridge);
    answers_at_once = false;
    power.Change(bridge, kOff);
    power.Change(bridge, kLow);
    power.Change(bridge, kOn);
    EXPECT_THAT(Take(), ElementsAre(Sent{bridge, kOff}));
    Acknowledge();
    EXPECT_THAT(Take(), ElementsAre(Sent{bridge, kOn}));
    Acknowledge();
    EXPECT_THAT(Take(), IsEmpty());
}

TEST_F(PowerTreeTest, ServiceThatDoesNotAcknowledge_HoldsTheOthersUpForALimitedTime) {
    JoinAll();
    power.Change(second, kOff);
    Take();
    answers_at_once = false;
    power.Change(first, kOff);
    scheduler.Advance(PowerTree::kPatience - std::chrono::milliseconds(1));
    EXPECT_THAT(Take(), ElementsAre(Sent{first, kOff}));
    scheduler.Advance(std::chrono::milliseconds(1));
    EXPECT_THAT(Take(), ElementsAre(Sent{bridge, kOff}));
    // Its acknowledgement comes late, and is of no transition that is under way.
    done.front()();
    EXPECT_THAT(Take(), IsEmpty());
}

TEST_F(PowerTreeTest, ServiceThatEnds_NeedsNothingAnyMore) {
    JoinAll();
    power.Change(bridge, kOff);
    power.Change(first, kOff);
    Take();
    tree.Remove(second);
    power.EntriesChanged();
    EXPECT_THAT(Take(), ElementsAre(Sent{bridge, kOff}));
}

TEST_F(PowerTreeTest, ServiceThatEndsInATransition_IsForgotten) {
    JoinAll();
    answers_at_once = false;
    power.Change(second, kLow);
    tree.Remove(second);
    power.EntriesChanged();
    EXPECT_EQ(scheduler.num_timers(), 0U);
    Acknowledge();
    EXPECT_THAT(Take(), ElementsAre(Sent{second, kLow}));
}

TEST_F(PowerTreeTest, WhatStandsOnANonRemovableEntry_StaysOut) {
    tree.Find(bridge)->properties.insert_or_assign("non-removable", PropertyValue("yes"));
    JoinAll();
    power.Change(first, kOff);
    EXPECT_THAT(sent, IsEmpty());
}

TEST_F(PowerTreeTest, Sleep_TakesAllDownFromTheTopAndWakeBringsThemBack) {
    JoinAll();
    power.Change(second, kLow);
    Take();
    int num_settled = 0;
    power.SetAsleep(true, [&] { ++num_settled; });
    EXPECT_THAT(Take(), ElementsAre(Sent{first, kOff}, Sent{second, kOff}, Sent{bridge, kOff}));
    EXPECT_EQ(num_settled, 1);
    power.SetAsleep(false, [&] { ++num_settled; });
    EXPECT_THAT(Take(), ElementsAre(Sent{bridge, kOn}, Sent{first, kOn}, Sent{second, kLow}));
    EXPECT_EQ(num_settled, 2);
}

TEST_F(PowerTreeTest, Sleep_IsOverWhenTheLastHasAcknowledged) {
    power.Join(bridge);
    power.Join(first);
    answers_at_once = false;
    int num_settled = 0;
    power.SetAsleep(true, [&] { ++num_settled; });
    EXPECT_THAT(Take(), ElementsAre(Sent{first, kOff}));
    Acknowledge();
    EXPECT_THAT(Take(), ElementsAre(Sent{bridge, kOff}));
    EXPECT_EQ(num_settled, 0);
    Acknowledge();
    EXPECT_EQ(num_settled, 1);
    EXPECT_EQ(scheduler.num_timers(), 0U);
}

TEST_F(PowerTreeTest, WhatIsAskedForInSleep_CountsOnceAwake) {
    JoinAll();
    power.SetAsleep(true, [] {});
    Take();
    power.Change(first, kLow);
    const EntryId late = Add(tree.root());
    power.Join(late);
    EXPECT_THAT(Take(), ElementsAre(Sent{late, kOff}));
    power.SetAsleep(false, [] {});
    EXPECT_THAT(Take(), ElementsAre(Sent{bridge, kOn}, Sent{first, kLow}, Sent{second, kOn},
                                    Sent{late, kOn}));
}

TEST_F(PowerTreeTest, WithoutServices_SleepIsOverAtOnce) {
    bool is_settled = false;
    power.SetAsleep(true, [&] { is_settled = true; });
    EXPECT_TRUE(is_settled);
}

}  // namespace
}  // namespace opendext::registry
