// SPDX-License-Identifier: Apache-2.0
#include "channel/transport/bus_peer.h"

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <memory>
#include <thread>

namespace opendext::channel {
namespace {

constexpr BusMember kSignal = {.interface_name = "org.opendext.Test", .member = "Signal"};

bool WaitUntilSent(BusThread &bus_thread, BusPeer &peer) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (std::chrono::steady_clock::now() < end) {
        uint64_t num_queued = 1;
        bus_thread.RunAndWait([&] { num_queued = peer.num_queued(); });
        if (num_queued == 0) {
            return true;
        }
        std::this_thread::yield();
    }
    return false;
}

// The end of the authentication and a first message may come in one read of the socket.
TEST(BusPeer, MessageSentWithTheEndOfAuthentication_Arrives) {
    auto server_thread = BusThread::Start("server");
    auto client_thread = BusThread::Start("client");
    auto sockets = MakeBusSocketPair();
    ASSERT_TRUE(server_thread && client_thread && sockets);
    auto server = BusPeer::Attach(
        **server_thread, std::move(sockets->first), BusSide::kServer, [] {}, [](BusPeer &) {});
    ASSERT_TRUE(server);
    (*server)->Emit(kSignal, [](MessageWriter &writer) { writer.U32(7); });

    std::promise<uint32_t> received;
    std::unique_ptr<BusPeer> client;
    bool was_sent = false;
    // The client's thread reads nothing before the server has sent all that it has.
    (*client_thread)->RunAndWait([&] {
        auto attached = BusPeer::Attach(
            **client_thread, std::move(sockets->second), BusSide::kClient, [] {},
            [&](BusPeer &made) {
                made.AddSignalHandler(
                    kSignal, [&](MessageReader &reader) { received.set_value(reader.U32()); });
            });
        client = attached ? std::move(*attached) : nullptr;
        was_sent = client != nullptr && WaitUntilSent(**server_thread, **server);
    });
    ASSERT_TRUE(was_sent);
    auto value = received.get_future();
    ASSERT_EQ(value.wait_for(std::chrono::seconds(30)), std::future_status::ready);
    EXPECT_EQ(value.get(), 7u);
    client.reset();
    server->reset();
}

}  // namespace
}  // namespace opendext::channel
