// SPDX-License-Identifier: Apache-2.0
// Drivers that break the protocol lose their session, and nothing else is lost.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "backends/remote/testing/raw_session_peers.h"
#include "backends/remote/testing/remote_session_fixture.h"

namespace opendext::backends {
namespace {

using remote::CompletionEntry;
using remote::EntryKind;
using remote::MessageKind;
using remote::Operation;
using remote::RawSessionClient;
using remote::SessionMessage;
using remote::SubmissionEntry;
using remote::WireFrame;
using remote::WireRange;

constexpr uint64_t kRegionId = 9;
constexpr uint64_t kRegionBytes = 1 << 16;

/// A session for a driver that is written by hand, with region 9, beside one for an honest driver.
class RemoteHostileDriverTest : public RemoteSessionTest {
protected:
    RemoteHostileDriverTest() {
        auto sockets = CreateUsbSessionSockets().value();
        const auto served = server->Serve(std::move(sockets.server), OpenSession(),
                                          [this] { session_ended.Set(); });
        EXPECT_TRUE(served.has_value());
        driver.emplace(std::move(sockets.client));
        driver->Join();
        EXPECT_TRUE(driver->Send(Message(MessageKind::kRegion, kRegionId), region->ExportFd()));
    }

    ~RemoteHostileDriverTest() override {
        driver.reset();
        session_ended.Wait();
    }

    static SessionMessage Message(MessageKind kind, uint64_t id,
                                  uint64_t num_bytes = kRegionBytes) {
        return {
            .kind = static_cast<uint32_t>(kind), .reserved = 0, .id = id, .num_bytes = num_bytes};
    }
    /// A control transfer with data in its slot, which the device keeps.
    static SubmissionEntry Transfer(uint16_t slot) {
        SubmissionEntry entry = {};
        entry.slot = slot;
        entry.kind = static_cast<uint8_t>(EntryKind::kTransfer);
        entry.setup_request_type = 0x40;
        entry.setup_request = 1;
        entry.setup_length = 8;
        entry.num_pieces = 1;
        entry.data = {.region_id = 0, .offset = 0, .num_bytes = 8};
        return entry;
    }
    /// Has an entry completed.
    CompletionEntry Carry(const SubmissionEntry &entry) {
        driver->Push(entry);
        return Await();
    }
    CompletionEntry Await() {
        bool is_there = true;
        auto completion = driver->Take();
        for (; !completion && is_there; completion = driver->Take()) {
            is_there = driver->Drain();
        }
        EXPECT_TRUE(completion.has_value()) << "disconnected";
        return completion.value_or(CompletionEntry{});
    }
    void ExpectHonestSessionGoesOn() {
        AwaitedTransfer awaited;
        std::vector<std::byte> data(8);
        auto transfer = awaited.Control({.request_type = 0x40, .request = 9}, data);
        EXPECT_EQ(awaited.SubmitAndWait(*session, std::move(transfer)).status, UsbStatus::kSuccess);
    }
    void ExpectDisconnected() {
        driver->WaitForEnd();
        session_ended.Wait();
        ExpectHonestSessionGoesOn();
    }

