// SPDX-License-Identifier: Apache-2.0
// The registry and a driver process over a socketpair.
#include <sys/mman.h>
#include <condition_variable>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "channel/transport/connection_server.h"
#include "channel/transport/dext_host_proxy.h"
#include "channel/transport/fake_user_client.h"
#include "channel/transport/registry_connection.h"
#include "channel/wire/io_result.h"

namespace opendext::channel {
namespace {

constexpr auto kPatience = std::chrono::seconds(30);
constexpr int32_t kNotFound = IoResult(0x2f0);

/// Answers now; except StopService, which never answers.
class FakeHost final : public DextHostPort {
public:
    explicit FakeHost(BusThread &bus_thread) : bus_thread_(bus_thread) {}

    void StartService(const ServiceStart &start, std::function<void(int32_t)> answer) override {
        started = start;
        answer(start.user_class == "Good" ? kSuccess : kIoNoMemory);
    }
    void OpenClient(const ClientOpen &open,
                    std::function<void(std::expected<OpenedClient, int32_t>)> answer) override {
        opened = open;
        if (open.type != 0) {
            answer(std::unexpected(kIoBadArgument));
            return;
        }
        server_ =
            *ConnectionServer::Start(bus_thread_, std::make_shared<FakeUserClient>(), nullptr);
        answer(OpenedClient{.client = EntryId{8}, .endpoint = server_->MakeEndpoint()});
    }
    void StopService(EntryId, StopMode mode, std::function<void(int32_t)> answer) override {
        stop_mode = mode;
        never_called_ = std::move(answer);
        stop_seen.set_value();
    }
    void SetPowerState(EntryId entry, uint32_t flags,
                       std::function<void(int32_t)> answer) override {
        answer(entry == EntryId{1} && flags == 0x10000 ? kSuccess : kNotFound);
    }
    void NotifyService(uint64_t watch, ServiceEvent event,
                       const ProviderDescription &service) override {
        notified.set_value({watch, event, service.entry, service.class_name + service.name});
    }
    void NotifyState(uint64_t watch) override { state_notified.set_value(watch); }
    void ReadReports(
        EntryId service, const std::vector<uint64_t> &channels,
        std::function<void(std::expected<std::vector<uint8_t>, int32_t>)> answer) override {
        answer(service == EntryId{1} ? std::expected<std::vector<uint8_t>, int32_t>(
                                           std::vector<uint8_t>(channels.begin(), channels.end()))
                                     : std::unexpected(kNotFound));
    }
    void Exit() override { exit_seen.set_value(); }
    void Kill(int) override {}

