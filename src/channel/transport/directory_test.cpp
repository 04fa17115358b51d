// SPDX-License-Identifier: Apache-2.0
// An application and the registry over a socket.
#include <unistd.h>
#include <condition_variable>
#include <filesystem>
#include <future>
#include <memory>
#include <mutex>
#include <vector>

#include <gtest/gtest.h>

#include "channel/transport/bus_service_directory.h"
#include "channel/transport/connection_server.h"
#include "channel/transport/fake_user_client.h"
#include "channel/transport/log_feed.h"
#include "channel/transport/service_directory_server.h"
#include "channel/transport/unix_socket.h"
#include "channel/wire/io_result.h"

namespace opendext::channel {
namespace {

constexpr auto kPatience = std::chrono::seconds(30);
constexpr int32_t kNotFound = IoResult(0x2f0);

/// A registry of entries 1 (root) and 2; only 2 can be opened.
class FakeRegistry final : public DirectoryBackend {
public:
    explicit FakeRegistry(BusThread &bus_thread) : bus_thread_(bus_thread) {}

    std::expected<std::vector<EntryId>, int32_t> Find(const PropertyValue &matching) override {
        last_matching = matching;
        return std::vector{EntryId{2}};
    }
    std::expected<EntryDescription, int32_t> Describe(EntryId entry) override {
        if (entry != EntryId{2}) {
            return std::unexpected(kNotFound);
        }
        return EntryDescription{.id = entry,
                                .parent = EntryId{1},
                                .name = "Card",
                                .class_name = "IOUserService",
                                .class_ancestry = {"IOUserService", "IOService"},
                                .busy_state = 3,
                                .registered = true,
                                .active = false};
    }
    std::expected<PropertyValue, int32_t> Properties(EntryId) override {
        return PropertyValue::Dictionary{{"key", PropertyValue::FromInteger(5, 32)}};
    }
    std::expected<PropertyValue, int32_t> Property(EntryId, const std::string &key) override {
        return key == "key" ? std::expected<PropertyValue, int32_t>("value")
                            : std::unexpected(kNotFound);
    }
    void SetAsleep(bool asleep, std::function<void()> answer) override {
        is_asleep = asleep;
        answer();
    }
    void ReadReports(
        EntryId service,
        std::function<void(std::expected<std::vector<uint8_t>, int32_t>)> answer) override {
        answer(service == EntryId{1}
                   ? std::expected<std::vector<uint8_t>, int32_t>(std::vector<uint8_t>{1, 2, 3})
                   : std::unexpected(kIoNotFound));
    }
    std::expected<std::vector<EntryId>, int32_t> Children(EntryId) override {
        return std::vector<EntryId>();
    }
    EntryId Root() override { return EntryId{1}; }
    void Open(EntryId service, uint32_t, const PeerIdentity &app,
              std::function<void(std::expected<OpenedClient, int32_t>)> answer) override {
        opener = app;
        if (service != EntryId{2}) {
            answer(std::unexpected(kIoNotPermitted));
            return;
        }
        // Later, as a registry that asks a driver process does.
        bus_thread_.Post([this, answer = std::move(answer)] {
            server_ = *ConnectionServer::Start(bus_thread_, client, [this] { server_.reset(); });
            answer(OpenedClient{.client = EntryId{3}, .endpoint = server_->MakeEndpoint()});
        });
    }
    std::expected<ServiceDirectory::Watch, int32_t> WatchServices(
        NotificationKind, const PropertyValue &, DirectoryListener *listener) override {
        bus_thread_.Post([listener] { listener->OnServices(11, {EntryId{4}, EntryId{5}}); });
        return ServiceDirectory::Watch{.id = 11, .existing = {EntryId{2}}};
    }
    std::expected<uint64_t, int32_t> WatchInterest(EntryId, DirectoryListener *listener) override {
        bus_thread_.Post([listener] { listener->OnInterest(12, EntryId{2}, 0xe0000010); });
        return 12;
    }
    void StopWatch(uint64_t watch) override {
        const std::lock_guard lock(mutex_);
        stopped_.push_back(watch);
        changed_.notify_all();
    }

    bool AwaitStopped(uint64_t watch) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, kPatience, [&] {
            return std::find(stopped_.begin(), stopped_.end(), watch) != stopped_.end();
        });
    }
    void Forget() { server_.reset(); }

