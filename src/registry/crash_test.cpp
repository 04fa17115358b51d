// SPDX-License-Identifier: Apache-2.0
// A driver process that dies (semantics.md 3.8).
#include <csignal>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "channel/wire/io_result.h"
#include "registry/testing/registry_rig.h"

namespace opendext::registry {
namespace {

using testing::Dictionary;
using testing::FakeHost;
using testing::PersonalityOf;
using testing::RegistryRig;

Dictionary Scored(const std::string &user_class, uint64_t score) {
    return PersonalityOf(user_class, {{"IOProbeScore", PropertyValue::FromInteger(score)}});
}

// Starts what was launched last.
void StartLast(RegistryRig &rig) {
    rig.launcher.last().BecomeReady();
    rig.launcher.last().AnswerStart(rig.launcher.last().starts.front().order.user_class);
    rig.scheduler.Run();
}

void CrashLast(RegistryRig &rig, int signal = SIGSEGV) {
    rig.launcher.last().Die(signal);
    rig.scheduler.Run();
}

TEST(Crash, ServiceIsStartedAgainInANewProcessUnderANewEntry) {
    RegistryRig rig;
    const EntryId first = rig.StartDriver("Driver");
    CrashLast(rig);
    EXPECT_EQ(rig.Find(first), nullptr);
    ASSERT_EQ(rig.launcher.hosts.size(), 2u);
    EXPECT_TRUE(rig.launcher.hosts[0]->stops.empty()) << "nobody is left to be stopped";
    EXPECT_TRUE(rig.launcher.hosts[0]->is_dropped);
    StartLast(rig);
    ASSERT_EQ(rig.Named("Driver").size(), 1u);
    EXPECT_NE(rig.Named("Driver").front(), first);
}

// What is to be said of a driver that crashed in Start comes before that it has not started.
TEST(Crash, InStart_NoIdleProcessIsLeftWhenItHasBeenLogged) {
    RegistryRig rig;
    rig.AddDext("com.example.driver", {{"A", PersonalityOf("Driver")}});
    rig.scheduler.Run();
    rig.launcher.last().BecomeReady();
    rig.launcher.last().AnswerStart("Driver", channel::kHostGone);
    rig.scheduler.Run();
    ASSERT_TRUE(rig.registry->starter().quiet());
    int num_told = 0;
    rig.registry->WhenIdleHostsGone(std::chrono::seconds(2), [&] { ++num_told; });
    EXPECT_EQ(num_told, 0);
    CrashLast(rig);
    EXPECT_EQ(num_told, 1);
    rig.scheduler.Advance(std::chrono::seconds(3));
    EXPECT_EQ(num_told, 1);
}

TEST(Crash, IdleProcessThatStays_IsNotWaitedForForEver) {
    RegistryRig rig;
    rig.AddDext("com.example.driver", {{"A", PersonalityOf("Driver")}});
    rig.scheduler.Run();
    rig.launcher.last().BecomeReady();
    rig.launcher.last().AnswerStart("Driver", channel::kIoNoDevice);
    rig.scheduler.Run();
    int num_told = 0;
    rig.registry->WhenIdleHostsGone(std::chrono::seconds(2), [&] { ++num_told; });
    rig.scheduler.Advance(std::chrono::milliseconds(1999));
    EXPECT_EQ(num_told, 0);
    rig.scheduler.Advance(std::chrono::milliseconds(1));
    EXPECT_EQ(num_told, 1);
}

TEST(Crash, NoProcessIsIdle_IsToldAtOnce) {
    RegistryRig rig;
    rig.StartDriver("Driver");
    int num_told = 0;
    rig.registry->WhenIdleHostsGone(std::chrono::seconds(2), [&] { ++num_told; });
    EXPECT_EQ(num_told, 1);
}

TEST(Crash, CleanExitWithServicesCountsAsOne) {
    RegistryRig rig;
    rig.StartDriver("Driver");
    CrashLast(rig, 0);
    EXPECT_EQ(rig.launcher.hosts.size(), 2u);
}

TEST(Crash, CountOnTheProviderStartsAtZero) {
    RegistryRig rig;
    rig.StartDriver("Driver");
    CrashLast(rig);
    EXPECT_EQ(*FindProperty(*rig.Find(rig.resources), "IORematchCount"),
              PropertyValue::FromInteger(0, 32));
    StartLast(rig);
    CrashLast(rig);
    EXPECT_EQ(*FindProperty(*rig.Find(rig.resources), "IORematchCount"),
              PropertyValue::FromInteger(1, 32));
}

TEST(Crash, LimitOfTen_ElevenRelaunchesThenAnotherPersonalityMatches) {
    RegistryRig rig;
    rig.AddDext("com.example.driver", {{"A", Scored("Crashing", 9)}, {"B", Scored("Fallback", 1)}});
    for (int crash = 0; crash < 12; ++crash) {
        ASSERT_EQ(rig.launcher.hosts.size(), static_cast<size_t>(crash) + 1);
        StartLast(rig);
        ASSERT_EQ(rig.launcher.last().starts.front().order.user_class, "Crashing");
        CrashLast(rig);
    }
    ASSERT_EQ(rig.launcher.hosts.size(), 13u);
    StartLast(rig);
    EXPECT_EQ(rig.launcher.last().starts.front().order.user_class, "Fallback");
}

TEST(Crash, LimitOfZero_IsNotStartedAgain) {
    Registry::Options options;
    options.starter.relaunch_limit = 0;
    RegistryRig rig(options);
    rig.StartDriver("Driver");
    CrashLast(rig);
    EXPECT_EQ(rig.launcher.hosts.size(), 1u);
}

TEST(Crash, OnlyTheCrashedPersonalityIsTriedAgain) {
    RegistryRig rig;
    rig.AddDext("com.example.driver", {{"A", Scored("Crashing", 1)}});
    StartLast(rig);
    rig.AddDext("com.example.better", {{"B", Scored("Better", 100)}});
    CrashLast(rig);
    StartLast(rig);
    EXPECT_EQ(rig.launcher.last().starts.front().order.user_class, "Crashing");
}

TEST(Crash, BeforeStartHasReturned_IsNotStartedAgain) {
    RegistryRig rig;
    rig.AddDext("com.example.driver", {{"A", PersonalityOf("Driver")}});
    rig.launcher.last().BecomeReady();
    CrashLast(rig);
    EXPECT_EQ(rig.launcher.hosts.size(), 1u);
    EXPECT_EQ(FindProperty(*rig.Find(rig.resources), "IORematchCount"), nullptr);
}

TEST(Crash, AfterItsTerminationBegan_IsNotStartedAgain) {
    RegistryRig rig;
    const EntryId service = rig.StartDriver("Driver");
    rig.launcher.last().reports().Terminate(service);
    CrashLast(rig);
    EXPECT_EQ(rig.launcher.hosts.size(), 1u);
    EXPECT_EQ(rig.Find(service), nullptr);
}

TEST(Crash, DuringStopWithoutAnAnswer_TerminationEnds) {
    RegistryRig rig;
    const EntryId service = rig.StartDriver("Driver");
    rig.launcher.last().reports().Terminate(service);
    ASSERT_NE(rig.Find(service), nullptr);
    rig.launcher.last().DieSilently(SIGSEGV);
    rig.scheduler.Run();
    EXPECT_EQ(rig.Find(service), nullptr);
}

TEST(Crash, SharedProcess_EachStartedServiceIsStartedAgain) {
    RegistryRig rig;
    const auto shared = [](const std::string &user_class) {
        return PersonalityOf(user_class,
                             {{"IOUserServerOneProcess", true}, {"IOMatchCategory", user_class}});
    };
    rig.AddDext("com.example.driver", {{"A", shared("One")}, {"B", shared("Two")}});
    FakeHost &host = rig.launcher.last();
    host.BecomeReady();
    host.AnswerStart("One");
    host.AnswerStart("Two");
    CrashLast(rig);
    ASSERT_EQ(rig.launcher.hosts.size(), 2u);
    rig.launcher.last().BecomeReady();
    EXPECT_EQ(rig.launcher.last().starts.size(), 2u);
}

TEST(Crash, ServicesOfOtherProcessesOnTopAreStopped) {
    RegistryRig rig;
    const EntryId nub = rig.StartDriver("Nub");
    FakeHost &nub_host = rig.launcher.last();
    nub_host.reports().RegisterService(nub);
    rig.AddDext("com.example.leaf",
                {{"Leaf", PersonalityOf("Leaf", {{"IOProviderClass", "IOUserService"},
                                                 {"IOMatchCategory", "Leaf"}})}});
    StartLast(rig);
    const EntryId leaf = rig.launcher.last().EntryOf("Leaf");
    FakeHost &leaf_host = *rig.launcher.hosts[1];
    nub_host.Die(SIGSEGV);
    rig.scheduler.Run();
    ASSERT_EQ(leaf_host.stops.size(), 1u);
    EXPECT_EQ(leaf_host.stops.front().mode, channel::StopMode::kOneWay);
    EXPECT_EQ(rig.Find(leaf), nullptr);
    EXPECT_EQ(leaf_host.num_exits, 1);
}

TEST(Crash, EndOfAProcessThatWasToldToExit_IsNone) {
    RegistryRig rig;
    const EntryId service = rig.StartDriver("Driver");
    FakeHost &host = rig.launcher.last();
    host.reports().Terminate(service);
    host.AnswerStop(service);
    ASSERT_EQ(host.num_exits, 1);
    CrashLast(rig, 0);
    EXPECT_EQ(rig.launcher.hosts.size(), 1u);
    EXPECT_TRUE(host.is_dropped);
}

TEST(Crash, ReportedTwice_SecondIsIgnored) {
    RegistryRig rig;
    rig.StartDriver("Driver");
    const auto host = rig.launcher.hosts.back();
    host->Die(SIGSEGV);
    host->DieSilently(SIGSEGV);
    rig.scheduler.Run();
    EXPECT_EQ(rig.launcher.hosts.size(), 2u);
}

}  // namespace
}  // namespace opendext::registry
