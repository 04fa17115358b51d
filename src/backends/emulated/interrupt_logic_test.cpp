// SPDX-License-Identifier: Apache-2.0
#include "backends/emulated/interrupt_logic.h"

#include <gtest/gtest.h>

#include <thread>

#include "backends/emulated/scripted_model.h"

namespace opendext::backends {
namespace {

using W = AccessWidth;

constexpr uint32_t kTable = 0x2000;
constexpr uint32_t kPending = 0x3000;

class InterruptsTest : public testing::Test {
protected:
    InterruptsTest() { device_.EnableCommand(pci::kCommandMemory | pci::kCommandBusMaster); }

    static ScriptedDevice MakeDevice() {
        return ScriptedDevice::Make([](PciDeviceBuilder &b) {
            b.InterruptPin(1)
                .RegisterBar(0, 0x4000)
                .Msi({.num_vectors = 8})
                .Msix({.num_vectors = 5,
                       .bar_index = 0,
                       .table_offset = kTable,
                       .pending_offset = kPending});
        });
    }
    PciBackend &backend() { return *device_.backend; }
    void Use(InterruptKind kind, uint32_t count) {
        ASSERT_TRUE(backend().AllocateVectors(kind, count));
        for (uint32_t i = 0; i < count; ++i) {
            ASSERT_TRUE(backend().ConnectVector(i, &sink_));
        }
    }
    InterruptOutcome Raise(InterruptVector vector) { return device_.port().RaiseInterrupt(vector); }
    uint32_t MsiOffset() { return backend().ReadConfig(pci::kCapabilityPointer, W::k8); }
    uint32_t MsixOffset() { return backend().ReadConfig(MsiOffset() + 1, W::k8); }

