// SPDX-License-Identifier: Apache-2.0
// A device's process that breaks the protocol is a device that is gone, and the driver's process goes on.
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "backends/remote/testing/raw_session_peers.h"
#include "backends/remote/testing/remote_session_fixture.h"

namespace opendext::backends {
namespace {

using remote::CompletionEntry;
using remote::EntryKind;
using remote::PackDescriptors;
using remote::RawSessionServer;
using remote::SessionWelcome;
using remote::SubmissionEntry;

constexpr auto kTransferKind = static_cast<uint8_t>(EntryKind::kTransfer);
constexpr auto kOperationKind = static_cast<uint8_t>(EntryKind::kOperation);

/// A session with a device's process that is written by hand.
class RemoteHostileDeviceTest : public ::testing::Test {
protected:
    /// `spoil` changes what the process says of the device.
    BackendResult<std::shared_ptr<UsbBackend>> Connect(
        const std::function<void(SessionWelcome &, std::byte *descriptors)> &spoil = {}) {
        auto sockets = CreateUsbSessionSockets().value();
        process.emplace(std::move(sockets.server));
        std::thread greeting([&] {
            ASSERT_TRUE(process->TakeHello());
            const auto descriptors = PackDescriptors(TestUsbDescriptors()).value();
            SessionWelcome welcome = RawSessionServer::Welcome(descriptors);
            if (spoil) {
                spoil(welcome, descriptors.region->Writable());
            }
            EXPECT_TRUE(process->Send(welcome, descriptors.region->ExportFd()));
        });
        auto connected = RemoteUsbBackend::Connect(std::move(sockets.client));
        greeting.join();
        return connected;
    }
    void Begin() {
        session = Connect().value();
        session->SetRemovalListener(&removals);
    }
    ~RemoteHostileDeviceTest() override {
        if (session != nullptr) {
            session->SetRemovalListener(nullptr);
        }
        process->HangUp();
        session.reset();
        EXPECT_EQ(transfers.num_alive(), 0);
    }

    /// The client's next request; the test's own time limit ends the wait.
    SubmissionEntry Take() {
        auto entry = process->Take();
        for (; !entry; entry = process->Take()) {
            std::this_thread::yield();
        }
        return *entry;
    }
    static CompletionEntry Completion(uint16_t slot, uint64_t value) {
        return {.sequence = 0, .slot = slot, .kind = kTransferKind, .status = 0, .value = value};
    }
    /// The device is gone, with transfer 1.
    void ExpectRemoval() {
        removals.Wait();
        transfers.WaitFor(1);
        EXPECT_EQ(transfers.StatusOf(1), UsbStatus::kRemoved);
        EXPECT_FALSE(session->IsPresent());
        EXPECT_EQ(removals.count(), 1);
        process->WaitForEnd();
    }