    ServiceStart started;
    ClientOpen opened;
    StopMode stop_mode = StopMode::kAwaitReturn;
    std::promise<void> stop_seen;
    std::promise<void> exit_seen;
    std::promise<std::tuple<uint64_t, ServiceEvent, EntryId, std::string>> notified;
    std::promise<uint64_t> state_notified;

private:
    BusThread &bus_thread_;
    std::function<void(int32_t)> never_called_;
    std::unique_ptr<ConnectionServer> server_;
};

/// A registry that knows entry 1 only.
class FakeReports final : public HostReports {
public:
    std::expected<EntryId, int32_t> CreateChild(EntryId creator,
                                                const PropertyValue &properties) override {
        last_properties = properties;
        return creator == EntryId{1} ? std::expected<EntryId, int32_t>(EntryId{2})
                                     : std::unexpected(kNotFound);
    }
    void ChildFailed(EntryId entry) override { failed.set_value(entry); }
    int32_t RegisterService(EntryId entry) override {
        return entry == EntryId{1} ? kSuccess : kNotFound;
    }
    int32_t Terminate(EntryId) override { return kIoNotPermitted; }
    std::expected<PropertyValue, int32_t> CopyProperties(EntryId) override {
        return last_properties;
    }
    int32_t MergeProperties(EntryId, const PropertyValue &properties) override {
        last_properties = properties;
        return kSuccess;
    }
    int32_t RemoveProperty(EntryId, const std::string &key) override {
        return key == "key" ? kSuccess : kNotFound;
    }
    std::expected<PropertyValue, int32_t> SearchProperty(EntryId, const std::string &key,
                                                         const std::string &plane,
                                                         bool parents) override {
        return PropertyValue(key + plane + (parents ? "+" : "-"));
    }
    int32_t SetName(EntryId, const std::string &name) override {
        name_ = name;
        return kSuccess;
    }
    std::expected<std::string, int32_t> CopyName(EntryId) override { return name_; }
    std::expected<std::vector<PropertyValue>, int32_t> CopyProviderProperties(
        EntryId, const std::vector<std::string> &keys) override {
        std::vector<PropertyValue> found;
        for (const std::string &key : keys) {
            found.push_back(PropertyValue::Dictionary{{key, true}});
        }
        return found;
    }
    std::expected<RelatedEntry, int32_t> CopyParent(EntryId entry) override {
        if (entry == EntryId::kNone) {
            return std::unexpected(kIoNotFound);
        }
        return RelatedEntry{.entry = EntryId{7}, .class_name = "IOUSBHostDevice", .part = {}};
    }
    std::expected<std::vector<RelatedEntry>, int32_t> CopyChildren(EntryId entry) override {
        if (entry == EntryId::kNone) {
            return std::unexpected(kIoNotFound);
        }
        return std::vector<RelatedEntry>{
            {.entry = EntryId{8}, .class_name = "IOUSBHostInterface", .part = "0"},
            {.entry = EntryId{9}, .class_name = "IOUSBHostInterface", .part = "1"}};
    }
    std::expected<UniqueFd, int32_t> OpenDevice(EntryId entry) override {
        if (entry == EntryId::kNone) {
            return std::unexpected(kIoNoDevice);
        }
        return UniqueFd(memfd_create("session", MFD_CLOEXEC));
    }
    int32_t JoinPowerTree(EntryId entry) override {
        return entry == EntryId{1} ? kSuccess : kNotFound;
    }
    int32_t ChangePowerState(EntryId, uint32_t flags) override {
        return flags == 0x10000 ? kSuccess : kIoBadArgument;
    }
    int32_t SetPowerOverride(EntryId, bool enable) override {
        return enable ? kSuccess : kIoNotPermitted;
    }
    int32_t AdjustBusy(EntryId, int32_t delta) override {
        return delta == -1 ? kSuccess : kIoBadArgument;
    }
    std::expected<uint32_t, int32_t> GetBusyState(EntryId entry) override {
        return entry == EntryId{1} ? std::expected<uint32_t, int32_t>(5)
                                   : std::unexpected(kNotFound);
    }
    int32_t WatchServices(uint64_t watch, const PropertyValue &matching) override {
        last_properties = matching;
        return watch == 3 ? kSuccess : kIoBadArgument;
    }
    std::expected<EntryId, int32_t> SystemStateService() override { return EntryId{6}; }
    int32_t CreateStateItem(EntryId entry, const std::string &name,
                            const PropertyValue &value) override {
        return entry == EntryId{6} && name == "new" && value.is_null() ? kSuccess
                                                                       : kIoExclusiveAccess;
    }
    int32_t SetStateItem(EntryId entry, const std::string &name,
                         const PropertyValue &value) override {
        last_properties = value;
        return entry == EntryId{6} && name == "item" ? kSuccess : kNotFound;
    }
    std::expected<PropertyValue, int32_t> CopyStateItem(EntryId entry,
                                                        const std::string &name) override {
        return entry == EntryId{6} && name == "item"
                   ? std::expected<PropertyValue, int32_t>(last_properties)
                   : std::unexpected(kNotFound);
    }
    int32_t WatchStates(uint64_t watch, EntryId service,
                        const std::vector<std::string> &names) override {
        return watch == 5 && service == EntryId{6} && names == std::vector<std::string>{"a", "b"}
                   ? kSuccess
                   : kIoBadArgument;
    }
    void StopWatch(uint64_t watch) override { stopped_watch.set_value(watch); }
    void ServiceStopped(EntryId entry) override { stopped.set_value(entry); }
    void LogLine(uint32_t level, const std::string &text) override {
        if (lines.empty()) {
            logged.set_value({level, text});
        }
        lines.push_back(text);
    }

    PropertyValue last_properties;
    std::promise<EntryId> failed;
    std::promise<EntryId> stopped;
    std::promise<uint64_t> stopped_watch;
    std::promise<std::pair<uint32_t, std::string>> logged;  // the first line
    std::vector<std::string> lines;                         // used on the registry's bus thread

private:
    std::string name_;
};

class HostTest : public testing::Test {
protected:
    void SetUp() override {
        auto sockets = *MakeBusSocketPair();
        std::promise<int32_t> ready;
        proxy_ =
            *DextHostProxy::Attach(*registry_bus_, std::move(sockets.first),
                                   {.reports = &reports_,
                                    .on_ready = [&](int32_t result) { ready.set_value(result); },
                                    .kill = nullptr,
                                    .on_gone = [this] { gone_.set_value(); }});
        connection_ = *RegistryConnection::Attach(*host_bus_, std::move(sockets.second), [this] {
            std::call_once(is_ended_, [this] { end_seen_.set_value(); });
        });
        connection_->Serve(host_);
        auto is_ready = ready.get_future();
        ASSERT_EQ(is_ready.wait_for(kPatience), std::future_status::ready);
        ASSERT_EQ(is_ready.get(), kSuccess);
    }

