// SPDX-License-Identifier: Apache-2.0
// States of services, and who is told of them (semantics.md 4.6).
#include "registry/state_items.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "registry/testing/registry_rig.h"

namespace opendext::registry {
namespace {

using testing::Dictionary;
using ::testing::ElementsAre;
using testing::FakeHost;
using ::testing::IsEmpty;
using testing::RegistryRig;

constexpr auto kBadArgument = static_cast<int32_t>(0xe00002c2);
constexpr auto kExclusiveAccess = static_cast<int32_t>(0xe00002c5);
constexpr auto kNotReady = static_cast<int32_t>(0xe00002d8);
constexpr auto kNotPermitted = static_cast<int32_t>(0xe00002e2);
constexpr auto kNotFound = static_cast<int32_t>(0xe00002f0);

class States : public ::testing::Test {
protected:
    States() {
        mine = rig.StartDriver("Mine");
        host = rig.launcher.hosts.back();
        other = rig.StartDriver("Other");
        others_host = rig.launcher.hosts.back();
        system = *reports().SystemStateService();
    }
    [[nodiscard]] channel::HostReports &reports() const { return host->reports(); }
    [[nodiscard]] channel::HostReports &others() const { return others_host->reports(); }
    static PropertyValue Value(const char *text) {
        return PropertyValue(Dictionary{{"state", PropertyValue(text)}});
    }

    RegistryRig rig;
    std::shared_ptr<FakeHost> host;
    std::shared_ptr<FakeHost> others_host;
    EntryId mine = EntryId::kNone;
    EntryId other = EntryId::kNone;
    EntryId system = EntryId::kNone;
};

TEST_F(States, SystemService_IsTheSameForAll) {
    EXPECT_NE(system, EntryId::kNone);
    EXPECT_EQ(others().SystemStateService(), system);
}

TEST_F(States, ItemOfTheSystem_IsSeenByAllDrivers) {
    ASSERT_EQ(reports().CreateStateItem(system, "item", Value("first")), 0);
    EXPECT_EQ(others().CopyStateItem(system, "item"), Value("first"));
    EXPECT_EQ(others().SetStateItem(system, "item", Value("second")), 0);
    EXPECT_EQ(reports().CopyStateItem(system, "item"), Value("second"));
}

TEST_F(States, ItemWithoutAValue_IsNotReady) {
    ASSERT_EQ(reports().CreateStateItem(system, "item", {}), 0);
    EXPECT_EQ(reports().CopyStateItem(system, "item"), std::unexpected(kNotReady));
    EXPECT_EQ(reports().SetStateItem(system, "item", Value("a")), 0);
    EXPECT_EQ(reports().CopyStateItem(system, "item"), Value("a"));
}

TEST_F(States, SecondItemOfAName_IsRefused) {
    ASSERT_EQ(reports().CreateStateItem(system, "item", Value("a")), 0);
    EXPECT_EQ(others().CreateStateItem(system, "item", Value("b")), kExclusiveAccess);
    EXPECT_EQ(reports().CreateStateItem(mine, "item", Value("c")), 0) << "another service";
    EXPECT_EQ(reports().CopyStateItem(system, "item"), Value("a"));
}

TEST_F(States, ItemThatIsNotThere_IsNotFound) {
    EXPECT_EQ(reports().SetStateItem(system, "item", Value("a")), kNotFound);
    EXPECT_EQ(reports().CopyStateItem(system, "item"), std::unexpected(kNotFound));
    EXPECT_EQ(reports().CopyStateItem(mine, "item"), std::unexpected(kNotFound));
}

TEST_F(States, WrongNamesAndValues_AreRefused) {
    EXPECT_EQ(reports().CreateStateItem(system, "", {}), kBadArgument);
    EXPECT_EQ(reports().CreateStateItem(system, "item", PropertyValue("text")), kBadArgument);
    ASSERT_EQ(reports().CreateStateItem(system, "item", {}), 0);
    EXPECT_EQ(reports().SetStateItem(system, "item", {}), kBadArgument);
    EXPECT_EQ(reports().WatchStates(1, system, {}), kBadArgument);
}

TEST_F(States, OtherDriversServices_AreTheirOwn) {
    EXPECT_EQ(reports().CreateStateItem(other, "item", {}), kNotPermitted);
    ASSERT_EQ(others().CreateStateItem(other, "item", Value("a")), 0);
    EXPECT_EQ(reports().SetStateItem(other, "item", Value("b")), kNotPermitted);
    EXPECT_EQ(reports().CopyStateItem(other, "item"), std::unexpected(kNotPermitted));
    EXPECT_EQ(reports().WatchStates(1, other, {"item"}), kNotPermitted);
}

TEST_F(States, EachSet_IsToldOfToWhoWatchesTheItem) {
    ASSERT_EQ(reports().CreateStateItem(system, "item", {}), 0);
    ASSERT_EQ(reports().CreateStateItem(system, "unwatched", {}), 0);
    EXPECT_EQ(others().WatchStates(7, system, {"item", "later"}), 0);
    EXPECT_EQ(reports().SetStateItem(system, "item", Value("a")), 0);
    EXPECT_EQ(reports().SetStateItem(system, "item", Value("a")), 0);
    EXPECT_EQ(reports().SetStateItem(system, "unwatched", Value("a")), 0);
    EXPECT_THAT(others_host->state_notices, ElementsAre(7, 7));
    ASSERT_EQ(reports().CreateStateItem(system, "later", {}), 0);
    EXPECT_EQ(reports().SetStateItem(system, "later", Value("a")), 0);
    EXPECT_THAT(others_host->state_notices, ElementsAre(7, 7, 7));
    EXPECT_THAT(host->state_notices, IsEmpty());
}

TEST_F(States, StoppedWatch_IsToldOfNothing) {
    ASSERT_EQ(reports().CreateStateItem(system, "item", {}), 0);
    ASSERT_EQ(others().WatchStates(7, system, {"item"}), 0);
    EXPECT_EQ(others().WatchStates(7, system, {"item"}), kBadArgument) << "its name is in use";
    others().StopWatch(7);
    EXPECT_EQ(reports().SetStateItem(system, "item", Value("a")), 0);
    EXPECT_THAT(others_host->state_notices, IsEmpty());
}

TEST_F(States, WatchesOfAProcessThatHasDied_AreForgotten) {
    ASSERT_EQ(reports().CreateStateItem(system, "item", {}), 0);
    ASSERT_EQ(others().WatchStates(7, system, {"item"}), 0);
    others_host->Die(9);
    rig.scheduler.Run();
    EXPECT_EQ(reports().SetStateItem(system, "item", Value("a")), 0);
    EXPECT_THAT(others_host->state_notices, IsEmpty());
}

TEST_F(States, Items_AreAPropertyOfTheService) {
    ASSERT_EQ(reports().CreateStateItem(mine, "item", Value("a")), 0);
    const auto properties = reports().CopyProperties(mine);
    ASSERT_TRUE(properties);
    EXPECT_EQ(*properties->Find(StateItems::kItemsKey),
              PropertyValue(Dictionary{{"item", Value("a")}}));
}

}  // namespace
}  // namespace opendext::registry
