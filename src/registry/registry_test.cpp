// SPDX-License-Identifier: Apache-2.0
// Opening services (semantics.md 2.1) and the end of the registry.
#include "registry/registry.h"

#include <algorithm>
#include <csignal>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/log.h"
#include "channel/wire/io_result.h"
#include "registry/testing/registry_rig.h"

namespace opendext::registry {
namespace {

using testing::Dictionary;
using ::testing::ElementsAre;
using testing::FakeHost;
using testing::PersonalityOf;
using testing::RegistryRig;

constexpr int32_t kNoDevice = channel::kIoNoDevice;
constexpr int32_t kUnsupported = channel::kIoUnsupported;
constexpr int32_t kNotPermitted = channel::kIoNotPermitted;
using Opened = std::expected<channel::OpenedClient, int32_t>;

class OpenTest : public ::testing::Test {
protected:
    OpenTest() : service(rig.StartDriver("Driver")), host(rig.launcher.hosts.back()) {}
    void Open(EntryId entry) {
        rig.registry->Open(entry, 7, app, [this](Opened opened) {
            ++num_answers;
            result = opened ? 0 : opened.error();
        });
    }
    // NewUserClient of the driver returns `client`.
    void AnswerWith(EntryId client) {
        host->opens.back().answer(channel::OpenedClient{.client = client, .endpoint = {}});
    }

    RegistryRig rig;
    AppIdentity app{
        .pid = 7, .name = "app", .is_administrator = false, .entitlements = std::nullopt};
    EntryId service;
    std::shared_ptr<FakeHost> host;
    int num_answers = 0;
    int32_t result = 1;
};

TEST_F(OpenTest, OrderCarriesTypeCreatorAndEntitlements) {
    app.entitlements = Dictionary{{"key", true}};
    app.is_administrator = true;
    Open(service);
    const channel::ClientOpen &order = host->opens.at(0).order;
    EXPECT_EQ(order.service, service);
    EXPECT_EQ(order.type, 7u);
    EXPECT_EQ(order.creator, "pid 7, app");
    EXPECT_TRUE(order.entitlements.Find("key"));
    EXPECT_TRUE(order.entitlements.Find("com.apple.developer.driverkit.administrator"));
}

TEST_F(OpenTest, AppWithoutEntitlements_SendsAnEmptyDictionary) {
    Open(service);
    EXPECT_EQ(host->opens.at(0).order.entitlements, PropertyValue(Dictionary{}));
}

TEST_F(OpenTest, Success_ClientNamesItsCreator) {
    Open(service);
    const EntryId client = rig.CreateChild(*host, service).value();
    AnswerWith(client);
    EXPECT_EQ(result, 0);
    EXPECT_EQ(StringProperty(rig.Find(client)->properties, "IOUserClientCreator"), "pid 7, app");
}

TEST_F(OpenTest, DriversErrorGoesToTheApp) {
    Open(service);
    host->opens.back().answer(std::unexpected(static_cast<int32_t>(0xe00002c5)));
    EXPECT_EQ(result, static_cast<int32_t>(0xe00002c5));
}

TEST_F(OpenTest, DeniedAfterNewUserClientRan_ClientIsTerminated) {
    app.entitlements = Dictionary{};
    Open(service);
    const EntryId client = rig.CreateChild(*host, service).value();
    AnswerWith(client);
    EXPECT_EQ(result, kNotPermitted);
    ASSERT_EQ(host->stops.size(), 1u);
    EXPECT_EQ(host->stops.front().entry, client);
    host->AnswerStop(client);
    EXPECT_EQ(rig.Find(client), nullptr);
}

TEST_F(OpenTest, ClientOfAnotherKernelClass_IsTerminated) {
    Open(service);
    const EntryId client = rig.CreateChild(*host, service, {{"IOClass", "IOUserService"}}).value();
    AnswerWith(client);
    EXPECT_EQ(result, kUnsupported);
    EXPECT_FALSE(rig.Find(client)->active);
}

TEST_F(OpenTest, ProcessNamesAnEntryThatIsNotItsClient_Refused) {
    const EntryId other = rig.StartDriver("Other");
    for (const EntryId client : {other, service, rig.resources, EntryId{1}}) {
        Open(service);
        AnswerWith(client);
        EXPECT_EQ(result, kNoDevice);
    }
    EXPECT_TRUE(rig.Find(other)->active);
}

TEST_F(OpenTest, ServiceEndsMeanwhile_NoDevice) {
    Open(service);
    const EntryId client = rig.CreateChild(*host, service).value();
    rig.registry->RemoveProvider(rig.resources);
    AnswerWith(client);
    EXPECT_EQ(result, kNoDevice);
}

TEST_F(OpenTest, ProcessDiesMeanwhile_AnsweredOnce) {
    Open(service);
    host->Die(SIGSEGV);
    rig.scheduler.Run();
    EXPECT_EQ(num_answers, 1);
    EXPECT_EQ(result, channel::kHostGone);
}

// semantics.md 6.10.
TEST_F(OpenTest, EntryOfTheSystem_Unsupported) {
    Open(rig.resources);
    EXPECT_EQ(result, kUnsupported);
    Open(EntryId{1});
    EXPECT_EQ(result, kNoDevice);
}

TEST_F(OpenTest, ServiceThatEnds_NoDevice) {
    host->reports().Terminate(service);
    Open(service);
    EXPECT_EQ(result, kNoDevice);
}

TEST_F(OpenTest, RegistryDestroyedBeforeTheAnswer_NobodyIsCalled) {
    Open(service);
    rig.registry.reset();
    AnswerWith(EntryId{1});
    EXPECT_EQ(num_answers, 0);
}

TEST(AddBundle, Broken_ErrorAndNothingAdded) {
    RegistryRig rig;
    EXPECT_FALSE(rig.registry->AddBundle(rig.folder.path()));
    EXPECT_TRUE(rig.registry->starter().quiet());
}

TEST(AddBundle, IdentifierIsReturned) {
    RegistryRig rig;
    rig.folder.Write(
        "x.dext/Info.plist",
        testing::PlistText({{"CFBundleIdentifier", "com.example.x"},
                            {"IOKitPersonalities", Dictionary{{"A", PersonalityOf("Driver")}}}}));
    EXPECT_EQ(rig.registry->AddBundle(rig.folder.path() / "x.dext"), "com.example.x");
}

// Entries come and go while the bundle is tried on them.
TEST(AddBundle, DriversThatEndAtOnce_AllProvidersAreTried) {
    RegistryRig rig;
    rig.launcher.answers_at_once = true;
    rig.launcher.on_start = [](FakeHost &host, const channel::ServiceStart &start) {
        host.reports().Terminate(start.entry);
    };
    for (int i = 0; i < 5; ++i) {
        rig.registry->AddProvider(testing::FpgaCard());
    }
    rig.AddDext("com.example.driver",
                {{"A", PersonalityOf("Card", {{"IOProviderClass", "IOPCIDevice"}})}});
    rig.scheduler.Run();
    EXPECT_EQ(rig.launcher.hosts.size(), 5u);
    EXPECT_TRUE(rig.Named("Card").empty());
}

class OrphanTest : public OpenTest {
protected:
    EntryId OpenClient(int pid) {
        app.pid = pid;
        Open(service);
        const EntryId client = rig.CreateChild(*host, service).value();
        AnswerWith(client);
        return client;
    }
    void Wait(int ended_pid) {
        rig.registry->WhenOrphansGone([ended_pid](int pid) { return pid == ended_pid; },
                                      [this] { ++num_told; });
    }

