// SPDX-License-Identifier: Apache-2.0
// semantics.md 7.3.
#include "registry/watches.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "registry/directory_adapter.h"
#include "registry/testing/registry_rig.h"

namespace opendext::registry {
namespace {

using channel::NotificationKind;
using testing::Dictionary;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::RegistryRig;

struct Listener final : channel::DirectoryListener {
    void OnServices(uint64_t, const std::vector<EntryId> &arrived) override {
        services.insert(services.end(), arrived.begin(), arrived.end());
    }
    void OnInterest(uint64_t, EntryId, uint32_t message_type) override {
        messages.push_back(message_type);
    }
    std::vector<EntryId> services;
    std::vector<uint32_t> messages;
};

class WatchTest : public ::testing::Test {
protected:
    WatchTest() : service(rig.StartDriver("Driver")) {}
    uint64_t Watch(NotificationKind kind) {
        auto watch = directory.WatchServices(
            kind, PropertyValue(Dictionary{{"IONameMatch", "Driver"}}), &listener);
        existing = watch->existing;
        return watch->id;
    }
    void Register() { rig.launcher.last().reports().RegisterService(service); }
    void Terminate() { rig.launcher.last().reports().Terminate(service); }

    RegistryRig rig;
    DirectoryAdapter directory{*rig.registry, std::nullopt};
    Listener listener;
    std::vector<EntryId> existing;
    EntryId service;
};

TEST_F(WatchTest, ServiceThatIsNotRegistered_IsInvisible) {
    Watch(NotificationKind::kFirstMatch);
    EXPECT_THAT(existing, IsEmpty());
    EXPECT_THAT(directory.Find(PropertyValue(Dictionary{{"IONameMatch", "Driver"}})).value(),
                IsEmpty());
}

TEST_F(WatchTest, ExistingServicesAreReturnedAndNotReported) {
    Register();
    Watch(NotificationKind::kFirstMatch);
    EXPECT_THAT(existing, ElementsAre(service));
    EXPECT_THAT(listener.services, IsEmpty());
}

TEST_F(WatchTest, FirstMatchComesOnce_MatchedEachTime) {
    Watch(NotificationKind::kFirstMatch);
    Listener each;
    ASSERT_TRUE(
        directory.WatchServices(NotificationKind::kMatched, PropertyValue(Dictionary{}), &each));
    Register();
    Register();
    EXPECT_THAT(listener.services, ElementsAre(service));
    EXPECT_THAT(each.services, ElementsAre(service, service));
}

TEST_F(WatchTest, PublishFollowsTheSameRule) {
    Watch(NotificationKind::kFirstPublish);
    Watch(NotificationKind::kPublish);
    Register();
    Register();
    EXPECT_EQ(listener.services.size(), 3u);
}

TEST_F(WatchTest, OtherServicesAreNotReported) {
    Watch(NotificationKind::kMatched);
    const EntryId other = rig.StartDriver("Other");
    rig.launcher.last().reports().RegisterService(other);
    EXPECT_THAT(listener.services, IsEmpty());
}

TEST_F(WatchTest, TerminateIsReportedWhenItBegins) {
    Register();
    Watch(NotificationKind::kTerminate);
    EXPECT_THAT(existing, IsEmpty()) << "what lives has not been terminated";
    Terminate();
    EXPECT_THAT(listener.services, ElementsAre(service));
    EXPECT_NE(rig.Find(service), nullptr) << "its Stop is still to come";
    EXPECT_THAT(directory.Find(PropertyValue(Dictionary{{"IONameMatch", "Driver"}})).value(),
                IsEmpty());
}

TEST_F(WatchTest, StoppedWatchIsSilent) {
    directory.StopWatch(Watch(NotificationKind::kMatched));
    Register();
    EXPECT_THAT(listener.services, IsEmpty());
    directory.StopWatch(12345);
}

TEST_F(WatchTest, InterestTellsOfTheTermination) {
    ASSERT_TRUE(directory.WatchInterest(service, &listener));
    Terminate();
    EXPECT_THAT(listener.messages, ElementsAre(0xe0000010u));
}

TEST_F(WatchTest, InterestInAnEntryThatIsGone_IsAnError) {
    EXPECT_FALSE(directory.WatchInterest(EntryId{1}, &listener));
}

TEST_F(WatchTest, ListenerThatStopsAnotherWatch_TheOtherIsSilent) {
    Watches &watches = rig.registry->watches();
    int num_calls = 0;
    uint64_t second = 0;
    watches.WatchInterest(service, [&](uint64_t, EntryId, uint32_t) {
        ++num_calls;
        watches.Stop(second);
    });
    second = watches.WatchInterest(service, [&](uint64_t, EntryId, uint32_t) { ++num_calls; });
    Terminate();
    EXPECT_EQ(num_calls, 1);
}

TEST_F(WatchTest, MatchingMustBeADictionary) {
    EXPECT_FALSE(
        directory.WatchServices(NotificationKind::kMatched, PropertyValue("x"), &listener));
    EXPECT_FALSE(directory.Find(PropertyValue("x")));
}

}  // namespace
}  // namespace opendext::registry
