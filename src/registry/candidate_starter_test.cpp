// SPDX-License-Identifier: Apache-2.0
// Which driver starts where, and in which process (semantics.md 3.1, 3.5, 3.6, 3.8).
#include "registry/candidate_starter.h"

#include <csignal>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "registry/testing/registry_rig.h"

namespace opendext::registry {
namespace {

using testing::Dictionary;
using ::testing::ElementsAre;
using testing::FakeHost;
using testing::FpgaCard;
using ::testing::HasSubstr;
using testing::PersonalityOf;
using testing::RegistryRig;

constexpr int32_t kError = static_cast<int32_t>(0xe00002bc);

Dictionary Scored(const std::string &user_class, uint64_t score,
                  const std::string &category = "Shared") {
    return PersonalityOf(user_class, {{"IOProbeScore", PropertyValue::FromInteger(score)},
                                      {"IOMatchCategory", category}});
}

std::vector<std::string> StartedClasses(const RegistryRig &rig) {
    std::vector<std::string> classes;
    for (const auto &host : rig.launcher.hosts) {
        for (const FakeHost::Start &start : host->starts) {
            classes.push_back(start.order.user_class);
        }
    }
    return classes;
}

// --- semantics.md 3.1 ---

TEST(Category, HighestScoreStartsAndOthersDoNot) {
    RegistryRig rig;
    rig.launcher.answers_at_once = true;
    rig.AddDext("com.example.driver", {{"A", Scored("Low", 1)}, {"B", Scored("High", 100)}});
    rig.scheduler.Run();
    EXPECT_THAT(StartedClasses(rig), ElementsAre("High"));
}

TEST(Category, FailedStart_NextCandidateIsTried) {
    RegistryRig rig;
    rig.launcher.answers_at_once = true;
    rig.launcher.start_status = {{"High", kError}, {"Middle", kError}};
    rig.AddDext("com.example.driver",
                {{"A", Scored("Low", 1)}, {"B", Scored("High", 100)}, {"C", Scored("Middle", 50)}});
    rig.scheduler.Run();
    EXPECT_THAT(StartedClasses(rig), ElementsAre("High", "Middle", "Low"));
    EXPECT_TRUE(rig.Named("High").empty());
    EXPECT_EQ(rig.Named("Low").size(), 1u);
    EXPECT_TRUE(rig.registry->starter().quiet());
}

TEST(Category, EqualScoresStartInTheOrderTheBundlesCame) {
    RegistryRig rig;
    rig.launcher.answers_at_once = true;
    rig.launcher.start_status = {{"First", kError}};
    rig.AddDext("com.example.a", {{"A", Scored("First", 7)}, {"B", Scored("Second", 7)}});
    rig.scheduler.Run();
    EXPECT_THAT(StartedClasses(rig), ElementsAre("First", "Second"));
}

TEST(Category, TakenWhileItsStartRuns_NewBundleIsSkipped) {
    RegistryRig rig;
    rig.AddDext("com.example.a", {{"A", Scored("First", 1)}});
    rig.AddDext("com.example.b", {{"B", Scored("Better", 100)}});
    EXPECT_EQ(rig.launcher.hosts.size(), 1u);
}

TEST(Category, DifferentCategoriesAllStart) {
    RegistryRig rig;
    rig.launcher.answers_at_once = true;
    rig.AddDext("com.example.driver",
                {{"A", Scored("One", 1, "One")}, {"B", Scored("Two", 1, "Two")}});
    EXPECT_THAT(StartedClasses(rig), ElementsAre("One", "Two"));
}

TEST(Category, SameCategoryStartsOnEachProvider) {
    RegistryRig rig;
    rig.launcher.answers_at_once = true;
    rig.AddDext("com.example.driver",
                {{"A", PersonalityOf("Card", {{"IOProviderClass", "IOPCIDevice"}})}});
    rig.registry->AddProvider(FpgaCard("first"));
    rig.registry->AddProvider(FpgaCard("second"));
    EXPECT_THAT(StartedClasses(rig), ElementsAre("Card", "Card"));
}

TEST(Category, ManyCandidatesThatFailAtOnce_AllAreTried) {
    RegistryRig rig;
    rig.launcher.answers_at_once = true;
    Dictionary personalities;
    for (int i = 0; i < 1000; ++i) {
        const std::string name = fmt::format("Candidate{}", i);
        personalities.insert({name, Scored(name, 1)});
        rig.launcher.start_status.insert({name, kError});
    }
    rig.AddDext("com.example.driver", personalities);
    rig.scheduler.Run();
    EXPECT_EQ(StartedClasses(rig).size(), 1000u);
    EXPECT_TRUE(rig.registry->starter().quiet());
}

TEST(Scale, ThousandPersonalitiesOnTwoHundredCards_TakesNoTime) {
    RegistryRig rig;
    for (int i = 0; i < 200; ++i) {
        rig.registry->AddProvider(FpgaCard());
    }
    for (int i = 0; i < 1000; ++i) {
        rig.AddDext("com.example.driver",
                    {{"A", PersonalityOf("Card", {{"IOProviderClass", "IOPCIDevice"},
                                                  {"IOPCIMatch", "0x12345678"}})}});
    }
    rig.registry->AddProvider(FpgaCard());
    EXPECT_TRUE(rig.launcher.hosts.empty());
}

// --- semantics.md 3.5 ---

TEST(Process, EachServiceHasItsOwn) {
    RegistryRig rig;
    rig.AddDext("com.example.driver",
                {{"A", Scored("One", 1, "One")}, {"B", Scored("Two", 1, "Two")}});
    EXPECT_EQ(rig.launcher.hosts.size(), 2u);
}

Dictionary Sharing(const std::string &user_class, const Dictionary &more = {}) {
    Dictionary keys = more;
    keys.insert({{"IOUserServerOneProcess", true}, {"IOMatchCategory", user_class}});
    return PersonalityOf(user_class, keys);
}

TEST(Process, OneProcessKey_SharesALaunchingProcess) {
    RegistryRig rig;
    rig.AddDext("com.example.driver", {{"A", Sharing("One")}, {"B", Sharing("Two")}});
    ASSERT_EQ(rig.launcher.hosts.size(), 1u);
    rig.launcher.last().BecomeReady();
    EXPECT_THAT(StartedClasses(rig), ElementsAre("One", "Two"));
}

TEST(Process, ServerNameOfAnotherVendor_GetsItsOwnProcess) {
    RegistryRig rig;
    rig.AddDext("com.other.driver", {{"A", Sharing("One")}, {"B", Sharing("Two")}});
    EXPECT_EQ(rig.launcher.hosts.size(), 2u);
}

TEST(Process, ProcessThatIsToldToExit_IsNotShared) {
    RegistryRig rig;
    rig.AddDext("com.example.driver", {{"A", Sharing("One")}});
    rig.launcher.last().BecomeReady();
    rig.launcher.last().AnswerStart("One", kError);
    EXPECT_EQ(rig.launcher.last().num_exits, 1);
    rig.AddDext("com.example.driver", {{"B", Sharing("Two")}});
    EXPECT_EQ(rig.launcher.hosts.size(), 2u);
}

TEST(Process, ProviderOfTheSameServerThatIsNotShared_FailsTheStart) {
    RegistryRig rig;
    const EntryId provider = rig.StartDriver("Nub");
    rig.launcher.last().reports().RegisterService(provider);
    rig.AddDext("com.example.driver",
                {{"A", Sharing("Child", {{"IOProviderClass", "IOUserService"}})}});
    EXPECT_TRUE(rig.Named("Child").empty());
    EXPECT_EQ(rig.launcher.hosts.size(), 1u);
    EXPECT_TRUE(rig.registry->starter().quiet());
}

TEST(Process, ProviderInASharedProcess_IsSharedWithItsChild) {
    RegistryRig rig;
    rig.AddDext("com.example.driver", {{"A", Sharing("Nub")}});
    FakeHost &host = rig.launcher.last();
    host.BecomeReady();
    host.AnswerStart("Nub");
    host.reports().RegisterService(host.EntryOf("Nub"));
    rig.AddDext("com.example.driver",
                {{"B", Sharing("Child", {{"IOProviderClass", "IOUserService"}})}});
    EXPECT_THAT(StartedClasses(rig), ElementsAre("Nub", "Child"));
    EXPECT_EQ(host.starts.back().order.provider.entry, host.EntryOf("Nub"));
}

TEST(Process, CannotBeStarted_NextCandidateIsTriedAndNothingStays) {
    RegistryRig rig;
    rig.launcher.fails_to_launch = true;
    rig.AddDext("com.example.driver", {{"A", Scored("High", 9)}, {"B", Scored("Low", 1)}});
    rig.scheduler.Run();
    EXPECT_EQ(rig.launcher.hosts.size(), 2u);
    EXPECT_TRUE(rig.Named("High").empty());
    EXPECT_TRUE(rig.Named("Low").empty());
    EXPECT_TRUE(rig.registry->starter().quiet());
}

TEST(Process, DiesBeforeItIsReady_NextCandidateIsTried) {
    RegistryRig rig;
    rig.AddDext("com.example.driver", {{"A", Scored("High", 9)}, {"B", Scored("Low", 1)}});
    rig.launcher.last().DieSilently(SIGSEGV);
    rig.scheduler.Run();
    ASSERT_EQ(rig.launcher.hosts.size(), 2u);
    rig.launcher.last().BecomeReady();
    EXPECT_THAT(StartedClasses(rig), ElementsAre("Low"));
}

TEST(Process, DoesNotCheckIn_NextCandidateIsTried) {
    RegistryRig rig;
    rig.AddDext("com.example.driver", {{"A", Scored("High", 9)}, {"B", Scored("Low", 1)}});
    rig.launcher.hosts.front()->BecomeReady(static_cast<int32_t>(0xe00002d6));
    rig.scheduler.Run();
    EXPECT_EQ(rig.launcher.hosts.size(), 2u);
    EXPECT_EQ(rig.launcher.hosts.front()->num_exits, 1);
}

TEST(Process, DiesDuringStartWithoutAnswering_NextCandidateIsTried) {
    RegistryRig rig;
    rig.AddDext("com.example.driver", {{"A", Scored("High", 9)}, {"B", Scored("Low", 1)}});
    FakeHost &first = rig.launcher.last();
    first.BecomeReady();
    first.DieSilently(SIGSEGV);
    rig.scheduler.Run();
    EXPECT_EQ(rig.launcher.hosts.size(), 2u);
    first.AnswerStart("High");  // too late: nobody listens
    EXPECT_TRUE(rig.Named("High").empty());
}

TEST(Entitlements, DriverThatMayNotDriveTheDevice_IsNotStarted) {
    RegistryRig rig;
    const Dictionary card = PersonalityOf("Card", {{"IOProviderClass", "IOPCIDevice"}});
    rig.AddDext("com.example.driver", {{"A", card}},
                Dictionary{{"com.apple.developer.driverkit", true}});
    rig.registry->AddProvider(FpgaCard());
    EXPECT_TRUE(rig.launcher.hosts.empty());
    EXPECT_TRUE(rig.Named("Card").empty());
}

// --- semantics.md 3.6 ---

TEST(Start, OrderNamesClassProviderAndDevice) {
    RegistryRig rig;
    const EntryId card = rig.registry->AddProvider(FpgaCard());
    rig.AddDext("com.example.driver",
                {{"A", PersonalityOf("Card", {{"IOProviderClass", "IOPCIDevice"}})}});
    rig.launcher.last().BecomeReady();
    const auto &order = rig.launcher.last().starts.at(0).order;
    EXPECT_EQ(order.user_class, "Card");
    EXPECT_EQ(order.provider.entry, card);
    EXPECT_EQ(order.provider.class_name, "IOPCIDevice");
    EXPECT_EQ(order.provider.device, "model:fpga");
    const RegistryEntry *service = rig.Find(order.entry);
    EXPECT_EQ(service->name, "Card");
    EXPECT_EQ(service->class_name, "IOUserService");
    EXPECT_EQ(StringProperty(service->properties, "CFBundleIdentifier"), "com.example.driver");
}

TEST(Start, RegisterServiceWithinStart_TakesEffectAfterwards) {
    RegistryRig rig;
    rig.AddDext("com.example.driver", {{"A", PersonalityOf("Driver")}});
    FakeHost &host = rig.launcher.last();
    host.BecomeReady();
    const EntryId service = host.EntryOf("Driver");
    EXPECT_EQ(host.reports().RegisterService(service), 0);
    EXPECT_FALSE(rig.Find(service)->registered);
    host.AnswerStart("Driver");
    EXPECT_TRUE(rig.Find(service)->registered);
}

TEST(Start, FailsAfterRegisterService_NothingIsPublished) {
    RegistryRig rig;
    rig.AddDext("com.example.driver", {{"A", PersonalityOf("Driver")}});
    FakeHost &host = rig.launcher.last();
    host.BecomeReady();
    host.reports().RegisterService(host.EntryOf("Driver"));
    host.AnswerStart("Driver", kError);
    EXPECT_TRUE(rig.Named("Driver").empty());
    EXPECT_TRUE(host.stops.empty()) << "a failed Start gets no Stop";
    EXPECT_EQ(host.num_exits, 1);
}

TEST(Start, FailsAfterMakingAChild_ChildIsStopped) {
    RegistryRig rig;
    rig.AddDext("com.example.driver", {{"A", PersonalityOf("Driver")}});
    FakeHost &host = rig.launcher.last();
    host.BecomeReady();
    const auto child = rig.CreateChild(host, host.EntryOf("Driver"));
    ASSERT_TRUE(child);
    host.AnswerStart("Driver", kError);
    ASSERT_EQ(host.stops.size(), 1u);
    EXPECT_EQ(host.stops.front().entry, *child);
    EXPECT_EQ(rig.Find(*child), nullptr);
}

TEST(Start, DoesNotReturn_ItsProcessIsEndedAndTheNextTried) {
    RegistryRig rig;
    rig.AddDext("com.example.driver", {{"A", Scored("High", 9)}, {"B", Scored("Low", 1)}});
    FakeHost &first = rig.launcher.last();
    first.BecomeReady();
    rig.scheduler.Advance(std::chrono::milliseconds(19999));
    EXPECT_TRUE(first.kills.empty());
    rig.scheduler.Advance(std::chrono::milliseconds(1));
    EXPECT_THAT(first.kills, ElementsAre(SIGABRT));
    ASSERT_EQ(rig.launcher.hosts.size(), 2u);
    EXPECT_TRUE(rig.Named("High").empty());
}

TEST(Start, TimeLimitDoesNotCountTheLaunch) {
    RegistryRig rig;
    rig.AddDext("com.example.driver", {{"A", PersonalityOf("Driver")}});
    rig.scheduler.Advance(std::chrono::seconds(60));
    EXPECT_TRUE(rig.launcher.last().kills.empty());
    rig.launcher.last().BecomeReady();
    rig.launcher.last().AnswerStart("Driver");
    rig.scheduler.Advance(std::chrono::seconds(60));
    EXPECT_TRUE(rig.launcher.last().kills.empty());
    EXPECT_EQ(rig.scheduler.num_timers(), 0u);
}

TEST(Start, ZeroTimeLimit_WaitsForEver) {
    Registry::Options options;
    options.starter.start_timeout = std::chrono::milliseconds(0);
    RegistryRig rig(options);
    rig.AddDext("com.example.driver", {{"A", PersonalityOf("Driver")}});
    rig.launcher.last().BecomeReady();
    rig.scheduler.Advance(std::chrono::hours(10));
    EXPECT_TRUE(rig.launcher.last().kills.empty());
}

TEST(Start, AnsweredTwice_SecondAnswerIsIgnored) {
    RegistryRig rig;
    rig.AddDext("com.example.driver", {{"A", PersonalityOf("Driver")}});
    FakeHost &host = rig.launcher.last();
    host.BecomeReady();
    const auto answer = host.starts.front().answer;
    answer(0);
    answer(kError);
    EXPECT_EQ(rig.Named("Driver").size(), 1u);
}

TEST(Quiet, WaitsForDriversThatMatchWhatADriverPublished) {
    RegistryRig rig;
    rig.AddDext("com.example.driver",
                {{"A", PersonalityOf("Nub")},
                 {"B", PersonalityOf("Leaf", {{"IOProviderClass", "IOUserService"}})}});
    bool is_quiet = false;
    rig.registry->starter().WhenQuiet([&] { is_quiet = true; });
    FakeHost &nub = rig.launcher.last();
    nub.BecomeReady();
    nub.reports().RegisterService(nub.EntryOf("Nub"));
    nub.AnswerStart("Nub");
    rig.scheduler.Run();
    EXPECT_FALSE(is_quiet);
    EXPECT_EQ(rig.registry->Describe(rig.resources)->busy_state, 1u);
    ASSERT_EQ(rig.launcher.hosts.size(), 2u);
    rig.launcher.last().BecomeReady();
    rig.launcher.last().AnswerStart("Leaf");
    rig.scheduler.Run();
    EXPECT_TRUE(is_quiet);
}

TEST(Explain, NamesWhatEachPersonalityLacks) {
    RegistryRig rig;
    rig.AddDext("com.example.driver",
                {{"Card", PersonalityOf("Card", {{"IOProviderClass", "IOPCIDevice"}})},
                 {"Soft", PersonalityOf("Soft", {{"IONameMatch", "Nobody"}})}});
    const auto lines = rig.registry->starter().ExplainMismatches("com.example.driver");
    EXPECT_THAT(lines, ElementsAre(HasSubstr("there is no IOPCIDevice"), HasSubstr("IONameMatch")));
}

TEST(RegistryDestroyed, LateAnswersReachNobody) {
    RegistryRig rig;
    rig.AddDext("com.example.driver",
                {{"A", Scored("One", 1, "One")}, {"B", Scored("Two", 1, "Two")}});
    rig.launcher.hosts[0]->BecomeReady();
    rig.registry.reset();
    rig.launcher.hosts[0]->AnswerStart("One");
    rig.launcher.hosts[1]->BecomeReady();
    rig.launcher.hosts[0]->DieSilently(SIGKILL);
    rig.scheduler.Advance(std::chrono::hours(1));
}

}  // namespace
}  // namespace opendext::registry