    int num_told = 0;
};

TEST_F(OrphanTest, NoApplicationHasEnded_IsToldAtOnce) {
    OpenClient(7);
    Wait(8);
    EXPECT_EQ(num_told, 1);
}

TEST_F(OrphanTest, LastClientOfTheEndedApplicationLeaves_IsToldOnce) {
    const EntryId first = OpenClient(7);
    const EntryId second = OpenClient(7);
    const EntryId other = OpenClient(8);
    Wait(7);
    for (const EntryId client : {first, other, second}) {
        EXPECT_EQ(num_told, 0);
        host->reports().Terminate(client);
        host->AnswerStop(client);
    }
    EXPECT_EQ(num_told, 1);
}

TEST_F(OrphanTest, ProcessWithTheClientDies_IsTold) {
    OpenClient(7);
    Wait(7);
    host->Die(SIGSEGV);
    rig.scheduler.Run();
    EXPECT_EQ(num_told, 1);
    EXPECT_EQ(rig.registry->num_crashes(), 1u);
}

/// What we log, from now on.
class LogLines {
public:
    LogLines() {
        SetLogSink(
            [lines = lines_](LogLevel, std::string_view line) { lines->emplace_back(line); });
    }
    ~LogLines() { SetLogSink({}); }
    LogLines(const LogLines &) = delete;
    LogLines &operator=(const LogLines &) = delete;

