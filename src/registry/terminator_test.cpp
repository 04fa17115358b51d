// SPDX-License-Identifier: Apache-2.0
// semantics.md 3.7.
#include "registry/terminator.h"

#include <csignal>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "registry/testing/registry_rig.h"

namespace opendext::registry {
namespace {

using channel::StopMode;
using testing::Dictionary;
using ::testing::ElementsAre;
using testing::FakeHost;
using testing::FpgaCard;
using testing::PersonalityOf;
using testing::RegistryRig;

std::vector<EntryId> Stopped(const FakeHost &host) {
    std::vector<EntryId> entries;
    for (const FakeHost::Stop &stop : host.stops) {
        entries.push_back(stop.entry);
    }
    return entries;
}

// A driver on a card, started, with a client and a client's child of its own.
class Termination : public ::testing::Test {
protected:
    Termination() {
        rig.AddDext("com.example.driver",
                    {{"Card", PersonalityOf("Driver", {{"IOProviderClass", "IOPCIDevice"}})}});
        card = rig.registry->AddProvider(FpgaCard());
        host = rig.launcher.hosts.back();
        host->BecomeReady();
        driver = host->EntryOf("Driver");
    }
    void FinishStart() {
        host->AnswerStart("Driver");
        client = rig.CreateChild(*host, driver).value();
        rig.scheduler.Run();
    }

