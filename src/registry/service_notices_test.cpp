// SPDX-License-Identifier: Apache-2.0
// What driver processes are told of each other's services (semantics.md 4.6).
#include "registry/service_notices.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "registry/testing/registry_rig.h"

namespace opendext::registry {
namespace {

using channel::ServiceEvent;
using testing::Dictionary;
using ::testing::ElementsAre;
using testing::FakeHost;
using ::testing::IsEmpty;
using testing::RegistryRig;

using Notice = FakeHost::Notice;

constexpr auto kBadArgument = static_cast<int32_t>(0xe00002c2);
constexpr auto kNotFound = static_cast<int32_t>(0xe00002f0);

// Two drivers with the same server name in two processes, and a stranger.
class Notices : public ::testing::Test {
protected:
    Notices() {
        mine = rig.StartDriver("Mine");
        host = rig.launcher.hosts.back();
        friendly = rig.StartDriver("Friend");
        friends_host = rig.launcher.hosts.back();
        stranger = rig.StartDriver("Stranger", {{"IOUserServerName", "com.example.other"}});
        strangers_host = rig.launcher.hosts.back();
    }
    [[nodiscard]] channel::HostReports &reports() const { return host->reports(); }
    static PropertyValue ByName(const std::string &name) {
        return PropertyValue(Dictionary{{"IONameMatch", PropertyValue(name)}});
    }

    RegistryRig rig;
    std::shared_ptr<FakeHost> host;
    std::shared_ptr<FakeHost> friends_host;
    std::shared_ptr<FakeHost> strangers_host;
    EntryId mine = EntryId::kNone;
    EntryId friendly = EntryId::kNone;
    EntryId stranger = EntryId::kNone;
};

TEST_F(Notices, RegisteredServiceOfTheSameServer_IsToldOf) {
    EXPECT_EQ(reports().WatchServices(1, ByName("Friend")), 0);
    EXPECT_THAT(host->notices, IsEmpty());
    EXPECT_EQ(friends_host->reports().RegisterService(friendly), 0);
    EXPECT_THAT(host->notices, ElementsAre(Notice{1, ServiceEvent::kMatched, friendly}));
}

TEST_F(Notices, ServiceThatIsThereAlready_IsToldOfAtOnce) {
    EXPECT_EQ(friends_host->reports().RegisterService(friendly), 0);
    EXPECT_EQ(reports().WatchServices(1, ByName("Friend")), 0);
    EXPECT_THAT(host->notices, ElementsAre(Notice{1, ServiceEvent::kMatched, friendly}));
}

TEST_F(Notices, ServiceOfAnotherServer_IsNotToldOf) {
    EXPECT_EQ(reports().WatchServices(1, ByName("Stranger")), 0);
    EXPECT_EQ(strangers_host->reports().RegisterService(stranger), 0);
    EXPECT_EQ(reports().WatchServices(2, ByName("IOUserResources")), 0);
    EXPECT_THAT(host->notices, IsEmpty());
}

TEST_F(Notices, End_IsToldOnceHoweverOftenTheServiceWasRegistered) {
    EXPECT_EQ(reports().WatchServices(1, ByName("Friend")), 0);
    EXPECT_EQ(friends_host->reports().RegisterService(friendly), 0);
    EXPECT_EQ(friends_host->reports().RegisterService(friendly), 0);
    EXPECT_EQ(friends_host->reports().Terminate(friendly), 0);
    EXPECT_THAT(host->notices, ElementsAre(Notice{1, ServiceEvent::kMatched, friendly},
                                           Notice{1, ServiceEvent::kMatched, friendly},
                                           Notice{1, ServiceEvent::kTerminated, friendly}));
}

TEST_F(Notices, StoppedWatch_TellsNothing) {
    EXPECT_EQ(reports().WatchServices(1, ByName("Friend")), 0);
    reports().StopWatch(1);
    reports().StopWatch(7);
    EXPECT_EQ(friends_host->reports().RegisterService(friendly), 0);
    EXPECT_THAT(host->notices, IsEmpty());
}

TEST_F(Notices, ReportedService_CanBeReadUntilItEnds) {
    EXPECT_EQ(reports().CopyName(friendly), std::unexpected(kNotFound));
    EXPECT_EQ(friends_host->reports().RegisterService(friendly), 0);
    EXPECT_EQ(reports().WatchServices(1, ByName("Friend")), 0);
    EXPECT_EQ(reports().CopyName(friendly), "Friend");
    EXPECT_EQ(reports().SetName(friendly, "Mine"), static_cast<int32_t>(0xe00002e2));
    reports().StopWatch(1);
    EXPECT_EQ(reports().CopyName(friendly), std::unexpected(kNotFound));
}

TEST_F(Notices, BadWatches_AreRefused) {
    EXPECT_EQ(reports().WatchServices(1, PropertyValue("no dictionary")), kBadArgument);
    EXPECT_EQ(reports().WatchServices(1, ByName("Friend")), 0);
    EXPECT_EQ(reports().WatchServices(1, ByName("Friend")), kBadArgument) << "the name is taken";
}

TEST_F(Notices, WatchesOfAProcessThatDies_EndWithIt) {
    EXPECT_EQ(reports().WatchServices(1, ByName("Friend")), 0);
    host->Die(9);
    rig.scheduler.Run();
    EXPECT_EQ(friends_host->reports().RegisterService(friendly), 0);
    EXPECT_THAT(host->notices, IsEmpty());
}

}  // namespace
}  // namespace opendext::registry