    /// Gives an order on the registry's thread and waits for its answer.
    template <typename Answer, typename Order>
    Answer Await(Order order) {
        auto answered = std::make_shared<std::promise<Answer>>();
        registry_bus_->Post(
            [&] { order([answered](Answer answer) { answered->set_value(std::move(answer)); }); });
        return answered->get_future().get();
    }

    FakeReports reports_;
    std::promise<void> gone_;
    std::once_flag is_ended_;
    std::promise<void> end_seen_;
    std::unique_ptr<BusThread> registry_bus_ = *BusThread::Start("registry");
    std::unique_ptr<BusThread> host_bus_ = *BusThread::Start("host");
    FakeHost host_{*host_bus_};
    std::unique_ptr<DextHostProxy> proxy_;
    std::unique_ptr<RegistryConnection> connection_;
};

TEST_F(HostTest, Orders_AreAnswered) {
    ServiceStart start{.entry = EntryId{5},
                       .user_class = "Good",
                       .provider = {.class_name = "IOPCIDevice", .device = "model:x", .part = "2"}};
    EXPECT_EQ(Await<int32_t>([&](const auto &answer) { proxy_->StartService(start, answer); }),
              kSuccess);
    EXPECT_EQ(host_.started.entry, EntryId{5});
    EXPECT_EQ(host_.started.provider.device, "model:x");
    EXPECT_EQ(host_.started.provider.part, "2");
    start.user_class = "Bad";
    EXPECT_EQ(Await<int32_t>([&](const auto &answer) { proxy_->StartService(start, answer); }),
              kIoNoMemory);
}

TEST_F(HostTest, OpenedClient_ComesWithItsEndpoint) {
    using Opened = std::expected<OpenedClient, int32_t>;
    ClientOpen open{.service = EntryId{5},
                    .creator = "pid 1, app",
                    .entitlements = PropertyValue::Dictionary()};
    const Opened opened =
        Await<Opened>([&](const auto &answer) { proxy_->OpenClient(open, answer); });
    ASSERT_TRUE(opened.has_value());
    EXPECT_EQ(opened->client, EntryId{8});
    EXPECT_TRUE(std::get<TransportEndpoint>(opened->endpoint).region.is_valid());
    EXPECT_EQ(host_.opened.creator, "pid 1, app");
    open.type = 1;
    EXPECT_EQ(Await<Opened>([&](const auto &answer) { proxy_->OpenClient(open, answer); }).error(),
              kIoBadArgument);
}

TEST_F(HostTest, SetPowerState_IsAnswered) {
    const auto set = [this](EntryId entry, uint32_t flags) {
        return Await<int32_t>(
            [&](const auto &answer) { proxy_->SetPowerState(entry, flags, answer); });
    };
    EXPECT_EQ(set(EntryId{1}, 0x10000), kSuccess);
    EXPECT_EQ(set(EntryId{1}, 2), kNotFound);
}

TEST_F(HostTest, NotifyService_Arrives) {
    registry_bus_->RunAndWait([this] {
        proxy_->NotifyService(3, ServiceEvent::kTerminated,
                              {.entry = EntryId{4}, .class_name = "IOUserService", .name = "Nub"});
    });
    EXPECT_EQ(host_.notified.get_future().get(),
              std::tuple(3, ServiceEvent::kTerminated, EntryId{4}, "IOUserServiceNub"));
}

TEST_F(HostTest, NotifyState_Arrives) {
    registry_bus_->RunAndWait([this] { proxy_->NotifyState(5); });
    EXPECT_EQ(host_.state_notified.get_future().get(), 5U);
}

TEST_F(HostTest, ReadReports_HasTheElementsOrTheDriversResult) {
    using Elements = std::expected<std::vector<uint8_t>, int32_t>;
    EXPECT_EQ(Await<Elements>([this](const auto &answer) {
                  proxy_->ReadReports(EntryId{1}, {1, 2, 3}, answer);
              }),
              (std::vector<uint8_t>{1, 2, 3}));
    EXPECT_EQ(Await<Elements>(
                  [this](const auto &answer) { proxy_->ReadReports(EntryId{2}, {1}, answer); }),
              std::unexpected(kNotFound));
}

TEST_F(HostTest, ReportsOfStates_AreAnswered) {
    const PropertyValue value = PropertyValue::Dictionary{{"state", PropertyValue(true)}};
    EXPECT_EQ(connection_->SystemStateService(), EntryId{6});
    EXPECT_EQ(connection_->CreateStateItem(EntryId{6}, "new", {}), kSuccess);
    EXPECT_EQ(connection_->CreateStateItem(EntryId{6}, "new", value), kIoExclusiveAccess);
    EXPECT_EQ(connection_->SetStateItem(EntryId{6}, "item", value), kSuccess);
    EXPECT_EQ(connection_->SetStateItem(EntryId{6}, "other", value), kNotFound);
    EXPECT_EQ(connection_->CopyStateItem(EntryId{6}, "item"), value);
    EXPECT_EQ(connection_->CopyStateItem(EntryId{7}, "item"), std::unexpected(kNotFound));
    EXPECT_EQ(connection_->WatchStates(5, EntryId{6}, {"a", "b"}), kSuccess);
    EXPECT_EQ(connection_->WatchStates(5, EntryId{6}, {"b"}), kIoBadArgument);
}

TEST_F(HostTest, ReportsOfPowerAndWatches_AreAnswered) {
    EXPECT_EQ(connection_->JoinPowerTree(EntryId{1}), kSuccess);
    EXPECT_EQ(connection_->JoinPowerTree(EntryId{2}), kNotFound);
    EXPECT_EQ(connection_->ChangePowerState(EntryId{1}, 0x10000), kSuccess);
    EXPECT_EQ(connection_->ChangePowerState(EntryId{1}, 1), kIoBadArgument);
    EXPECT_EQ(connection_->SetPowerOverride(EntryId{1}, true), kSuccess);
    EXPECT_EQ(connection_->SetPowerOverride(EntryId{1}, false), kIoNotPermitted);
    EXPECT_EQ(connection_->AdjustBusy(EntryId{1}, -1), kSuccess);
    EXPECT_EQ(connection_->AdjustBusy(EntryId{1}, 1), kIoBadArgument);
    EXPECT_EQ(connection_->GetBusyState(EntryId{1}), 5U);
    EXPECT_EQ(connection_->GetBusyState(EntryId{2}), std::unexpected(kNotFound));
    const PropertyValue matching = PropertyValue::Dictionary{{"IONameMatch", PropertyValue("Nub")}};
    EXPECT_EQ(connection_->WatchServices(3, matching), kSuccess);
    EXPECT_EQ(connection_->CopyProperties(EntryId{1}), matching);
    EXPECT_EQ(connection_->WatchServices(4, matching), kIoBadArgument);
    connection_->StopWatch(3);
    EXPECT_EQ(reports_.stopped_watch.get_future().get(), 3U);
}

TEST_F(HostTest, Exit_Arrives) {
    registry_bus_->RunAndWait([this] { proxy_->Exit(); });
    EXPECT_EQ(host_.exit_seen.get_future().wait_for(kPatience), std::future_status::ready);
}

TEST_F(HostTest, ExitWhileNothingIsServed_EndsTheProcess) {
    connection_->StopServing();
    registry_bus_->RunAndWait([this] { proxy_->Exit(); });
    EXPECT_EQ(end_seen_.get_future().wait_for(kPatience), std::future_status::ready);
}

TEST_F(HostTest, OrderToAHostThatDies_IsAnsweredWithGone) {
    auto answered = std::make_shared<std::promise<int32_t>>();
    registry_bus_->Post([&] {
        proxy_->StopService(EntryId{5}, StopMode::kOneWay,
                            [answered](int32_t result) { answered->set_value(result); });
    });
    host_.stop_seen.get_future().wait();
    EXPECT_EQ(host_.stop_mode, StopMode::kOneWay);
    connection_.reset();
    EXPECT_EQ(answered->get_future().get(), kHostGone);
    EXPECT_EQ(gone_.get_future().wait_for(kPatience), std::future_status::ready);
    EXPECT_EQ(Await<int32_t>([&](const auto &answer) { proxy_->StartService({}, answer); }),
              kHostGone);
}

TEST_F(HostTest, Reports_AreAnsweredFromTheTables) {
    const PropertyValue properties =
        PropertyValue::Dictionary{{"a", PropertyValue::FromInteger(1)}};
    EXPECT_EQ(connection_->CreateChild(EntryId{1}, properties), EntryId{2});
    EXPECT_EQ(connection_->CreateChild(EntryId{9}, properties).error(), kNotFound);
    EXPECT_EQ(connection_->CopyProperties(EntryId{1}), properties);
    EXPECT_EQ(connection_->RegisterService(EntryId{1}), kSuccess);
    EXPECT_EQ(connection_->Terminate(EntryId{1}), kIoNotPermitted);
    EXPECT_EQ(connection_->MergeProperties(EntryId{1}, PropertyValue::Dictionary()), kSuccess);
    EXPECT_EQ(connection_->RemoveProperty(EntryId{1}, "key"), kSuccess);
    EXPECT_EQ(connection_->RemoveProperty(EntryId{1}, "other"), kNotFound);
    EXPECT_EQ(connection_->SearchProperty(EntryId{1}, "k", "IOService", true),
              PropertyValue("kIOService+"));
    EXPECT_EQ(connection_->SetName(EntryId{1}, "name"), kSuccess);
    EXPECT_EQ(connection_->CopyName(EntryId{1}), "name");
    const auto provided = connection_->CopyProviderProperties(EntryId{1}, {"x", "y"});
    ASSERT_TRUE(provided.has_value());
    EXPECT_EQ(provided->size(), 2U);
}

TEST_F(HostTest, NeighboursOfAnEntry_ComeBack) {
    EXPECT_EQ(connection_->CopyParent(EntryId{8}).value(),
              (RelatedEntry{.entry = EntryId{7}, .class_name = "IOUSBHostDevice", .part = {}}));
    const auto children = connection_->CopyChildren(EntryId{7});
    ASSERT_TRUE(children.has_value());
    ASSERT_EQ(children->size(), 2U);
    EXPECT_EQ(children->back(),
              (RelatedEntry{.entry = EntryId{9}, .class_name = "IOUSBHostInterface", .part = "1"}));
    EXPECT_EQ(connection_->CopyParent(EntryId::kNone).error(), kIoNotFound);
    EXPECT_EQ(connection_->CopyChildren(EntryId::kNone).error(), kIoNotFound);
}

TEST_F(HostTest, OpenedDevice_ComesWithItsSocket) {
    const auto socket = connection_->OpenDevice(EntryId{8});
    ASSERT_TRUE(socket.has_value());
    EXPECT_TRUE(socket->is_valid());
    EXPECT_EQ(connection_->OpenDevice(EntryId::kNone).error(), kIoNoDevice);
}

TEST_F(HostTest, OneWayReports_Arrive) {
    connection_->ChildFailed(EntryId{3});
    connection_->ServiceStopped(EntryId{4});
    connection_->LogLine(16, std::string(100'000, 'x'));
    EXPECT_EQ(reports_.failed.get_future().get(), EntryId{3});
    EXPECT_EQ(reports_.stopped.get_future().get(), EntryId{4});
    EXPECT_EQ(reports_.logged.get_future().get().second.size(), kMaxTextBytes);
}

TEST_F(HostTest, LinesFasterThanTheyAreSent_AreLostAndCounted) {
    std::promise<void> go_on;
    host_bus_->Post([&] { go_on.get_future().wait(); });
    for (int i = 0; i < 20'000; ++i) {
        connection_->LogLine(0, "one of many");
    }
    go_on.set_value();
    host_bus_->RunAndWait([] {});
    connection_->LogLine(0, "the last");
    (void)connection_->RegisterService(EntryId{1});  // its answer comes after all lines
    std::vector<std::string> lines;
    registry_bus_->RunAndWait([&] { lines = reports_.lines; });
    EXPECT_LT(lines.size(), 10'000U);
    EXPECT_EQ(lines.back(),
              std::to_string(20'001 - lines.size()) + " lines before this one are lost: the last");
}

TEST_F(HostTest, ReportsToAGoneRegistry_AreOffline) {
    registry_bus_->RunAndWait([this] { proxy_.reset(); });
    EXPECT_EQ(connection_->RegisterService(EntryId{1}), kIoOffline);
    EXPECT_EQ(connection_->CopyProperties(EntryId{1}).error(), kIoOffline);
}

}  // namespace
}  // namespace opendext::channel