    const std::shared_ptr<SharedRegion> region =
        SharedRegion::Create(kRegionBytes, "usb-hostile").value();
    Event session_ended;
    std::optional<RawSessionClient> driver;
};

/// One way to break the protocol with an entry.
struct HostileEntry {
    const char *name;
    std::function<void(SubmissionEntry &)> spoil;
};
void PrintTo(const HostileEntry &entry, std::ostream *out) {
    *out << entry.name;
}

class HostileEntryTest : public RemoteHostileDriverTest,
                         public ::testing::WithParamInterface<HostileEntry> {};

TEST_P(HostileEntryTest, IsADisconnection) {
    EXPECT_EQ(Carry(Transfer(1)).status, static_cast<uint8_t>(UsbStatus::kSuccess));
    SubmissionEntry entry = Transfer(1);
    GetParam().spoil(entry);
    driver->Push(entry);
    ExpectDisconnected();
}

INSTANTIATE_TEST_SUITE_P(
    Remote, HostileEntryTest,
    ::testing::Values(
        HostileEntry{"SlotBeyondTheLast", [](auto &entry) { entry.slot = remote::kNumSlots; }},
        HostileEntry{"SlotOfAllOnes", [](auto &entry) { entry.slot = 0xFFFF; }},
        HostileEntry{"KindZero", [](auto &entry) { entry.kind = 0; }},
        HostileEntry{"KindOfACompletion",
                     [](auto &entry) { entry.kind = static_cast<uint8_t>(EntryKind::kRemoved); }},
        HostileEntry{"UnknownType", [](auto &entry) { entry.type = 4; }},
        HostileEntry{"UnknownRegion", [](auto &entry) { entry.data.region_id = 77; }},
        HostileEntry{"OutsideOfTheSlot",
                     [](auto &entry) { entry.data.offset = remote::kSlotBytes - 7; }},
        HostileEntry{"OffsetThatWrapsInTheSlot",
                     [](auto &entry) { entry.data.offset = ~0ULL - 3; }},
        HostileEntry{"OutsideOfTheRegion",
                     [](auto &entry) { entry.data = {kRegionId, kRegionBytes - 7, 8}; }},
        HostileEntry{"OffsetThatWrapsInTheRegion",
                     [](auto &entry) { entry.data = {kRegionId, ~0ULL - 7, 16}; }},
        HostileEntry{"LengthThatWraps",
                     [](auto &entry) { entry.data = {kRegionId, 16, ~0ULL - 7}; }},
        HostileEntry{"NoBytes", [](auto &entry) { entry.data.num_bytes = 0; }},
        HostileEntry{"LessThanTheSetupSays", [](auto &entry) { entry.setup_length = 9; }},
        HostileEntry{"TooManyPieces",
                     [](auto &entry) { entry.num_pieces = remote::kMostPieces + 1; }},
        HostileEntry{"TooManyFrames",
                     [](auto &entry) { entry.num_frames = remote::kMostFrames + 1; }},
        HostileEntry{"CountsThatWrap",
                     [](auto &entry) { entry.num_pieces = entry.num_frames = 0xFFFF'FFFF; }},
        HostileEntry{"ListOfAnotherSize",
                     [](auto &entry) {
                         entry.num_pieces = 2;
                         entry.data.num_bytes = 2 * sizeof(WireRange) - 1;
                     }},
        HostileEntry{"ListThatIsNotAligned",
                     [](auto &entry) {
                         entry.num_pieces = 2;
                         entry.data = {kRegionId, 4, 2 * sizeof(WireRange)};
                     }},
        HostileEntry{"ListOfNothing",
                     [](auto &entry) {
                         entry.num_pieces = 2;  // of region 0, no bytes
                         entry.data = {kRegionId, 0, 2 * sizeof(WireRange)};
                     }},
        HostileEntry{"UnknownOperation",
                     [](auto &entry) {
                         entry = {};
                         entry.kind = static_cast<uint8_t>(EntryKind::kOperation);
                         entry.type = remote::kNumOperations;
                     }},
        HostileEntry{"NewSessionWithoutASocket",
                     [](auto &entry) {
                         entry = {};
                         entry.kind = static_cast<uint8_t>(EntryKind::kOperation);
                         entry.type = static_cast<uint8_t>(Operation::kNewSession);
                     }}),
    [](const auto &instance) { return std::string(instance.param.name); });

TEST_F(RemoteHostileDriverTest, SlotThatIsInUse_IsADisconnection) {
    SubmissionEntry stays = Transfer(3);
    stays.setup_request = 4;
    driver->Push(stays);
    driver->Push(Transfer(3));
    ExpectDisconnected();
    EXPECT_EQ(Await().status, static_cast<uint8_t>(UsbStatus::kAborted));
}

TEST_F(RemoteHostileDriverTest, FramesThatAreLongerThanTheData_AreADisconnection) {
    const WireRange piece = {kRegionId, 4096, 64};
    WireFrame frames[2] = {};
    frames[0].num_requested = 0xFFFF'FFFF;
    frames[1].num_requested = 65;
    std::memcpy(region->Writable(), &piece, sizeof(piece));
    std::memcpy(region->Writable() + sizeof(piece), frames, sizeof(frames));
    SubmissionEntry entry = Transfer(1);
    entry.type = static_cast<uint8_t>(UsbTransferType::kIsochronous);
    entry.endpoint = 0x83;
    entry.num_frames = 2;
    entry.data = {kRegionId, 0, sizeof(piece) + sizeof(frames)};
    driver->Push(entry);
    ExpectDisconnected();
}

TEST_F(RemoteHostileDriverTest, SequencesThatRunBackwards_AreNotTaken) {
    EXPECT_EQ(Carry(Transfer(1)).slot, 1);
    SubmissionEntry stale = Transfer(0xFFFF);
    for (const uint32_t sequence : {1U, 0U, 0xFFFF'FFFFU, 4098U}) {
        stale.sequence = sequence;
        driver->memory().submissions[1] = stale;
        (void)driver->Wake();
    }
    driver->memory().submissions[0] = stale;
    EXPECT_EQ(Carry(Transfer(2)).slot, 2);
    EXPECT_FALSE(session_ended.is_set());
}

TEST_F(RemoteHostileDriverTest, MessageOfAnotherSize_IsADisconnection) {
    (void)driver->Send(uint32_t{1});
    ExpectDisconnected();
}

TEST_F(RemoteHostileDriverTest, RegionThatIsKnown_IsADisconnection) {
    (void)driver->Send(Message(MessageKind::kRegion, kRegionId), region->ExportFd());
    ExpectDisconnected();
}

TEST_F(RemoteHostileDriverTest, RegionThatIsShorterThanItSays_IsADisconnection) {
    (void)driver->Send(Message(MessageKind::kRegion, 10, kRegionBytes + 1), region->ExportFd());
    ExpectDisconnected();
}

TEST_F(RemoteHostileDriverTest, RegionThatIsNoFile_IsADisconnection) {
    const UniqueFd fd(open("/dev/zero", O_RDWR | O_CLOEXEC));
    (void)driver->Send(Message(MessageKind::kRegion, 10), fd.get());
    ExpectDisconnected();
}

TEST_F(RemoteHostileDriverTest, MessageWithMoreDescriptorsThanItsRoom_IsADisconnection) {
    ASSERT_TRUE(driver->SendWithFds(Message(MessageKind::kRegion, 10), region->ExportFd(), 6));
    ExpectDisconnected();
}

TEST(SessionSocket, MessageThatLosesDescriptors_SaysSo) {
    auto sockets = CreateUsbSessionSockets().value();
    const RawSessionClient sender(std::move(sockets.client));
    const auto receiver = remote::SessionSocket::Adopt(std::move(sockets.server)).value();
    const UniqueFd fd(memfd_create("usb-hostile", MFD_CLOEXEC));
    const SessionMessage wake = {.kind = static_cast<uint32_t>(MessageKind::kWake)};
    remote::IncomingMessage message;
    for (const size_t num_fds : {size_t{1}, size_t{6}, size_t{1}}) {
        ASSERT_TRUE(sender.SendWithFds(wake, fd.get(), num_fds));
        ASSERT_EQ(receiver.Receive(message), remote::SessionSocket::Receipt::kMessage);
        EXPECT_EQ(message.is_cut, num_fds == 6);
        EXPECT_EQ(message.fd.is_valid(), num_fds == 1);
    }
}

TEST_F(RemoteHostileDriverTest, RegionThatIsDroppedTwice_IsADisconnection) {
    (void)driver->Send(Message(MessageKind::kDropRegion, kRegionId));
    (void)driver->Send(Message(MessageKind::kDropRegion, kRegionId));
    ExpectDisconnected();
}

TEST_F(RemoteHostileDriverTest, RegionThatIsDroppedInUse_StaysForTheTransfer) {
    SubmissionEntry entry = Transfer(1);
    entry.setup_request = 4;
    entry.data = {kRegionId, kRegionBytes - 8, 8};
    driver->Push(entry);
    device.WaitFor(1);
    (void)driver->Send(Message(MessageKind::kDropRegion, kRegionId));
    (void)driver->Send(Message(MessageKind::kRegion, 10), region->ExportFd());
    SubmissionEntry after = Transfer(2);  // its region is found behind both messages
    after.type = static_cast<uint8_t>(UsbTransferType::kBulk);
    after.endpoint = 0x01;
    after.data.region_id = 10;
    EXPECT_EQ(Carry(after).status, static_cast<uint8_t>(UsbStatus::kNotOpen));
    for (UsbTransfer *const transfer : wire->Outstanding()) {
        std::memset(transfer->buffer[0].address, 1, transfer->buffer[0].num_bytes);
        wire->Finish(*transfer);
    }
    EXPECT_EQ(Await().slot, 1);
    EXPECT_EQ(region->Writable()[kRegionBytes - 1], std::byte{1});
}

TEST_F(RemoteHostileDriverTest, RegionBehindManyMessages_IsFound) {
    // Shared: the second transfer starts while this ends.
    const auto is_busy = std::make_shared<Event>();
    const auto may_go_on = std::make_shared<Event>();
    device.SetOnStart([is_busy, may_go_on] {
        is_busy->Set();
        may_go_on->Wait();
    });
    driver->Push(Transfer(1));
    is_busy->Wait();
    // The server's thread is with the device while this comes.
    for (int i = 0; i < 200; ++i) {
        ASSERT_TRUE(driver->Wake());
    }
    ASSERT_TRUE(driver->Send(Message(MessageKind::kRegion, 10), region->ExportFd()));
    SubmissionEntry entry = Transfer(2);
    entry.data.region_id = 10;
    driver->Push(entry);
    may_go_on->Set();
    EXPECT_EQ(Await().slot, 1);
    EXPECT_EQ(Await().slot, 2);
}

TEST_F(RemoteHostileDriverTest, DriverThatSendsItsOwnEnd_StillEnds) {
    auto sockets = CreateUsbSessionSockets().value();
    UniqueFd copy(dup(sockets.client.get()));
    Event ended;
    ASSERT_TRUE(
        server->Serve(std::move(sockets.server), OpenSession(), [&] { ended.Set(); }).has_value());
    {
        RawSessionClient other(std::move(sockets.client));
        other.Join();
        ASSERT_TRUE(other.Send(Message(MessageKind::kSocket, 1), copy.get()));
    }
    copy.Reset();
    // The server has the last descriptor of the driver's end.
    ended.Wait();
    ExpectHonestSessionGoesOn();
}

}  // namespace
}  // namespace opendext::backends