    CountingSink sink_;
    ScriptedDevice device_ = MakeDevice();
};

TEST_F(InterruptsTest, Msix_DeliversEachVectorToItsSink) {
    Use(InterruptKind::kMsix, 3);
    EXPECT_EQ(Raise(0), InterruptOutcome::kDelivered);
    EXPECT_EQ(Raise(2), InterruptOutcome::kDelivered);
    EXPECT_EQ(Raise(2), InterruptOutcome::kDelivered);
    EXPECT_EQ(sink_.count(0), 1);
    EXPECT_EQ(sink_.count(1), 0);
    EXPECT_EQ(sink_.count(2), 2);
}

TEST_F(InterruptsTest, NothingEnabled_DropsMessages) {
    EXPECT_EQ(Raise(0), InterruptOutcome::kDropped);
    Use(InterruptKind::kMsix, 1);
    EXPECT_EQ(Raise(99), InterruptOutcome::kDropped);
    backend().ReleaseVectors();
    EXPECT_EQ(Raise(0), InterruptOutcome::kDropped);
    EXPECT_EQ(sink_.count(0), 0);
}

TEST_F(InterruptsTest, BusMasterOff_DropsMessages) {
    Use(InterruptKind::kMsix, 1);
    device_.EnableCommand(pci::kCommandMemory);
    EXPECT_EQ(Raise(0), InterruptOutcome::kDropped);
    device_.EnableCommand(pci::kCommandMemory | pci::kCommandBusMaster);
    EXPECT_EQ(Raise(0), InterruptOutcome::kDelivered);
}

TEST_F(InterruptsTest, Allocation_ProgramsTheCapability) {
    Use(InterruptKind::kMsi, 4);
    const uint32_t control = backend().ReadConfig(MsiOffset() + pci::kMsiControl, W::k16);
    EXPECT_NE(control & pci::kMsiControlEnable, 0U);
    EXPECT_EQ((control & pci::kMsiControlEnabledMask) >> pci::kMsiControlEnabledShift, 2U);
    backend().ReleaseVectors();
    EXPECT_EQ(backend().ReadConfig(MsiOffset() + pci::kMsiControl, W::k16) & pci::kMsiControlEnable,
              0U);
    Use(InterruptKind::kMsix, 5);
    EXPECT_NE(
        backend().ReadConfig(MsixOffset() + pci::kMsixControl, W::k16) & pci::kMsixControlEnable,
        0U);
}

TEST_F(InterruptsTest, BadAllocations_AreRefused) {
    const auto code = [&](InterruptKind kind, uint32_t count) {
        const auto result = backend().AllocateVectors(kind, count);
        return result ? BackendErrorCode::kRemoved : result.error().code;
    };
    EXPECT_EQ(code(InterruptKind::kMsi, 3), BackendErrorCode::kInvalidArgument);
    EXPECT_EQ(code(InterruptKind::kMsi, 16), BackendErrorCode::kInvalidArgument);
    EXPECT_EQ(code(InterruptKind::kMsix, 0), BackendErrorCode::kInvalidArgument);
    EXPECT_EQ(code(InterruptKind::kMsix, 6), BackendErrorCode::kInvalidArgument);
    Use(InterruptKind::kMsix, 1);
    EXPECT_EQ(code(InterruptKind::kMsi, 1), BackendErrorCode::kBusy);
    EXPECT_EQ(backend().ConnectVector(0, &sink_).error().code, BackendErrorCode::kBusy);
    EXPECT_EQ(backend().ConnectVector(1, &sink_).error().code, BackendErrorCode::kNotFound);
    const auto bare = ScriptedDevice::Make([](PciDeviceBuilder &b) { b.RegisterBar(0, 16); });
    EXPECT_EQ(bare.backend->AllocateVectors(InterruptKind::kMsix, 1).error().code,
              BackendErrorCode::kUnsupported);
}

TEST_F(InterruptsTest, FewerMsiVectorsThanTheDeviceHas_AreShared) {
    Use(InterruptKind::kMsi, 2);
    Raise(5);
    EXPECT_EQ(sink_.count(1), 1);
    Raise(6);
    EXPECT_EQ(sink_.count(0), 1);
}

TEST_F(InterruptsTest, MsixTableMask_HoldsOneInterruptBack) {
    Use(InterruptKind::kMsix, 2);
    const uint64_t control = kTable + 1 * 16 + 12;
    backend().WriteMemory(0, control, W::k32, 1);
    EXPECT_EQ(Raise(1), InterruptOutcome::kPending);
    EXPECT_EQ(Raise(1), InterruptOutcome::kPending);
    EXPECT_EQ(backend().ReadMemory(0, kPending, W::k64), 2U);
    EXPECT_EQ(sink_.count(1), 0);
    backend().WriteMemory(0, control, W::k32, 0);
    EXPECT_EQ(sink_.count(1), 1);
    EXPECT_EQ(backend().ReadMemory(0, kPending, W::k64), 0U);
}

TEST_F(InterruptsTest, MsixFunctionMask_HoldsAllBack) {
    Use(InterruptKind::kMsix, 2);
    const uint32_t offset = MsixOffset() + pci::kMsixControl;
    backend().WriteConfig(offset, W::k16, pci::kMsixControlEnable | pci::kMsixControlFunctionMask);
    EXPECT_EQ(Raise(0), InterruptOutcome::kPending);
    EXPECT_EQ(Raise(1), InterruptOutcome::kPending);
    backend().WriteConfig(offset, W::k16, pci::kMsixControlEnable);
    EXPECT_EQ(sink_.count(0), 1);
    EXPECT_EQ(sink_.count(1), 1);
}

TEST_F(InterruptsTest, MsiMaskBits_HoldOneInterruptBack) {
    Use(InterruptKind::kMsi, 4);
    const uint32_t mask = MsiOffset() + 0x10;
    backend().WriteConfig(mask, W::k32, 1U << 2);
    EXPECT_EQ(Raise(2), InterruptOutcome::kPending);
    EXPECT_EQ(Raise(1), InterruptOutcome::kDelivered);
    EXPECT_EQ(backend().ReadConfig(mask + 4, W::k32), 1U << 2);
    backend().WriteConfig(mask, W::k32, 0);
    EXPECT_EQ(sink_.count(2), 1);
    EXPECT_EQ(backend().ReadConfig(mask + 4, W::k32), 0U);
}

TEST_F(InterruptsTest, MaskVector_HoldsBackAndDeliversOnce) {
    Use(InterruptKind::kMsix, 1);
    backend().MaskVector(0, true);
    Raise(0);
    Raise(0);
    EXPECT_EQ(sink_.count(0), 0);
    backend().MaskVector(0, false);
    EXPECT_EQ(sink_.count(0), 1);
}

// semantics.md 4.4: level interrupts are masked when they fire, and unmasked when they have been served.
TEST_F(InterruptsTest, Line_IsMaskedAtDeliveryAndDeliveredAgainWhileAsserted) {
    Use(InterruptKind::kIntx, 1);
    device_.port().SetInterruptLine(true);
    device_.port().SetInterruptLine(true);
    EXPECT_EQ(sink_.count(0), 1);
    EXPECT_NE(backend().ReadConfig(pci::kStatus, W::k16) & pci::kStatusInterrupt, 0U);
    backend().MaskVector(0, false);
    EXPECT_EQ(sink_.count(0), 2);
    device_.port().SetInterruptLine(false);
    backend().MaskVector(0, false);
    EXPECT_EQ(sink_.count(0), 2);
    EXPECT_EQ(backend().ReadConfig(pci::kStatus, W::k16) & pci::kStatusInterrupt, 0U);
}

TEST_F(InterruptsTest, LineWithInterruptDisable_WaitsForTheBit) {
    Use(InterruptKind::kIntx, 1);
    device_.EnableCommand(pci::kCommandInterruptDisable);
    device_.port().SetInterruptLine(true);
    EXPECT_EQ(sink_.count(0), 0);
    device_.EnableCommand(0);
    EXPECT_EQ(sink_.count(0), 1);
}

TEST_F(InterruptsTest, Reset_KeepsAllocatedVectorsWorking) {
    Use(InterruptKind::kMsix, 2);
    backend().MaskVector(1, true);
    Raise(1);
    ASSERT_TRUE(backend().Reset(PciResetKind::kHot));
    device_.EnableCommand(pci::kCommandBusMaster);
    EXPECT_EQ(Raise(0), InterruptOutcome::kDelivered);
    backend().MaskVector(1, false);
    EXPECT_EQ(sink_.count(1), 0);
}

TEST_F(InterruptsTest, Unplug_SilencesTheDevice) {
    Use(InterruptKind::kMsix, 1);
    device_.backend->Unplug();
    EXPECT_EQ(Raise(0), InterruptOutcome::kDropped);
    EXPECT_EQ(sink_.count(0), 0);
    backend().DisconnectVector(0);
    backend().ReleaseVectors();
}

TEST_F(InterruptsTest, DisconnectedSink_IsNeverCalledAgain) {
    ASSERT_TRUE(backend().AllocateVectors(InterruptKind::kMsix, 1));
    std::atomic<bool> stop{false};
    std::thread device([&] {
        while (!stop) {
            Raise(0);
        }
    });
    for (int round = 0; round < 200; ++round) {
        auto sink = std::make_unique<CountingSink>();
        ASSERT_TRUE(backend().ConnectVector(0, sink.get()));
        while (sink->count(0) == 0) {
            std::this_thread::yield();
        }
        backend().DisconnectVector(0);
        sink.reset();  // a use after free if a call were still under way
    }
    stop = true;
    device.join();
}

}  // namespace
}  // namespace opendext::backends
