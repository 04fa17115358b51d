// SPDX-License-Identifier: Apache-2.0
// Either side of a connection is killed or lies.
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <atomic>
#include <csignal>
#include <cstring>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/futex.h"
#include "channel/transport/bus_peer.h"
#include "channel/transport/connection_server.h"
#include "channel/transport/fake_user_client.h"
#include "channel/transport/shared_memory_connection.h"
#include "channel/wire/bus_names.h"

namespace opendext::channel {
namespace {

using Selector = FakeUserClient::Selector;

void SendFds(int socket, const TransportEndpoint &endpoint) {
    const int fds[2] = {endpoint.region.get(), endpoint.control.get()};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(fds))] = {};
    char byte = 0;
    iovec data = {.iov_base = &byte, .iov_len = 1};
    msghdr message = {};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    cmsghdr *const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(fds));
    std::memcpy(CMSG_DATA(header), fds, sizeof(fds));
    sendmsg(socket, &message, 0);
}

TransportEndpoint ReceiveFds(int socket) {
    int fds[2] = {-1, -1};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(fds))] = {};
    char byte = 0;
    iovec data = {.iov_base = &byte, .iov_len = 1};
    msghdr message = {};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) == 1 && CMSG_FIRSTHDR(&message) != nullptr) {
        std::memcpy(fds, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fds));
    }
    return {.region = UniqueFd(fds[0]), .control = UniqueFd(fds[1])};
}

/// Runs `body` in a child process; it never returns from there.
template <typename Body>
pid_t Spawn(Body body) {
    const pid_t child = fork();
    if (child == 0) {
        body();
        _exit(0);
    }
    return child;
}

int CallSelector(ClientConnection &connection, uint32_t selector) {
    return connection.Call({.selector = selector});
}

/// A driver process that serves until it is killed.
pid_t SpawnServer(int socket) {
    return Spawn([socket] {
        auto bus_thread = *BusThread::Start("host-bus");
        auto server =
            *ConnectionServer::Start(*bus_thread, std::make_shared<FakeUserClient>(), nullptr);
        SendFds(socket, server->MakeEndpoint());
        while (true) {
            pause();
        }
    });
}

class SocketPair {
public:
    SocketPair() { socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds); }
    ~SocketPair() {
        Close(0);
        Close(1);
    }
    void Close(int end) { close(std::exchange(fds[end], -1)); }
    int fds[2] = {-1, -1};
};

// semantics.md 7.2
TEST(PeerDeathTest, KilledServer_EndsTheCallInFlightAndThoseAfter) {
    SocketPair sockets;
    const pid_t child = SpawnServer(sockets.fds[1]);
    auto bus_thread = *BusThread::Start("app-bus");
    auto connection =
        *SharedMemoryConnection::Attach(*bus_thread, ReceiveFds(sockets.fds[0]), nullptr);
    EXPECT_EQ(CallSelector(*connection, Selector::kSum), kSuccess);
    std::vector<std::thread> callers;
    std::atomic<int> num_started = 0;
    std::atomic<int> num_wrong = 0;
    for (int i = 0; i < 20; ++i) {  // more than there are slots
        callers.emplace_back([&] {
            ++num_started;
            const int32_t result = CallSelector(*connection, Selector::kBlock);
            num_wrong += result != kMigServerDied && result != kMachSendInvalidDest;
        });
    }
    while (num_started.load() != 20) {
        std::this_thread::yield();
    }
    kill(child, SIGKILL);
    for (std::thread &caller : callers) {
        caller.join();
    }
    EXPECT_EQ(num_wrong.load(), 0);
    EXPECT_EQ(CallSelector(*connection, Selector::kSum), kMachSendInvalidDest);
    EXPECT_FALSE(connection->MapMemory(0, nullptr).has_value());
    EXPECT_EQ(connection->UnmapMemory(0), kMachSendInvalidDest);
    waitpid(child, nullptr, 0);
}