    RegistryRig rig;
    std::shared_ptr<FakeHost> host;
    EntryId card = EntryId::kNone;
    EntryId driver = EntryId::kNone;
    EntryId client = EntryId::kNone;
};

TEST_F(Termination, ProviderGone_StopsGoFromRootToLeafOneWay) {
    FinishStart();
    rig.registry->RemoveProvider(card);
    EXPECT_THAT(Stopped(*host), ElementsAre(driver, client));
    EXPECT_EQ(host->stops[0].mode, StopMode::kOneWay);
    EXPECT_EQ(host->stops[1].mode, StopMode::kOneWay);
    EXPECT_EQ(rig.Find(card), nullptr);
    EXPECT_EQ(rig.Find(driver), nullptr);
    EXPECT_EQ(host->num_exits, 1);
}

TEST_F(Termination, ByItself_StopIsAwaitedAndClientsAreSentOneWay) {
    FinishStart();
    EXPECT_EQ(host->reports().Terminate(driver), 0);
    EXPECT_THAT(Stopped(*host), ElementsAre(driver, client));
    EXPECT_EQ(host->stops[0].mode, StopMode::kAwaitReturn);
    EXPECT_EQ(host->stops[1].mode, StopMode::kOneWay);
    ASSERT_NE(rig.Find(driver), nullptr);
    EXPECT_FALSE(rig.Find(driver)->active);
    EXPECT_EQ(host->num_exits, 0);
    host->AnswerStop(driver);
    EXPECT_EQ(rig.Find(driver), nullptr);
    EXPECT_EQ(rig.Find(client), nullptr);
    EXPECT_NE(rig.Find(card), nullptr);
    EXPECT_EQ(host->num_exits, 1);
}

TEST_F(Termination, FailingStopCountsAsStopped) {
    FinishStart();
    host->reports().Terminate(driver);
    host->AnswerStop(driver, static_cast<int32_t>(0xe00002d5));
    EXPECT_EQ(rig.Find(driver), nullptr);
}

TEST_F(Termination, Twice_OneStopIsSent) {
    FinishStart();
    host->reports().Terminate(driver);
    host->reports().Terminate(driver);
    host->reports().Terminate(client);
    EXPECT_EQ(host->stops.size(), 2u);
}

TEST_F(Termination, StopAnsweredTwice_SecondIsIgnored) {
    FinishStart();
    host->reports().Terminate(driver);
    const auto answer = host->stops.front().answer;
    answer(0);
    answer(0);
    EXPECT_EQ(rig.Find(driver), nullptr);
    EXPECT_EQ(host->num_exits, 1);
}

// semantics.md 2.10: closing a connection ends the client and nothing else.
TEST_F(Termination, OfAClient_LeavesTheDriver) {
    FinishStart();
    host->reports().Terminate(client);
    EXPECT_EQ(host->stops.front().mode, StopMode::kAwaitReturn);
    host->AnswerStop(client);
    EXPECT_EQ(rig.Find(client), nullptr);
    EXPECT_TRUE(rig.Find(driver)->active);
    EXPECT_EQ(host->num_exits, 0);
}

TEST_F(Termination, InnerOneFirst_OuterWaitsForIt) {
    FinishStart();
    host->reports().Terminate(client);
    rig.registry->RemoveProvider(card);
    EXPECT_THAT(Stopped(*host), ElementsAre(client, driver));
    EXPECT_NE(rig.Find(card), nullptr);
    host->AnswerStop(client);
    EXPECT_EQ(rig.Find(client), nullptr);
    EXPECT_EQ(rig.Find(driver), nullptr);
    EXPECT_EQ(rig.Find(card), nullptr);
}

TEST_F(Termination, StartInProgress_StopWaitsForIt) {
    rig.registry->RemoveProvider(card);
    EXPECT_TRUE(host->stops.empty());
    EXPECT_FALSE(rig.Find(card)->active);
    host->AnswerStart("Driver");
    EXPECT_THAT(Stopped(*host), ElementsAre(driver));
    EXPECT_EQ(rig.Find(card), nullptr);
    EXPECT_EQ(host->num_exits, 1);
}

TEST_F(Termination, StartInProgress_SubtreeOfItWaitsToo) {
    client = rig.CreateChild(*host, driver).value();
    rig.registry->RemoveProvider(card);
    EXPECT_TRUE(host->stops.empty());
    host->AnswerStart("Driver");
    EXPECT_THAT(Stopped(*host), ElementsAre(driver, client));
}

TEST_F(Termination, StartInProgressFails_NoStopIsSent) {
    rig.registry->RemoveProvider(card);
    host->AnswerStart("Driver", static_cast<int32_t>(0xe00002bc));
    EXPECT_TRUE(host->stops.empty());
    EXPECT_EQ(rig.Find(card), nullptr);
    EXPECT_EQ(host->num_exits, 1);
}

TEST_F(Termination, StartInProgressAndTheProcessDies_TerminationEnds) {
    rig.registry->RemoveProvider(card);
    host->DieSilently(SIGKILL);
    rig.scheduler.Run();
    EXPECT_EQ(rig.Find(card), nullptr);
    EXPECT_TRUE(rig.registry->starter().quiet());
}

TEST_F(Termination, FromWithinItsStart_StopIsAwaitedAfterwards) {
    EXPECT_EQ(host->reports().RegisterService(driver), 0);
    EXPECT_EQ(host->reports().Terminate(driver), 0);
    host->AnswerStart("Driver");
    ASSERT_EQ(host->stops.size(), 1u);
    EXPECT_EQ(host->stops.front().mode, StopMode::kAwaitReturn);
    EXPECT_FALSE(rig.Find(driver)->registered);
    host->AnswerStop(driver);
    EXPECT_EQ(rig.Find(driver), nullptr);
}

TEST(TerminationDuringLaunch, StartIsNotOrderedAnyMore) {
    RegistryRig rig;
    rig.AddDext("com.example.driver",
                {{"Card", PersonalityOf("Driver", {{"IOProviderClass", "IOPCIDevice"}})}});
    const EntryId card = rig.registry->AddProvider(FpgaCard());
    rig.registry->RemoveProvider(card);
    rig.launcher.last().BecomeReady();
    rig.scheduler.Run();
    EXPECT_TRUE(rig.launcher.last().starts.empty());
    EXPECT_EQ(rig.Find(card), nullptr);
    EXPECT_EQ(rig.launcher.last().num_exits, 1);
}

TEST(TerminationAnsweredAtOnce, NothingIsUsedAfterItsEnd) {
    RegistryRig rig;
    rig.launcher.answers_at_once = true;
    // Out of its own Start a driver publishes, makes a child and terminates itself.
    rig.launcher.on_start = [&](FakeHost &host, const channel::ServiceStart &start) {
        host.reports().RegisterService(start.entry);
        EXPECT_TRUE(rig.CreateChild(host, start.entry));
        host.reports().Terminate(start.entry);
    };
    rig.AddDext("com.example.driver", {{"A", PersonalityOf("Driver")}});
    rig.scheduler.Run();
    EXPECT_TRUE(rig.Named("Driver").empty());
    EXPECT_TRUE(rig.Named("Client").empty());
    EXPECT_TRUE(rig.launcher.last().is_dropped);
}

TEST_F(Termination, ServiceBelowASiblingsProcessLeavesFromTheLeaves) {
    FinishStart();
    host->reports().RegisterService(driver);
    rig.AddDext("com.example.leaf",
                {{"Leaf", PersonalityOf("Leaf", {{"IOProviderClass", "IOUserService"}})}});
    const auto leaf_host = rig.launcher.hosts.back();
    leaf_host->BecomeReady();
    leaf_host->AnswerStart("Leaf");
    const EntryId leaf = leaf_host->EntryOf("Leaf");
    leaf_host->reports().Terminate(leaf);
    host->reports().Terminate(driver);
    host->AnswerStop(driver);
    EXPECT_NE(rig.Find(driver), nullptr) << "the leaf's Stop is not done";
    leaf_host->AnswerStop(leaf);
    EXPECT_EQ(rig.Find(driver), nullptr);
    EXPECT_EQ(leaf_host->num_exits, 1);
}

TEST_F(Termination, ServiceThatStoppedItself_Ends) {
    FinishStart();
    host->reports().ServiceStopped(driver);
    EXPECT_THAT(Stopped(*host), ElementsAre(driver, client));
    host->AnswerStop(driver);
    EXPECT_EQ(rig.Find(driver), nullptr);
}

TEST_F(Termination, ServiceStoppedWithinItsTermination_ChangesNothing) {
    FinishStart();
    host->reports().Terminate(driver);
    host->reports().ServiceStopped(driver);
    EXPECT_NE(rig.Find(driver), nullptr);
    host->AnswerStop(driver);
    EXPECT_EQ(rig.Find(driver), nullptr);
}

TEST_F(Termination, ServiceStoppedBeforeTheAnswerOfItsStart_Ends) {
    host->reports().ServiceStopped(driver);
    host->AnswerStart("Driver");
    ASSERT_EQ(host->stops.size(), 1u);
    host->AnswerStop(driver);
    EXPECT_EQ(rig.Find(driver), nullptr);
}

TEST_F(Termination, RootCannotBeRemoved) {
    rig.registry->RemoveProvider(rig.registry->tree().root());
    rig.registry->RemoveProvider(EntryId{12345});
    EXPECT_NE(rig.Find(card), nullptr);
}

}  // namespace
}  // namespace opendext::registry
