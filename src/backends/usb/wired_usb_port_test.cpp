// SPDX-License-Identifier: Apache-2.0
// Sessions, claims, what is configured, and who is told.
#include "backends/usb/wired_usb_port.h"

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "backends/usb/wired_port_fixture.h"

namespace opendext::backends {
namespace {

using Log = std::vector<std::string>;
using Told = RecordingPortListener::Told;

BackendResult<void> Refused(const std::string &) {
    return Refuse(BackendErrorCode::kUnsupported, "the device stalls");
}

/// The port may still be at it.
void WaitForUnplug(const UsbBackend &session) {
    while (session.IsPresent()) {
        std::this_thread::yield();
    }
}

TEST_F(WiredPortTest, DeviceThatIsThere_IsToldAtOnce) {
    const UsbDeviceIdentity device = listener.latest();
    EXPECT_EQ(listener.WaitFor(2),
              (std::vector<Told>{
                  {.what = 'A', .device = device.id},
                  {.what = 'C', .device = device.id, .configuration = 1, .publishes = true}}));
    EXPECT_EQ(device.product, "Scripted");
    EXPECT_EQ(device.location, 0x01200000U);
    EXPECT_EQ(session->Speed(), UsbSpeed::kSuper);
    EXPECT_EQ(session->Address(), 3);
    EXPECT_TRUE(session->IsPresent());
    EXPECT_EQ(session->Configuration(), 1);
    EXPECT_EQ(session->Descriptors().configurations.size(), 2U);
    EXPECT_EQ(session->CurrentFrame().frame, 77U);
}

TEST_F(WiredPortTest, InterfaceClaimedByOne_IsBusyForOthers) {
    const auto other = OpenSession();
    EXPECT_TRUE(session->Claim(0).has_value());
    EXPECT_TRUE(session->Claim(0).has_value());
    EXPECT_EQ(wire->TakeLog(), (Log{"claim 0"}));
    EXPECT_EQ(CodeOf(other->Claim(0)), BackendErrorCode::kBusy);
    EXPECT_EQ(CodeOf(other->Claim(9)), BackendErrorCode::kNotFound);
    other->Release(0);  // not its own
    EXPECT_EQ(wire->TakeLog(), Log{});
    session->Release(0);
    EXPECT_EQ(wire->TakeLog(), (Log{"release 0"}));
    EXPECT_TRUE(other->Claim(0).has_value());
}

TEST_F(WiredPortTest, Device_IsClaimedBesideItsInterfaces) {
    const auto other = OpenSession();
    EXPECT_TRUE(session->Claim(std::nullopt).has_value());
    EXPECT_EQ(CodeOf(other->Claim(std::nullopt)), BackendErrorCode::kBusy);
    EXPECT_TRUE(other->Claim(0).has_value());
    session->Release(std::nullopt);
    EXPECT_TRUE(other->Claim(std::nullopt).has_value());
}

TEST_F(WiredPortTest, WireThatRefusesAClaim_LeavesItFree) {
    wire->on_operation = [](const std::string &) {
        return Refuse(BackendErrorCode::kBusy, "a driver of the kernel has it");
    };
    EXPECT_EQ(CodeOf(session->Claim(0)), BackendErrorCode::kBusy);
    Submit(1, 0x01);
    EXPECT_EQ(transfers.StatusOf(1), UsbStatus::kNotOpen);
    wire->on_operation = {};
    EXPECT_TRUE(OpenSession()->Claim(0).has_value());
}

TEST_F(WiredPortTest, EndOfASession_EndsItsClaimsAndTransfers) {
    ClaimInterface();
    ASSERT_TRUE(session->Claim(std::nullopt).has_value());
    Submit(1, 0x81);
    session.reset();
    EXPECT_EQ(transfers.StatusOf(1), UsbStatus::kAborted);
    EXPECT_EQ(wire->TakeLog(), (Log{"release 0"}));
    const auto other = OpenSession();
    EXPECT_TRUE(other->Claim(0).has_value());
    EXPECT_TRUE(other->Claim(std::nullopt).has_value());
}

TEST_F(WiredPortTest, NewSession_SeesTheSameDevice) {
    const auto other = session->NewSession().value();
    EXPECT_EQ(&other->Descriptors(), &session->Descriptors());
    EXPECT_EQ(other->Address(), session->Address());
}

TEST_F(WiredPortTest, SetConfiguration_EndsTheInterfacesOfBefore) {
    ClaimInterface();
    Submit(1, 0x81);
    const auto other = OpenSession();
    EXPECT_TRUE(other->SetConfiguration(2, false).has_value());
    EXPECT_EQ(transfers.StatusOf(1), UsbStatus::kAborted);
    EXPECT_EQ(wire->TakeLog(), (Log{"release 0", "configuration 2"}));
    EXPECT_EQ(session->Configuration(), 2);
    EXPECT_EQ(
        listener.WaitFor(3).back(),
        (Told{
            .what = 'C', .device = listener.latest().id, .configuration = 2, .publishes = false}));
    EXPECT_EQ(CodeOf(session->Claim(0)), BackendErrorCode::kNotFound);
    EXPECT_TRUE(session->Claim(5).has_value());
}

/// Holds up who tells it of configuration 1.
struct SlowListener final : UsbPortListener {
    void OnAttached(const UsbDeviceIdentity & /*device*/) override {}
    void OnDetached(UsbDeviceId /*device*/) override {}
    void OnConfigured(UsbDeviceId /*device*/, uint8_t value, bool /*publishes*/) override {
        is_held = is_held || value == 1;
        while (value == 1 && !may_go_on) {
            std::this_thread::yield();
        }
        is_told = is_told || value == 2;
    }
    void OnSettingSelected(const UsbDeviceIdentity & /*device*/,
                           const UsbInterfaceSetting & /*setting*/) override {}