TEST(PeerDeathTest, ServerKilledAtAnyMoment_NeverHangsTheApplication) {
    for (int round = 0; round < 20; ++round) {
        SocketPair sockets;
        const pid_t child = SpawnServer(sockets.fds[1]);
        auto bus_thread = *BusThread::Start("app-bus");
        auto connection =
            *SharedMemoryConnection::Attach(*bus_thread, ReceiveFds(sockets.fds[0]), nullptr);
        std::vector<std::byte> large(10'000);
        std::atomic<uint64_t> num_calls = 0;
        int32_t result = kSuccess;
        std::thread caller([&] {
            while (result == kSuccess) {
                uint64_t num_out = large.size();
                result = num_calls % 8 == 7 ? connection->Call({.selector = Selector::kEcho,
                                                                .structure = large.data(),
                                                                .num_structure_bytes = large.size(),
                                                                .structure_output = large.data(),
                                                                .num_structure_output = &num_out})
                                            : CallSelector(*connection, Selector::kSum);
                ++num_calls;
            }
        });
        while (num_calls.load() < static_cast<uint64_t>(round) * 3) {
            std::this_thread::yield();
        }
        kill(child, SIGKILL);
        caller.join();
        EXPECT_TRUE(result == kMigServerDied || result == kMachSendInvalidDest) << result;
        waitpid(child, nullptr, 0);
    }
}

// semantics.md 2.10
TEST(PeerDeathTest, ApplicationKilledAtAnyMoment_ClosesThePort) {
    for (int round = 0; round < 20; ++round) {
        SocketPair sockets;
        // Forked before there are threads here.
        const pid_t child = Spawn([&] {
            auto bus_thread = *BusThread::Start("app-bus");
            auto connection =
                *SharedMemoryConnection::Attach(*bus_thread, ReceiveFds(sockets.fds[1]), nullptr);
            while (true) {
                CallSelector(*connection, Selector::kSum);
            }
        });
        sockets.Close(1);  // else descriptors under way outlive the child
        auto client = std::make_shared<FakeUserClient>();
        auto bus_thread = *BusThread::Start("host-bus");
        auto server = *ConnectionServer::Start(*bus_thread, client, nullptr);
        SendFds(sockets.fds[0], server->MakeEndpoint());
        while (client->num_calls.load() < static_cast<uint64_t>(round)) {
            std::this_thread::yield();
        }
        kill(child, SIGKILL);
        EXPECT_TRUE(client->AwaitClose());
        waitpid(child, nullptr, 0);
    }
}

TEST(PeerDeathTest, KilledServer_EndsTheWaitForItsSignals) {
    SocketPair sockets;
    const pid_t child = SpawnServer(sockets.fds[1]);
    auto bus_thread = *BusThread::Start("app-bus");
    auto connection =
        *SharedMemoryConnection::Attach(*bus_thread, ReceiveFds(sockets.fds[0]), nullptr);
    const std::shared_ptr<EventLink> link = *EventLink::Create();
    ASSERT_EQ(connection->GiveLink(LinkKind::kEventLink, FakeUserClient::kLinkName, link),
              kSuccess);
    std::thread waiter([&link] {
        uint64_t num_signals = 0;
        EXPECT_EQ(link->Wait({}, num_signals), EventLink::Outcome::kCancelled);
    });
    kill(child, SIGKILL);
    waiter.join();
    EXPECT_FALSE(link->Signal());
    waitpid(child, nullptr, 0);
}

TEST(PeerDeathTest, KilledApplication_EndsTheWaitWithinACall) {
    SocketPair sockets;
    const pid_t child = Spawn([&] {
        auto bus_thread = *BusThread::Start("app-bus");
        auto connection =
            *SharedMemoryConnection::Attach(*bus_thread, ReceiveFds(sockets.fds[1]), nullptr);
        const std::shared_ptr<EventLink> link = *EventLink::Create();
        (void)connection->GiveLink(LinkKind::kEventLink, FakeUserClient::kLinkName, link);
        uint64_t num_signals = 0;
        uint32_t num_outputs = 1;
        (void)connection->Call({.selector = Selector::kAwaitLink,
                                .scalar_output = &num_signals,
                                .num_scalar_output = &num_outputs});
    });
    sockets.Close(1);  // else descriptors under way outlive the child
    auto client = std::make_shared<FakeUserClient>();
    auto bus_thread = *BusThread::Start("host-bus");
    auto server = *ConnectionServer::Start(*bus_thread, client, nullptr);
    SendFds(sockets.fds[0], server->MakeEndpoint());
    while (client->num_running.load() == 0) {
        std::this_thread::yield();
    }
    kill(child, SIGKILL);
    EXPECT_TRUE(client->AwaitClose());
    waitpid(child, nullptr, 0);
}

TEST(PeerDeathTest, EndedServer_TellsItsOwner) {
    auto client = std::make_shared<FakeUserClient>();
    auto bus_thread = *BusThread::Start("host-bus");
    std::unique_ptr<ConnectionServer> server;
    std::atomic<bool> has_ended = false;
    server = *ConnectionServer::Start(*bus_thread, client, [&] {
        server.reset();
        has_ended = true;
        has_ended.notify_all();
    });
    bus_thread->Post([endpoint = server->MakeEndpoint()] {});  // closed there
    has_ended.wait(false);
    EXPECT_TRUE(client->AwaitClose());
}

/// The application's raw ends, to lie with.
class LyingApplication : public testing::Test {
protected:
    void SetUp() override {
        endpoint_ = server_->MakeEndpoint();
        region_ = *SharedRegion::Adopt(UniqueFd(dup(endpoint_.region.get())), sizeof(CallRegion));
        shared_ = reinterpret_cast<CallRegion *>(region_->Writable());
    }

    /// Submits the header as ticket `ticket`. @return the result.
    int32_t Submit(uint64_t ticket, const RequestHeader &header) {
        CallSlot &slot = shared_->slots[SlotIndex(ticket)];
        slot.request = header;
        slot.sequence.store(SequenceOf(ticket));
        if (shared_->server_parked.exchange(0) != 0) {
            FutexWakeAll(shared_->server_parked);
        }
        while (slot.state.load() != ReplyWord(ticket, ReplyState::kDone)) {
            std::this_thread::yield();
        }
        return CopyOut(slot.reply).result;
    }

    std::shared_ptr<FakeUserClient> client_ = std::make_shared<FakeUserClient>();
    std::unique_ptr<BusThread> bus_thread_ = *BusThread::Start("host-bus");
    std::unique_ptr<ConnectionServer> server_ =
        *ConnectionServer::Start(*bus_thread_, client_, nullptr);
    TransportEndpoint endpoint_;
    std::shared_ptr<SharedRegion> region_;
    CallRegion *shared_ = nullptr;
};

TEST_F(LyingApplication, WrongHeaders_GetErrorsAndTheNextCallWorks) {
    EXPECT_EQ(Submit(1, {.num_scalars = 255}), kMigArrayTooLarge);
    EXPECT_EQ(Submit(2, {.num_inline_bytes = 65535}), kIoIpcError);
    EXPECT_EQ(Submit(3, {.inline_output_capacity = 65535}), kIoIpcError);
    EXPECT_EQ(Submit(4, {.flags = 0xf0}), kIoIpcError);
    EXPECT_EQ(client_->num_calls.load(), 0U);
    EXPECT_EQ(Submit(5, {.selector = Selector::kSum}), kSuccess);
    EXPECT_EQ(client_->num_calls.load(), 1U);
}

TEST_F(LyingApplication, WhateverItSaysOfItsWaiting_IsAnswered) {
    for (uint64_t ticket = 1; ticket <= 5; ++ticket) {
        shared_->slots[SlotIndex(ticket)].app_waits.store(static_cast<AppWaits>(ticket - 1));
        EXPECT_EQ(Submit(ticket, {.selector = Selector::kSum}), kSuccess);
    }
    EXPECT_EQ(client_->num_calls.load(), 5U);
}

TEST_F(LyingApplication, SlicesOfUnknownRegions_AreRefused) {
    shared_->payloads[SlotIndex(1)].extra.input = {.region_id = 77, .offset = 0, .length = 5000};
    EXPECT_EQ(Submit(1, {.flags = kRequestInputSlice}), kIoIpcError);
    shared_->payloads[SlotIndex(2)].extra.input = {.region_id = 0, .offset = 0, .length = 10};
    EXPECT_EQ(Submit(2, {.flags = kRequestInputSlice}), kIoIpcError);
    EXPECT_EQ(client_->num_calls.load(), 0U);
}

TEST_F(LyingApplication, PagesThatAreNoneOrNeverCome_LeaveTheCopyToTheDevice) {
    const RequestHeader for_device = {.selector = Selector::kKeepForDevice,
                                      .flags = kRequestInputSlice | kRequestInputCopied};
    const WireSlice pages[] = {{.region_id = 77, .offset = 0, .length = 5000},
                               {.region_id = 0, .offset = 0, .length = 5000},
                               {.region_id = 0, .offset = 0, .length = 4999}};
    uint64_t ticket = 1;
    for (const WireSlice &slice : pages) {
        CallPayload &payload = shared_->payloads[SlotIndex(ticket)];
        payload.extra.input = {.region_id = 0, .offset = 0, .length = 5000};
        payload.pages.slice = slice;
        payload.pages.known.store(PagesWord(ticket, true));
        EXPECT_EQ(Submit(ticket++, for_device), kSuccess);
        client_->Synchronize();
        EXPECT_EQ(client_->kept_inputs.back().length, 5000U);
        client_->Synchronize();
    }
    shared_->payloads[SlotIndex(ticket)].extra.input = {
        .region_id = 0, .offset = 0, .length = 5000};
    EXPECT_EQ(Submit(ticket, for_device), kSuccess);
    client_->Synchronize();
    EXPECT_EQ(client_->kept_inputs.size(), 4U);
}

TEST_F(LyingApplication, GarbageOnTheControlSocket_ClosesThePort) {
    const std::string garbage(1000, '\xee');
    EXPECT_GT(send(endpoint_.control.get(), garbage.data(), garbage.size(), MSG_NOSIGNAL), 0);
    EXPECT_TRUE(client_->AwaitClose());
}

TEST_F(LyingApplication, MoreMessagesThanMayWait_AreRefused) {
    shared_->slots[SlotIndex(1)].request = {.selector = Selector::kBlock};
    shared_->slots[SlotIndex(1)].sequence.store(SequenceOf(1));
    ASSERT_TRUE(client_->AwaitBlocked());
    auto app_bus = *BusThread::Start("app-bus");
    auto peer = *BusPeer::Attach(*app_bus, std::move(endpoint_.control), BusSide::kClient, nullptr,
                                 [](BusPeer &) {});
    constexpr int kMessages = 3000;
    std::atomic<int> num_answered = 0;
    std::atomic<bool> has_refusal = false;
    for (int i = 0; i < kMessages; ++i) {
        peer->CallAsync(
            {bus::connection::kInterface, bus::connection::kMapMemory},
            [](MessageWriter &writer) { writer.U64(0); },
            [&](MessageReader *reader) {
                if (reader == nullptr) {
                    has_refusal = true;
                    has_refusal.notify_all();
                }
                ++num_answered;
                num_answered.notify_all();
            });
    }
    has_refusal.wait(false);
    EXPECT_TRUE(peer->is_connected());
    client_->Unblock();
    for (int seen = num_answered.load(); seen != kMessages; seen = num_answered.load()) {
        num_answered.wait(seen);
    }
    EXPECT_EQ(Submit(2, {.selector = Selector::kSum}), kSuccess);
}

TEST_F(LyingApplication, TicketThatWasNeverGiven_HasNoPieces) {
    auto app_bus = *BusThread::Start("app-bus");
    auto peer = *BusPeer::Attach(*app_bus, std::move(endpoint_.control), BusSide::kClient, nullptr,
                                 [](BusPeer &) {});
    uint64_t next_ticket = 1;
    size_t num_pieces = 1;
    EXPECT_TRUE(peer->Call(
        {bus::connection::kInterface, bus::connection::kTakePieces},
        [](MessageWriter &writer) { writer.U64(99); },
        [&](MessageReader &reader) {
            next_ticket = reader.U64();
            num_pieces = reader.FdList(kMaxMessageSlices).size();
        }));
    EXPECT_EQ(next_ticket, 0U);
    EXPECT_EQ(num_pieces, 0U);
}

// A fault on a thread that blocks its signal ends the process without the crash report.
TEST_F(LyingApplication, DriverCode_RunsWithoutBlockedFaults) {
    ASSERT_EQ(Submit(1, {.selector = Selector::kSignalMask, .scalar_output_capacity = 2}),
              kSuccess);
    EXPECT_EQ(shared_->slots[SlotIndex(1)].scalar_output[0], 0U);
    EXPECT_EQ(shared_->slots[SlotIndex(1)].scalar_output[1], 1U);
}

TEST(LyingServer, WrongReply_IsAnIpcError) {
    auto app_bus = *BusThread::Start("app-bus");
    auto region = *SharedRegion::Create(sizeof(CallRegion), "test-calls");
    auto *shared = reinterpret_cast<CallRegion *>(region->Writable());
    auto sockets = *MakeBusSocketPair();
    TransportEndpoint endpoint{.region = UniqueFd(dup(region->ExportFd())),
                               .control = UniqueFd(dup(sockets.second.get()))};
    EXPECT_EQ(SharedMemoryConnection::Attach(*app_bus, std::move(endpoint), nullptr).error(),
              kIoIpcError);
    shared->magic = kChannelMagic;
    shared->version = kChannelVersion;
    shared->num_slots = kNumCallSlots;
    auto connection = *SharedMemoryConnection::Attach(
        *app_bus,
        {.region = UniqueFd(dup(region->ExportFd())), .control = std::move(sockets.second)},
        nullptr);
    std::thread server([shared] {
        CallSlot &slot = shared->slots[SlotIndex(1)];
        while (slot.sequence.load() != 1) {
            std::this_thread::yield();
        }
        slot.reply = {.result = kSuccess,
                      .num_scalars = 200,
                      .flags = 0,
                      .reserved = 0,
                      .num_structure_bytes = 1 << 30};
        slot.state.store(ReplyWord(1, ReplyState::kDone));
        FutexWakeAll(slot.state);
    });
    EXPECT_EQ(CallSelector(*connection, 0), kIoIpcError);
    server.join();
}

}  // namespace
}  // namespace opendext::channel