    PropertyValue last_matching;
    bool is_asleep = false;
    PeerIdentity opener;
    std::shared_ptr<FakeUserClient> client = std::make_shared<FakeUserClient>();

private:
    BusThread &bus_thread_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<uint64_t> stopped_;
    std::unique_ptr<ConnectionServer> server_;
};

class CollectingListener final : public DirectoryListener {
public:
    void OnServices(uint64_t, const std::vector<EntryId> &services) override {
        const std::lock_guard lock(mutex_);
        services_.insert(services_.end(), services.begin(), services.end());
        changed_.notify_all();
    }
    void OnInterest(uint64_t, EntryId, uint32_t message_type) override {
        const std::lock_guard lock(mutex_);
        message_type_ = message_type;
        changed_.notify_all();
    }
    std::vector<EntryId> AwaitServices(size_t count) {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, kPatience, [&] { return services_.size() >= count; });
        return services_;
    }
    uint32_t AwaitInterest() {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, kPatience, [&] { return message_type_ != 0; });
        return message_type_;
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<EntryId> services_;
    uint32_t message_type_ = 0;
};

class DirectoryTest : public testing::Test {
protected:
    void SetUp() override {
        folder_ =
            std::filesystem::temp_directory_path() / ("opendext-test-" + std::to_string(getpid()));
        std::filesystem::create_directories(folder_);
        const std::string path = folder_ / "registry";
        listener_ = *UnixListener::Listen(*registry_bus_, path, [this](UniqueFd socket) {
            server_ = *ServiceDirectoryServer::Attach(*registry_bus_, std::move(socket), registry_,
                                                      &log_, [this] { server_.reset(); });
        });
        directory_ = *BusServiceDirectory::Connect(path);
    }
    void TearDown() override {
        directory_.reset();
        listener_.reset();
        registry_bus_->RunAndWait([this] {
            server_.reset();
            registry_.Forget();
        });
        std::filesystem::remove_all(folder_);
    }

    std::filesystem::path folder_;
    std::unique_ptr<BusThread> registry_bus_ = *BusThread::Start("registry");
    FakeRegistry registry_{*registry_bus_};
    LogFeedServer log_;
    std::unique_ptr<UnixListener> listener_;
    std::unique_ptr<ServiceDirectoryServer> server_;
    std::shared_ptr<BusServiceDirectory> directory_;
};

TEST_F(DirectoryTest, Sleep_IsAskedFor) {
    EXPECT_EQ(directory_->SetAsleep(true), kSuccess);
    EXPECT_TRUE(registry_.is_asleep);
    EXPECT_EQ(directory_->SetAsleep(false), kSuccess);
    EXPECT_FALSE(registry_.is_asleep);
}

TEST_F(DirectoryTest, Questions_GetTheRegistrysAnswers) {
    const PropertyValue matching = PropertyValue::Dictionary{{"IOProviderClass", "IOUserService"}};
    EXPECT_EQ(directory_->Find(matching), std::vector{EntryId{2}});
    EXPECT_EQ(registry_.last_matching, matching);
    EXPECT_EQ(directory_->Root(), EntryId{1});
    const auto description = directory_->Describe(EntryId{2});
    ASSERT_TRUE(description.has_value());
    EXPECT_EQ(description->parent, EntryId{1});
    EXPECT_EQ(description->name, "Card");
    EXPECT_EQ(description->class_ancestry,
              (std::vector<std::string>{"IOUserService", "IOService"}));
    EXPECT_EQ(description->busy_state, 3U);
    EXPECT_TRUE(description->registered);
    EXPECT_FALSE(description->active);
    EXPECT_EQ(directory_->Describe(EntryId{9}).error(), kNotFound);
    EXPECT_EQ(*directory_->Properties(EntryId{2})->Find("key"), PropertyValue::FromInteger(5, 32));
    EXPECT_EQ(directory_->Property(EntryId{2}, "key"), PropertyValue("value"));
    EXPECT_EQ(directory_->Property(EntryId{2}, "other").error(), kNotFound);
    EXPECT_TRUE(directory_->Children(EntryId{2})->empty());
}

