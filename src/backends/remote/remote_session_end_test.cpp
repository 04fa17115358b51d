// SPDX-License-Identifier: Apache-2.0
// How sessions end: by either side, by the device, in the middle of everything.
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "backends/remote/testing/remote_session_fixture.h"

namespace opendext::backends {
namespace {

using RemoteEndTest = RemoteSessionTest;

size_t NumOpenFiles() {
    const std::filesystem::directory_iterator files("/proc/self/fd");
    return static_cast<size_t>(std::distance(begin(files), end(files)));
}

size_t NumThreads() {
    const std::filesystem::directory_iterator threads("/proc/self/task");
    return static_cast<size_t>(std::distance(begin(threads), end(threads)));
}

size_t NumMappings(const std::string &name) {
    std::ifstream maps("/proc/self/maps");
    size_t count = 0;
    for (std::string line; std::getline(maps, line);) {
        count += line.contains(name) ? 1 : 0;
    }
    return count;
}

/// Waits for what other threads are about to do; the test's own time limit ends it.
template <typename Condition>
void WaitUntil(Condition condition) {
    while (!condition()) {
        std::this_thread::yield();
    }
}

TEST_F(RemoteEndTest, Unplug_EndsTransfersAndThenTellsTheListener) {
    ClaimAll();
    CountingRemovalListener removals;
    size_t num_ended_before = 0;
    removals.on_removed = [&] { num_ended_before = transfers.ended().size(); };
    session->SetRemovalListener(&removals);
    SubmitHeld(1);
    SubmitHeld(2);
    for (UsbTransfer *const transfer : wire->Outstanding()) {
        wire->Finish(*transfer, {.status = UsbStatus::kRemoved});
    }
    wire->Detach();
    removals.Wait();
    EXPECT_EQ(num_ended_before, 2U);
    EXPECT_EQ(transfers.StatusOf(1), UsbStatus::kRemoved);
    EXPECT_FALSE(session->IsPresent());
    Submit(3, 0x01);
    transfers.WaitFor(3);
    EXPECT_EQ(transfers.StatusOf(3), UsbStatus::kRemoved);
    EXPECT_EQ(CodeOf(session->Claim(0)), BackendErrorCode::kRemoved);
    EXPECT_FALSE(session->NewSession().has_value());
    EXPECT_EQ(session->Configuration(), 1);
    CountingRemovalListener late;
    session->SetRemovalListener(&late);
    EXPECT_EQ(late.count(), 1);
    EXPECT_EQ(removals.count(), 1);
    session->SetRemovalListener(nullptr);
}

TEST_F(RemoteEndTest, SessionWithAGoneDevice_FindsItGone) {
    const auto direct = OpenSession();
    wire->Detach();
    const auto late = Join(direct);
    EXPECT_FALSE(late->IsPresent());
    CountingRemovalListener removals;
    late->SetRemovalListener(&removals);
    EXPECT_EQ(removals.count(), 1);
    late->Submit(transfers.Control(1, {.request_type = 0x40, .request = 9}));
    EXPECT_EQ(transfers.StatusOf(1), UsbStatus::kRemoved);
    late->SetRemovalListener(nullptr);
}

TEST_F(RemoteEndTest, EndOfTheServer_IsARemoval) {
    ClaimAll();
    CountingRemovalListener removals;
    session->SetRemovalListener(&removals);
    SubmitHeld(1);
    server.reset();
    removals.Wait();
    EXPECT_EQ(transfers.num_alive(), 0);
    EXPECT_FALSE(session->IsPresent());
    EXPECT_EQ(CodeOf(session->Reset()), BackendErrorCode::kRemoved);
    Submit(2, 0x01);
    EXPECT_EQ(transfers.StatusOf(2), UsbStatus::kRemoved);
    session->Abort({0x82}, 0);
    session->SetRemovalListener(nullptr);
}

TEST_F(RemoteEndTest, EndOfTheServer_EndsAnOperation) {
    ClaimAll();
    Event hangs;
    Event may_go_on;
    device.SetOnOperation([&](const std::string &operation) -> BackendResult<void> {
        if (operation == "clear 1 told") {
            hangs.Set();
            may_go_on.Wait();
        }
        return {};
    });
    CountingRemovalListener removals;
    session->SetRemovalListener(&removals);
    std::thread clearing([&] { (void)session->ClearHalt({0x01}, true); });
    hangs.Wait();
    SubmitHeld(1);
    std::thread ending([&] { server.reset(); });
    // The server's end waits for the device; the client's calls and transfers do not.
    clearing.join();
    removals.Wait();
    EXPECT_EQ(transfers.num_alive(), 0);
    may_go_on.Set();
    ending.join();
    session->SetRemovalListener(nullptr);
}

TEST_F(RemoteEndTest, EndOfTheSession_AbortsAndGivesBack) {
    ClaimAll();
    Event ended;
    const auto other = Join(OpenSession());
    session.reset();
    session = Join(OpenSession(), [&] { ended.Set(); });
    ClaimAll();
    SubmitHeld(1);
    EXPECT_EQ(CodeOf(other->Claim(0)), BackendErrorCode::kBusy);
    session.reset();
    EXPECT_EQ(transfers.StatusOf(1), UsbStatus::kAborted);
    EXPECT_EQ(transfers.num_alive(), 0);
    ended.Wait();
    EXPECT_TRUE(other->Claim(0).has_value());
    EXPECT_TRUE(other->Claim(1).has_value());
}

TEST_F(RemoteEndTest, LastOwnerThatIsACompletion_EndsTheSession) {
    ClaimAll();
    Event ended;
    session.reset();
    auto owned = Join(OpenSession(), [&] { ended.Set(); });
    ASSERT_TRUE(owned->Claim(0).has_value());
    device.Hold(0x81);
    const size_t num_before = wire->Started().size();
    owned->Submit(transfers.Bulk(1, 0x81));
    auto last = std::make_shared<std::shared_ptr<UsbBackend>>();
    owned->Submit(transfers.Bulk(2, 0x81, 8, [last] { last->reset(); }));
    wire->WaitForStarts(num_before + 2);
    *last = std::move(owned);
    last->reset();
    ended.Wait();
    transfers.WaitFor(2);
}

TEST_F(RemoteEndTest, RegionThatEnds_IsForgottenByTheServer) {
    ClaimAll();
    auto region = SharedRegion::Create(1 << 20, "usb-ending-region").value();
    auto out = transfers.Bulk(1, 0x01, 0);
    out->buffer = {
        {.address = region->Writable(), .num_bytes = region->num_bytes(), .region = region.get()}};
    session->Submit(std::move(out));
    transfers.WaitFor(1);
    EXPECT_GE(NumMappings("usb-ending-region"), 2U);
    region.reset();
    WaitUntil([] { return NumMappings("usb-ending-region") == 0; });
}

TEST_F(RemoteEndTest, ManySessions_LeaveNothingBehind) {
    session.reset();
    const auto run = [&] {
        Event ended;
        auto one = Join(OpenSession(), [&] { ended.Set(); });
        ASSERT_TRUE(one->Claim(0).has_value());
        auto buffer = SharedRegion::Create(1 << 16, "usb-test").value();
        auto out = transfers.Bulk(1, 0x01, 0);
        out->buffer = {
            {.address = buffer->Writable(), .num_bytes = 1 << 16, .region = buffer.get()}};
        const size_t num_before = transfers.ended().size();
        one->Submit(std::move(out));
        transfers.WaitFor(num_before + 1);
        ASSERT_TRUE(one->NewSession().has_value());
        one.reset();
        ended.Wait();
    };
    run();
    WaitUntil([&] { return server->num_sessions() == 0; });
    const size_t num_files = NumOpenFiles();
    const size_t num_threads = NumThreads();
    const size_t num_mappings = NumMappings("opendext-usb");
    for (int i = 0; i < 20; ++i) {
        run();
    }
    WaitUntil([&] { return server->num_sessions() == 0; });
    WaitUntil([&] { return NumThreads() <= num_threads; });
    EXPECT_EQ(NumOpenFiles(), num_files);
    EXPECT_EQ(NumMappings("opendext-usb"), num_mappings);
}

// --- Other processes -------------------------------------------------------------------------------------------------

/// Runs `body` in a child process, which does not return from it.
template <typename Body>
pid_t Spawn(Body body) {
    const pid_t child = fork();
    if (child == 0) {
        body();
        _exit(0);
    }
    return child;
}

/// A device that is served, for tests without the fixture: these fork while the process has one thread.
struct ServedDevice {
    ServedDevice() { port->SetListener(&listener); }