    RecordedTransfers transfers;
    CountingRemovalListener removals;
    std::optional<RawSessionServer> process;
    std::shared_ptr<UsbBackend> session;
};

/// A completion for a bulk transfer of eight bytes that breaks the protocol.
struct HostileCompletion {
    const char *name;
    std::function<void(CompletionEntry &)> spoil;
};
void PrintTo(const HostileCompletion &completion, std::ostream *out) {
    *out << completion.name;
}

class HostileCompletionTest : public RemoteHostileDeviceTest,
                              public ::testing::WithParamInterface<HostileCompletion> {};

TEST_P(HostileCompletionTest, IsARemoval) {
    Begin();
    session->Submit(transfers.Bulk(1, 0x81, 8));
    CompletionEntry completion = Completion(Take().slot, 8);
    GetParam().spoil(completion);
    process->Push(completion);
    ExpectRemoval();
}

INSTANTIATE_TEST_SUITE_P(
    Remote, HostileCompletionTest,
    ::testing::Values(
        HostileCompletion{"SlotBeyondTheLast", [](auto &entry) { entry.slot = remote::kNumSlots; }},
        HostileCompletion{"SlotOfAllOnes", [](auto &entry) { entry.slot = 0xFFFF; }},
        HostileCompletion{"SlotThatIsNotInFlight",
                          [](auto &entry) { entry.slot = entry.slot == 5 ? 6 : 5; }},
        HostileCompletion{"MoreBytesThanAsked", [](auto &entry) { entry.value = 9; }},
        HostileCompletion{"AllBytesThereAre", [](auto &entry) { entry.value = ~0ULL; }},
        HostileCompletion{
            "UnknownStatus",
            [](auto &entry) { entry.status = static_cast<uint8_t>(UsbStatus::kUnderrun) + 1; }},
        HostileCompletion{"KindOfAnOperation", [](auto &entry) { entry.kind = kOperationKind; }},
        HostileCompletion{
            "KindOfAnAbort",
            [](auto &entry) { entry.kind = static_cast<uint8_t>(EntryKind::kAbort); }},
        HostileCompletion{"UnknownKind", [](auto &entry) { entry.kind = 0xFF; }}),
    [](const auto &instance) { return std::string(instance.param.name); });

TEST_F(RemoteHostileDeviceTest, TransferThatIsCompletedTwice_IsARemoval) {
    Begin();
    session->Submit(transfers.Bulk(0, 0x81, 8));
    session->Submit(transfers.Bulk(1, 0x81, 8));
    const uint16_t slot = Take().slot;
    process->Push(Completion(slot, 8));
    process->Push(Completion(slot, 8));
    ExpectRemoval();
    EXPECT_EQ(transfers.StatusOf(0), UsbStatus::kSuccess);
}

TEST_F(RemoteHostileDeviceTest, SequencesThatRunBackwards_AreNotTaken) {
    Begin();
    session->Submit(transfers.Bulk(0, 0x81, 8));
    session->Submit(transfers.Bulk(1, 0x81, 8));
    process->Push(Completion(Take().slot, 8));
    transfers.WaitFor(1);
    const uint16_t slot = Take().slot;
    CompletionEntry stale = Completion(0xFFFF, 8);
    for (const uint32_t sequence : {1U, 0U, 0xFFFF'FFFFU, 2050U}) {
        stale.sequence = sequence;
        process->memory().completions[1] = stale;
        (void)process->Wake();
    }
    process->memory().completions[0] = stale;
    process->Push(Completion(slot, 7));
    transfers.WaitFor(2);
    EXPECT_EQ(transfers.StatusOf(1), UsbStatus::kSuccess);
    EXPECT_TRUE(session->IsPresent());
}

TEST_F(RemoteHostileDeviceTest, FrameThatIsLongerThanAsked_IsARemoval) {
    Begin();
    auto transfer = transfers.New(1, UsbTransferType::kIsochronous, 0x83, 8);
    transfer->frames.resize(2, {.num_requested = 4});
    session->Submit(std::move(transfer));
    const SubmissionEntry entry = Take();
    ASSERT_EQ(entry.num_pieces, 1U);
    ASSERT_EQ(entry.data.region_id, 0U);
    std::byte *const frames = process->memory().slots[entry.slot].data.data() + entry.data.offset +
                              sizeof(remote::WireRange);
    const remote::WireFrame frame = {.num_requested = 4, .num_done = 5};
    std::memcpy(frames + sizeof(frame), &frame, sizeof(frame));
    process->Push(Completion(entry.slot, 8));
    ExpectRemoval();
}

TEST_F(RemoteHostileDeviceTest, RemovalThatIsToldTwice_EndsTheTransfers) {
    Begin();
    session->Submit(transfers.Bulk(1, 0x81, 8));
    const CompletionEntry removed = {.sequence = 0,
                                     .slot = 0,
                                     .kind = static_cast<uint8_t>(EntryKind::kRemoved),
                                     .status = 0,
                                     .value = 0};
    process->Push(removed);
    process->Push(removed);
    ExpectRemoval();
}

TEST_F(RemoteHostileDeviceTest, OperationWithAnUnknownError_EndsInARemoval) {
    Begin();
    std::thread answering([&] {
        CompletionEntry completion = Completion(Take().slot, 0);
        completion.kind = kOperationKind;
        completion.status = 0xFF;
        process->Push(completion);
    });
    EXPECT_EQ(CodeOf(session->Claim(0)), BackendErrorCode::kRemoved);
    answering.join();
    EXPECT_FALSE(session->IsPresent());
}

TEST_F(RemoteHostileDeviceTest, RefusalWithALongText_IsCutOff) {
    Begin();
    std::thread answering([&] {
        CompletionEntry completion = Completion(Take().slot, ~0ULL);
        completion.kind = kOperationKind;
        completion.status = 1 + static_cast<uint8_t>(BackendErrorCode::kBusy);
        process->Push(completion);
    });
    const auto claimed = session->Claim(0);
    answering.join();
    EXPECT_EQ(CodeOf(claimed), BackendErrorCode::kBusy);
    EXPECT_LE(claimed.error().message.size(), remote::kSlotBytes);
}

/// What no process that serves a device says of it.
struct HostileWelcome {
    const char *name;
    std::function<void(SessionWelcome &, std::byte *descriptors)> spoil;
};
void PrintTo(const HostileWelcome &welcome, std::ostream *out) {
    *out << welcome.name;
}

class HostileWelcomeTest : public RemoteHostileDeviceTest,
                           public ::testing::WithParamInterface<HostileWelcome> {};

TEST_P(HostileWelcomeTest, IsARefusal) {
    const auto connected = Connect(GetParam().spoil);
    ASSERT_FALSE(connected.has_value());
    EXPECT_EQ(connected.error().code, BackendErrorCode::kUnsupported);
}

INSTANTIATE_TEST_SUITE_P(
    Remote, HostileWelcomeTest,
    ::testing::Values(
        HostileWelcome{"AnotherVersion", [](auto &welcome, auto *) { ++welcome.version; }},
        HostileWelcome{"UnknownSpeed", [](auto &welcome, auto *) { welcome.speed = 5; }},
        HostileWelcome{"NoAddress", [](auto &welcome, auto *) { welcome.address = 0; }},
        HostileWelcome{"OneConfigurationMore",
                       [](auto &welcome, auto *) { ++welcome.num_configurations; }},
        HostileWelcome{"MoreConfigurationsThanThereCanBe",
                       [](auto &welcome, auto *) { welcome.num_configurations = ~0U; }},
        HostileWelcome{"NoDescriptors",
                       [](auto &welcome, auto *) { welcome.descriptor_bytes = 0; }},
        HostileWelcome{"OneByteLess", [](auto &welcome, auto *) { --welcome.descriptor_bytes; }},
        HostileWelcome{"MoreThanTheMemoryHas",
                       [](auto &welcome, auto *) { welcome.descriptor_bytes = 1 << 20; }},
        HostileWelcome{"MoreThanAnyDeviceHas",
                       [](auto &welcome, auto *) { welcome.descriptor_bytes = ~0ULL; }},
        HostileWelcome{"LengthBeyondTheEnd",
                       [](auto &, std::byte *descriptors) { std::memset(descriptors, 0xFF, 4); }}),
    [](const auto &instance) { return std::string(instance.param.name); });

}  // namespace
}  // namespace opendext::backends