    std::atomic<bool> is_held = false;
    std::atomic<bool> may_go_on = true;
    std::atomic<bool> is_told = false;
};

TEST_F(WiredPortTest, SetConfigurationWhileAnotherIsTold_ReturnsWhenItsOwnWas) {
    SlowListener slow;
    port->SetListener(&slow);
    slow.may_go_on = false;
    slow.is_held = false;
    wire->on_operation = [&](const std::string &operation) -> BackendResult<void> {
        slow.may_go_on = slow.may_go_on || operation == "configuration 2";
        return {};
    };
    std::thread first([&] { EXPECT_TRUE(session->SetConfiguration(1, true).has_value()); });
    while (!slow.is_held) {
        std::this_thread::yield();
    }
    EXPECT_TRUE(OpenSession()->SetConfiguration(2, true).has_value());
    EXPECT_TRUE(slow.is_told);
    first.join();
    wire->on_operation = {};
    port->SetListener(nullptr);
}

TEST_F(WiredPortTest, SetConfiguration_IsRefusedWhenItCannotBe) {
    const auto other = OpenSession();
    EXPECT_EQ(CodeOf(session->SetConfiguration(3, true)), BackendErrorCode::kNotFound);
    ASSERT_TRUE(other->Claim(std::nullopt).has_value());
    EXPECT_EQ(CodeOf(session->SetConfiguration(2, true)), BackendErrorCode::kBusy);
    EXPECT_TRUE(other->SetConfiguration(0, true).has_value());
    EXPECT_EQ(session->Configuration(), 0);
    EXPECT_EQ(CodeOf(session->Claim(0)), BackendErrorCode::kNotFound);
}

TEST_F(WiredPortTest, ConfigurationThatTheDeviceRefuses_ChangesNothing) {
    ClaimInterface();
    wire->on_operation = [](const std::string &operation) {
        return operation == "configuration 2" ? Refused(operation) : BackendResult<void>{};
    };
    EXPECT_EQ(CodeOf(session->SetConfiguration(2, true)), BackendErrorCode::kUnsupported);
    EXPECT_EQ(wire->TakeLog(), (Log{"release 0", "configuration 2", "claim 0"}));
    EXPECT_EQ(session->Configuration(), 1);
    EXPECT_EQ(listener.kinds(), "AC");
    Submit(1, 0x81);
    EXPECT_EQ(wire->Outstanding().size(), 1U);
}

TEST_F(WiredPortTest, AlternateSetting_IsToldOnceItIsAnother) {
    ClaimInterface();
    ASSERT_TRUE(session->SetAlternateSetting(0, 0).has_value());
    EXPECT_EQ(listener.kinds(), "AC");
    ASSERT_TRUE(session->SetAlternateSetting(0, 1).has_value());
    EXPECT_EQ(
        listener.WaitFor(3).back(),
        (Told{.what = 'S', .device = listener.latest().id, .interface_number = 0, .alternate = 1}));
    // Who comes later is told of it, too.
    RecordingPortListener next;
    port->SetListener(&next);
    EXPECT_EQ(next.kinds(), "ACS");
    ASSERT_TRUE(session->SetConfiguration(1, true).has_value());
    EXPECT_EQ(next.kinds(), "ACSC");
    port->SetListener(nullptr);
}

TEST_F(WiredPortTest, AlternateSetting_ChangesWhichEndpointsAreOpen) {
    EXPECT_EQ(CodeOf(session->SetAlternateSetting(0, 1)), BackendErrorCode::kInvalidArgument);
    ClaimInterface();
    ClaimInterface(1);
    EXPECT_EQ(CodeOf(session->SetAlternateSetting(0, 2)), BackendErrorCode::kNotFound);
    Submit(1, 0x81);
    session->Submit(transfers.New(2, UsbTransferType::kInterrupt, 0x82, 8));
    EXPECT_TRUE(session->SetAlternateSetting(0, 1).has_value());
    EXPECT_EQ(session->AlternateSetting(0), 1);
    EXPECT_EQ(transfers.names(), (std::vector<int>{1}));  // the other interface's goes on
    EXPECT_EQ(transfers.StatusOf(1), UsbStatus::kAborted);
    Submit(3, 0x81);
    EXPECT_EQ(transfers.StatusOf(3), UsbStatus::kNotOpen);
    auto isochronous = transfers.New(4, UsbTransferType::kIsochronous, 0x83, 8);
    isochronous->frames = {{.num_requested = 8}};
    session->Submit(std::move(isochronous));
    EXPECT_EQ(wire->Outstanding().size(), 2U);
}

TEST_F(WiredPortTest, SettingThatTheDeviceRefuses_ChangesNothing) {
    ClaimInterface();
    wire->on_operation = Refused;
    EXPECT_EQ(CodeOf(session->SetAlternateSetting(0, 1)), BackendErrorCode::kUnsupported);
    EXPECT_EQ(session->AlternateSetting(0), 0);
    Submit(1, 0x81);
    EXPECT_EQ(wire->Outstanding().size(), 1U);
}

TEST_F(WiredPortTest, TransfersDuringAnOperation_AreAborted) {
    ClaimInterface();
    wire->on_operation = [this](const std::string &) {
        Submit(1, 0x81);
        return BackendResult<void>{};
    };
    EXPECT_TRUE(session->SetAlternateSetting(0, 0).has_value());
    EXPECT_EQ(transfers.StatusOf(1), UsbStatus::kAborted);
    EXPECT_TRUE(wire->Started().empty());
    wire->on_operation = {};
}

TEST_F(WiredPortTest, ClearHalt_WantsAnOpenEndpoint) {
    EXPECT_EQ(CodeOf(session->ClearHalt({0x81}, true)), BackendErrorCode::kNotFound);
    EXPECT_TRUE(session->ClearHalt({0}, true).has_value());
    ClaimInterface();
    EXPECT_TRUE(session->ClearHalt({0x81}, true).has_value());
    EXPECT_TRUE(session->ClearHalt({0x01}, false).has_value());
    EXPECT_EQ(wire->TakeLog(), (Log{"clear 129 told", "clear 1"}));
    wire->on_operation = Refused;
    EXPECT_EQ(CodeOf(session->ClearHalt({0x81}, true)), BackendErrorCode::kUnsupported);
}

TEST_F(WiredPortTest, Reset_AbortsEverythingAndKeepsClaims) {
    ClaimInterface();
    Submit(1, 0x81);
    session->Submit(transfers.Control(2, {.request_type = 0xC0, .length = 4}));
    EXPECT_TRUE(session->Reset().has_value());
    EXPECT_EQ(transfers.StatusOf(1), UsbStatus::kAborted);
    EXPECT_EQ(transfers.StatusOf(2), UsbStatus::kAborted);
    EXPECT_EQ(wire->TakeLog(), (Log{"reset"}));
    Submit(3, 0x81);
    EXPECT_EQ(wire->Outstanding().size(), 1U);
}

TEST_F(WiredPortTest, Streams_AreCheckedAgainstTheEndpoint) {
    EXPECT_EQ(CodeOf(session->SetStreams({0x81}, 4)), BackendErrorCode::kNotFound);
    ClaimInterface();
    ClaimInterface(1);
    EXPECT_EQ(CodeOf(session->SetStreams({0x81}, 17)), BackendErrorCode::kInvalidArgument);
    EXPECT_EQ(CodeOf(session->SetStreams({0x82}, 1)), BackendErrorCode::kUnsupported);
    EXPECT_TRUE(session->SetStreams({0x81}, 16).has_value());
    EXPECT_EQ(wire->TakeLog(), (Log{"streams 129 16"}));
    Submit(1, 0x81);
    EXPECT_EQ(transfers.StatusOf(1), UsbStatus::kInvalidArgument);
    auto transfer = transfers.Bulk(2, 0x81);
    transfer->stream = 17;
    session->Submit(std::move(transfer));
    EXPECT_EQ(transfers.StatusOf(2), UsbStatus::kInvalidArgument);
    transfer = transfers.Bulk(3, 0x81);
    transfer->stream = 16;
    session->Submit(std::move(transfer));
    EXPECT_EQ(wire->Outstanding().size(), 1U);
    EXPECT_TRUE(session->SetStreams({0x81}, 0).has_value());
    EXPECT_EQ(transfers.StatusOf(3), UsbStatus::kAborted);
}

TEST_F(WiredPortTest, Unplug_EndsTransfersThenTellsSessionsThenTheListener) {
    ClaimInterface();
    Submit(1, 0x81);
    Submit(2, 0x01);
    std::string order;
    CountingRemovalListener removal;
    removal.on_removed = [&] {
        order = listener.kinds() + std::to_string(transfers.ended().size());
    };
    session->SetRemovalListener(&removal);
    wire->Detach();
    EXPECT_EQ(removal.count(), 1);
    EXPECT_EQ(order, "AC2");
    EXPECT_EQ(listener.kinds(), "ACD");
    EXPECT_EQ(transfers.StatusOf(1), UsbStatus::kRemoved);
    EXPECT_EQ(transfers.StatusOf(2), UsbStatus::kRemoved);
    EXPECT_FALSE(session->IsPresent());
    Submit(3, 0x81);
    EXPECT_EQ(transfers.StatusOf(3), UsbStatus::kRemoved);
    EXPECT_EQ(CodeOf(session->Claim(1)), BackendErrorCode::kRemoved);
    EXPECT_EQ(CodeOf(session->SetConfiguration(1, true)), BackendErrorCode::kRemoved);
    EXPECT_EQ(CodeOf(session->SetAlternateSetting(0, 0)), BackendErrorCode::kRemoved);
    EXPECT_EQ(CodeOf(session->ClearHalt({0x81}, true)), BackendErrorCode::kRemoved);
    EXPECT_EQ(CodeOf(session->Reset()), BackendErrorCode::kRemoved);
    EXPECT_EQ(CodeOf(session->SetStreams({0x81}, 0)), BackendErrorCode::kRemoved);
    EXPECT_FALSE(session->NewSession().has_value());
    EXPECT_FALSE(port->Open(listener.latest().id).has_value());
    CountingRemovalListener late;
    session->SetRemovalListener(&late);
    EXPECT_EQ(late.count(), 1);
    session->SetRemovalListener(nullptr);
}

TEST_F(WiredPortTest, DeviceThatComesBackEarly_WaitsForTheEndOfTheOneBefore) {
    ClaimInterface();
    wire->on_cancel = [](ScriptedUsbWire &, UsbTransfer &) {};  // comes later
    Submit(1, 0x81);
    const UsbDeviceId before = listener.latest().id;
    wire->Detach();
    wire->Attach(0, 4);
    EXPECT_EQ(listener.kinds(), "AC");
    EXPECT_FALSE(port->Open(before).has_value());
    wire->Finish(*wire->Outstanding().front(), {.status = UsbStatus::kNotResponding});
    EXPECT_EQ(transfers.StatusOf(1), UsbStatus::kRemoved);
    EXPECT_EQ(listener.kinds(), "ACDA");
    EXPECT_NE(listener.latest().id, before);
    const auto next = OpenSession();
    EXPECT_EQ(next->Address(), 4);
    EXPECT_EQ(next->Configuration(), 0);
    EXPECT_FALSE(session->IsPresent());
    wire->on_cancel = {};
}

TEST_F(WiredPortTest, DeviceThatComesAndGoesMeanwhile_IsNeverSeen) {
    ClaimInterface();
    wire->on_cancel = [](ScriptedUsbWire &, UsbTransfer &) {};
    Submit(1, 0x81);
    wire->Detach();
    wire->Attach();
    wire->Detach();
    wire->Finish(*wire->Outstanding().front(), {.status = UsbStatus::kAborted});
    EXPECT_EQ(listener.kinds(), "ACD");
    wire->Detach();  // there is none
    EXPECT_EQ(listener.kinds(), "ACD");
    wire->on_cancel = {};
}

TEST_F(WiredPortTest, SecondDeviceBesideOne_TakesItsPlace) {
    wire->Attach(2, 9);
    EXPECT_EQ(listener.kinds(), "ACDAC");
    EXPECT_FALSE(session->IsPresent());
    EXPECT_EQ(OpenSession()->Configuration(), 2);
}

TEST_F(WiredPortTest, Unplug_WaitsForOperationsOnTheDevice) {
    std::atomic<bool> is_calling = false;
    std::atomic<bool> is_over = false;
    wire->on_operation = [&](const std::string &) -> BackendResult<void> {
        is_calling = true;
        WaitForUnplug(*session);
        is_over = true;
        return {};
    };
    std::thread resetting([&] { EXPECT_EQ(CodeOf(session->Reset()), BackendErrorCode::kRemoved); });
    while (!is_calling) {
        std::this_thread::yield();
    }
    wire->Detach();
    // One that went on would reach the next device.
    EXPECT_TRUE(is_over);
    resetting.join();
    wire->on_operation = {};
}

TEST_F(WiredPortTest, UnplugWithinAnotherPortsStart_WaitsForItsOwn) {
    ClaimInterface();
    std::atomic<bool> is_starting = false;
    std::atomic<bool> is_over = false;
    wire->on_start = [&](ScriptedUsbWire &, UsbTransfer &) {
        is_starting = true;
        WaitForUnplug(*session);
        is_over = true;
    };
    std::thread starting([&] { Submit(1, 0x81); });
    while (!is_starting) {
        std::this_thread::yield();
    }
    RecordingPortListener other_listener;
    const auto other = WiredUsbPort::Create(
        std::make_unique<ScriptedUsbWire>([&](ScriptedUsbWire &, UsbTransfer &) {
            wire->Detach();
            EXPECT_TRUE(is_over);
        }));
    other->SetListener(&other_listener);
    const auto other_session = other->Open(other_listener.latest().id).value();
    ASSERT_TRUE(other_session->Claim(0).has_value());
    other_session->Submit(transfers.Bulk(2, 0x81));
    starting.join();
    wire->on_start = {};
    EXPECT_EQ(transfers.StatusOf(1), UsbStatus::kRemoved);
}

TEST_F(WiredPortTest, EndOfThePort_IsAnUnplug) {
    ClaimInterface();
    CountingRemovalListener removal;
    session->SetRemovalListener(&removal);
    Submit(1, 0x81);
    port.reset();
    EXPECT_EQ(transfers.StatusOf(1), UsbStatus::kRemoved);
    EXPECT_EQ(removal.count(), 1);
    EXPECT_EQ(listener.kinds(), "ACD");
    EXPECT_FALSE(session->IsPresent());
    EXPECT_EQ(session->CurrentFrame().frame, 0U);
    Submit(2, 0x81);
    EXPECT_EQ(transfers.StatusOf(2), UsbStatus::kRemoved);
    session->Release(0);
    session->Abort({0x81}, 0);
}

TEST_F(WiredPortTest, WireThatKeepsATransfer_DoesNotKeepThePort) {
    ClaimInterface();
    wire->on_cancel = [](ScriptedUsbWire &, UsbTransfer &) {};
    Submit(1, 0x81);
    port.reset();  // its End gives the transfer back
    EXPECT_EQ(transfers.StatusOf(1), UsbStatus::kRemoved);
}

TEST_F(WiredPortTest, ListenerThatLeaves_IsNotCalledAnyMore) {
    port->SetListener(nullptr);
    wire->Detach();
    wire->Attach();
    EXPECT_EQ(listener.kinds(), "AC");
    RecordingPortListener next;
    port->SetListener(&next);
    EXPECT_EQ(next.kinds(), "AC");
    port->SetListener(nullptr);
}

TEST_F(WiredPortTest, SessionThatEndsInItsOwnRemoval_IsForgotten) {
    CountingRemovalListener removal;
    removal.on_removed = [this] { session.reset(); };
    session->SetRemovalListener(&removal);
    wire->Detach();
    EXPECT_EQ(session, nullptr);
    EXPECT_EQ(listener.kinds(), "ACD");
}

}  // namespace
}  // namespace opendext::backends