    void Serve(UniqueFd socket) {
        const auto served = server.Serve(
            std::move(socket), port->Open(listener.latest().id).value(), [this] { ended.Set(); });
        EXPECT_TRUE(served.has_value());
    }

    TestDevice device;
    RecordingPortListener listener;
    ScriptedUsbWire *const wire = new ScriptedUsbWire(
        [this](ScriptedUsbWire &on, UsbTransfer &transfer) { device.OnStart(on, transfer); });
    const std::unique_ptr<WiredUsbPort> port =
        WiredUsbPort::Create(std::unique_ptr<ScriptedUsbWire>(wire));
    Event ended;
    UsbSessionServer server;
};

/// A process that has a device and serves one session with it.
void ServeDevice(UniqueFd socket) {
    ServedDevice served;
    served.Serve(std::move(socket));
    served.ended.Wait();
}

/// A process that uses a session without a pause.
[[noreturn]] void UseDevice(UniqueFd socket) {
    const auto session = RemoteUsbBackend::Connect(std::move(socket)).value();
    (void)session->Claim(0);
    (void)session->Claim(1);
    RecordedTransfers transfers;
    for (int i = 0;; ++i) {
        session->Submit(transfers.New(i, UsbTransferType::kInterrupt, 0x82, 8));
        session->Submit(transfers.Bulk(i, 0x01, static_cast<size_t>(i % 20000)));
        (void)session->SetAlternateSetting(0, 0);
    }
}

TEST(RemoteProcess, ServerThatIsKilled_IsARemoval) {
    for (int round = 0; round < 10; ++round) {
        auto sockets = CreateUsbSessionSockets().value();
        const pid_t child = Spawn([&] {
            sockets.client.Reset();
            ServeDevice(std::move(sockets.server));
        });
        sockets.server.Reset();
        const auto session = RemoteUsbBackend::Connect(std::move(sockets.client)).value();
        ASSERT_TRUE(session->Claim(0).has_value());
        ASSERT_TRUE(session->Claim(1).has_value());
        CountingRemovalListener removals;
        session->SetRemovalListener(&removals);
        RecordedTransfers transfers;
        session->Submit(transfers.New(0, UsbTransferType::kInterrupt, 0x82, 8));
        int next = 1;
        for (; session->IsPresent(); ++next) {
            if (next == 20 * round + 1) {
                kill(child, SIGKILL);
            }
            session->Submit(transfers.Bulk(next, 0x01, 100));
            AwaitedTransfer awaited;
            std::vector<std::byte> data(8);
            (void)awaited.SubmitAndWait(
                *session, awaited.Control({.request_type = 0x40, .request = 9}, data));
        }
        removals.Wait();
        transfers.WaitFor(static_cast<size_t>(next));
        EXPECT_EQ(transfers.StatusOf(0), UsbStatus::kRemoved);
        EXPECT_EQ(transfers.num_alive(), 0);
        EXPECT_EQ(CodeOf(session->Claim(0)), BackendErrorCode::kRemoved);
        session->SetRemovalListener(nullptr);
        waitpid(child, nullptr, 0);
    }
}

TEST(RemoteProcess, ServerThatIsKilledBeforeItAnswers_IsNotThere) {
    auto sockets = CreateUsbSessionSockets().value();
    const pid_t child = Spawn([&] {
        sockets.client.Reset();
        pause();
    });
    sockets.server.Reset();
    std::thread killing([&] { kill(child, SIGKILL); });
    const auto session = RemoteUsbBackend::Connect(std::move(sockets.client));
    ASSERT_FALSE(session.has_value());
    EXPECT_EQ(session.error().code, BackendErrorCode::kRemoved);
    killing.join();
    waitpid(child, nullptr, 0);
}

TEST(RemoteProcess, ClientThatIsKilled_LosesItsSession) {
    for (int round = 0; round < 10; ++round) {
        auto sockets = CreateUsbSessionSockets().value();
        const pid_t child = Spawn([&] {
            sockets.server.Reset();
            UseDevice(std::move(sockets.client));
        });
        sockets.client.Reset();
        ServedDevice served;
        served.Serve(std::move(sockets.server));
        served.wire->WaitForStarts(1 + static_cast<size_t>(30 * round));
        kill(child, SIGKILL);
        waitpid(child, nullptr, 0);
        served.ended.Wait();
        EXPECT_TRUE(served.wire->Outstanding().empty());
        const auto other = served.port->Open(served.listener.latest().id).value();
        EXPECT_TRUE(other->Claim(0).has_value());
        EXPECT_TRUE(other->Claim(1).has_value());
    }
}

}  // namespace
}  // namespace opendext::backends