    [[nodiscard]] size_t Count(std::string_view text) const {
        return static_cast<size_t>(std::ranges::count_if(
            *lines_, [text](const std::string &line) { return line.contains(text); }));
    }

private:
    const std::shared_ptr<std::vector<std::string>> lines_ =
        std::make_shared<std::vector<std::string>>();
};

// semantics.md 3.6: without RegisterService a service is invisible.
TEST(Find, ServiceThatNeverRegistered_IsToldOnce) {
    RegistryRig rig;
    const EntryId service = rig.StartDriver("Driver");
    const Dictionary matching{{"IONameMatch", PropertyValue("Driver")}};
    const LogLines log;
    std::vector<EntryId> existing;
    rig.registry->WatchServices(
        channel::NotificationKind::kFirstMatch, matching, [](uint64_t, EntryId) {}, &existing);
    EXPECT_TRUE(rig.registry->Find(matching).empty());
    EXPECT_EQ(log.Count("looks for 'Driver', which has started but has not called"), 1u);
    rig.launcher.last().reports().RegisterService(service);
    EXPECT_THAT(rig.registry->Find(matching), ElementsAre(service));
}

TEST(Find, NothingThatWouldMatch_IsQuiet) {
    RegistryRig rig;
    rig.StartDriver("Driver");
    const LogLines log;
    EXPECT_TRUE(rig.registry->Find({{"IONameMatch", PropertyValue("Other")}}).empty());
    EXPECT_EQ(log.Count("RegisterService"), 0u);
}

TEST(Shutdown, NothingRuns_IsDoneAtOnce) {
    RegistryRig rig;
    bool done = false;
    rig.registry->Shutdown([&] { done = true; });
    EXPECT_TRUE(done);
}

TEST(Shutdown, WaitsForEveryProcess) {
    RegistryRig rig;
    rig.StartDriver("One");
    rig.StartDriver("Two");
    rig.AddDext("com.example.driver",
                {{"C", PersonalityOf("Launching", {{"IOMatchCategory", "C"}})}});
    int num_done = 0;
    rig.registry->Shutdown([&] { ++num_done; });
    rig.registry->Shutdown([&] { ++num_done; });
    rig.launcher.hosts[2]->BecomeReady();
    for (const auto &host : rig.launcher.hosts) {
        EXPECT_EQ(host->num_exits, 1);
        EXPECT_EQ(num_done, 0);
        host->Die(0);
        rig.scheduler.Run();
    }
    EXPECT_EQ(num_done, 2);
    EXPECT_EQ(rig.launcher.hosts.size(), 3u);
}

TEST(Shutdown, CrashMeanwhile_NothingIsStartedAgain) {
    RegistryRig rig;
    rig.StartDriver("Driver");
    bool done = false;
    rig.launcher.last().Die(SIGSEGV);  // reported, not handled yet
    rig.registry->Shutdown([&] { done = true; });
    rig.scheduler.Run();
    EXPECT_TRUE(done);
    EXPECT_EQ(rig.launcher.hosts.size(), 1u);
}

TEST(Shutdown, ProcessThatDoesNotEnd_IsKilled) {
    RegistryRig rig;
    rig.StartDriver("Driver");
    bool done = false;
    rig.registry->Shutdown([&] { done = true; });
    rig.scheduler.Advance(std::chrono::seconds(9));
    EXPECT_FALSE(done);
    const LogLines log;
    rig.scheduler.Advance(std::chrono::seconds(1));
    EXPECT_THAT(rig.launcher.last().kills, ElementsAre(SIGKILL));
    EXPECT_TRUE(done);
    EXPECT_EQ(rig.registry->num_crashes(), 0u);
    EXPECT_EQ(log.Count("a Stop of its driver has not returned; it is killed"), 1u);
}

// semantics.md 3.7: a Stop that is awaited keeps its service in the registry.
TEST_F(OpenTest, ClientThatDoesNotStopBeforeTheEnd_IsNamed) {
    const EntryId client = rig.CreateChild(*host, service).value();
    host->reports().Terminate(client);
    const LogLines log;
    rig.registry->Shutdown([] {});
    rig.scheduler.Advance(std::chrono::seconds(10));
    EXPECT_EQ(log.Count("these have not stopped: Driver, Client; it is killed"), 1u);
}

TEST(Shutdown, NewProvidersMatchNothing) {
    RegistryRig rig;
    rig.AddDext("com.example.driver",
                {{"A", PersonalityOf("Card", {{"IOProviderClass", "IOPCIDevice"}})}});
    rig.registry->Shutdown([] {});
    rig.registry->AddProvider(testing::FpgaCard());
    EXPECT_TRUE(rig.launcher.hosts.empty());
}

TEST(Describe, ShowsClassAncestryAndState) {
    RegistryRig rig;
    const EntryId card = rig.registry->AddProvider(testing::FpgaCard());
    const auto description = rig.registry->Describe(card);
    ASSERT_TRUE(description);
    EXPECT_THAT(description->class_ancestry,
                ElementsAre("IOPCIDevice", "IOService", "IORegistryEntry", "OSObject"));
    EXPECT_EQ(description->location, "0,0");
    EXPECT_TRUE(description->registered);
    EXPECT_EQ(rig.registry->Describe(EntryId{1}).error(), kNoDevice);
}

}  // namespace
}  // namespace opendext::registry