TEST_F(DirectoryTest, OpenedService_CanBeCalledAndClosed) {
    auto connection = directory_->Open(EntryId{2}, 0, nullptr);
    ASSERT_TRUE(connection.has_value());
    EXPECT_EQ(registry_.opener.pid, getpid());
    EXPECT_EQ(registry_.opener.uid, getuid());
    EXPECT_EQ((*connection)->Call({.selector = FakeUserClient::kSum}), kSuccess);
    connection->reset();
    EXPECT_TRUE(registry_.client->AwaitClose());
}

TEST_F(DirectoryTest, RefusedOpen_HasTheRegistrysError) {
    EXPECT_EQ(directory_->Open(EntryId{7}, 0, nullptr).error(), kIoNotPermitted);
}

TEST_F(DirectoryTest, Watches_ReportArrivalsAndInterest) {
    CollectingListener listener;
    const auto watch = directory_->WatchServices(NotificationKind::kFirstMatch,
                                                 PropertyValue::Dictionary(), &listener);
    ASSERT_TRUE(watch.has_value());
    EXPECT_EQ(watch->existing, std::vector{EntryId{2}});
    EXPECT_EQ(listener.AwaitServices(2), (std::vector{EntryId{4}, EntryId{5}}));
    const auto interest = directory_->WatchInterest(EntryId{2}, &listener);
    ASSERT_TRUE(interest.has_value());
    EXPECT_EQ(listener.AwaitInterest(), 0xe0000010U);
    directory_->StopWatch(watch->id);
    directory_->StopWatch(*interest);
    EXPECT_TRUE(registry_.AwaitStopped(watch->id));
    EXPECT_TRUE(registry_.AwaitStopped(*interest));
}

TEST_F(DirectoryTest, GoneApplication_EndsItsWatches) {
    CollectingListener listener;
    const auto watch = directory_->WatchServices(NotificationKind::kMatched,
                                                 PropertyValue::Dictionary(), &listener);
    ASSERT_TRUE(watch.has_value());
    directory_.reset();
    EXPECT_TRUE(registry_.AwaitStopped(watch->id));
}

TEST_F(DirectoryTest, GoneRegistry_DoesNotRespond) {
    EXPECT_EQ(directory_->Root(), EntryId{1});
    registry_bus_->RunAndWait([this] { server_.reset(); });
    EXPECT_EQ(directory_->Find(PropertyValue::Dictionary()).error(), kIoNotResponding);
    EXPECT_EQ(directory_->Open(EntryId{2}, 0, nullptr).error(), kIoNotResponding);
}

TEST_F(DirectoryTest, GoneRegistry_IsTold) {
    EXPECT_EQ(directory_->Root(), EntryId{1}) << "the connection has been accepted";
    std::promise<void> gone;
    directory_->WhenGone([&] { gone.set_value(); });
    registry_bus_->RunAndWait([this] { server_.reset(); });
    EXPECT_EQ(gone.get_future().wait_for(kPatience), std::future_status::ready);
    std::promise<void> still_gone;
    directory_->WhenGone([&] { still_gone.set_value(); });
    EXPECT_EQ(still_gone.get_future().wait_for(kPatience), std::future_status::ready);
}

TEST_F(DirectoryTest, SubscribedLog_GetsItsLines) {
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<LogFeedLine> lines;
    ASSERT_TRUE(LogFeedClient::Subscribe(directory_->peer(), [&](const LogFeedLine &line) {
        const std::lock_guard lock(mutex);
        lines.push_back(line);
        changed.notify_all();
    }));
    registry_bus_->RunAndWait([this] {
        EXPECT_EQ(log_.num_subscribers(), 1U);
        log_.Publish({.level = 16, .source = "driver", .text = "broken \xff text"});
    });
    std::unique_lock lock(mutex);
    ASSERT_TRUE(changed.wait_for(lock, kPatience, [&] { return !lines.empty(); }));
    EXPECT_EQ(lines[0].level, 16U);
    EXPECT_EQ(lines[0].source, "driver");
    EXPECT_EQ(lines[0].text, "broken ? text");
    lock.unlock();
    directory_.reset();
}

TEST(ConnectTest, AbsentRegistry_IsAnError) {
    EXPECT_FALSE(BusServiceDirectory::Connect("/nonexistent/registry").has_value());
    EXPECT_FALSE(BusServiceDirectory::Connect(std::string(200, 'x')).has_value());
}

}  // namespace
}  // namespace opendext::channel
