// SPDX-License-Identifier: Apache-2.0
#include "backends/emulated/emulated_pci_backend.h"

#include <gtest/gtest.h>

#include <cstring>

#include "backends/emulated/scripted_model.h"

namespace opendext::backends {
namespace {

using W = AccessWidth;

constexpr uint16_t kAllAccess = pci::kCommandIo | pci::kCommandMemory | pci::kCommandBusMaster;

// Memory indexes: 0 registers, 1 RAM, 2 I/O, 3 ROM.
ScriptedDevice MakeDevice() {
    auto device = ScriptedDevice::Make([](PciDeviceBuilder &b) {
        const std::array<std::byte, 4> rom{std::byte{0x55}, std::byte{0xAA}, std::byte{1},
                                           std::byte{2}};
        b.RegisterBar(0, 0x1000)
            .RamBar(2, 0x10000)
            .RegisterBar(4, 64, BarKind::kIo)
            .ExpansionRom(rom);
        b.PciExpress({.function_level_reset = true}).PowerManagement();
    });
    device.EnableCommand(kAllAccess);
    return device;
}

TEST(EmulatedPciBackend, MemoryRanges_AreListedByBarNumber) {
    const auto device = MakeDevice();
    const auto ranges = device.backend->MemoryRanges();
    ASSERT_EQ(ranges.size(), 4U);
    EXPECT_EQ(ranges[0].bar_index, 0);
    EXPECT_EQ(ranges[1].bar_index, 2);
    EXPECT_EQ(ranges[1].kind, BarKind::kMemory64Prefetchable);
    EXPECT_TRUE(ranges[1].is_memory_like);
    EXPECT_EQ(ranges[2].kind, BarKind::kIo);
    EXPECT_EQ(ranges[3].bar_index, kExpansionRomBar);
    EXPECT_EQ(ranges[3].num_bytes, 2048U);
}

TEST(EmulatedPciBackend, RegisterAccess_ReachesTheModelAtEveryWidth) {
    const auto device = MakeDevice();
    device.backend->WriteMemory(0, 8, W::k64, 0x1122334455667788);
    EXPECT_EQ(device.backend->ReadMemory(0, 8, W::k64), 0x1122334455667788U);
    EXPECT_EQ(device.backend->ReadMemory(0, 8, W::k32), 0x55667788U);
    EXPECT_EQ(device.backend->ReadMemory(0, 8, W::k16), 0x7788U);
    EXPECT_EQ(device.backend->ReadMemory(0, 8, W::k8), 0x88U);
    device.backend->WriteMemory(0, 8, W::k8, 0xFFFF);
    EXPECT_EQ(device.backend->ReadMemory(0, 8, W::k64), 0xFFU);
}

TEST(EmulatedPciBackend, RamAccess_IsTheDirectMapping) {
    const auto device = MakeDevice();
    const auto mapping = device.backend->MapDirect(1);
    ASSERT_TRUE(mapping.has_value());
    EXPECT_EQ(mapping->num_bytes, 0x10000U);
    ASSERT_NE(mapping->shared.region, nullptr);
    device.backend->WriteMemory(1, 0xFFF9, W::k32, 0xCAFEF00D);
    uint32_t seen = 0;
    std::memcpy(&seen, mapping->address + 0xFFF9, sizeof seen);
    EXPECT_EQ(seen, 0xCAFEF00DU);
    EXPECT_EQ(device.backend->ReadMemory(1, 0xFFF9, W::k32), 0xCAFEF00DU);
    EXPECT_EQ(device.port().BarMemory(2).data(), mapping->address);
    EXPECT_TRUE(device.port().BarMemory(0).empty());
}

TEST(EmulatedPciBackend, MapDirect_OfRegistersOrNothing_IsRefused) {
    const auto device = MakeDevice();
    EXPECT_EQ(device.backend->MapDirect(0).error().code, BackendErrorCode::kUnsupported);
    EXPECT_EQ(device.backend->MapDirect(2).error().code, BackendErrorCode::kUnsupported);
    EXPECT_EQ(device.backend->MapDirect(4).error().code, BackendErrorCode::kNotFound);
}

TEST(EmulatedPciBackend, AccessOutsideARange_ReadsAllOnesAndWritesNothing) {
    const auto device = MakeDevice();
    EXPECT_EQ(device.backend->ReadMemory(0, 0xFFF, W::k16), 0xFFFFU);
    EXPECT_EQ(device.backend->ReadMemory(1, 0x10000, W::k8), 0xFFU);
    EXPECT_EQ(device.backend->ReadMemory(1, ~0ULL, W::k64), ~0ULL);
    EXPECT_EQ(device.backend->ReadMemory(9, 0, W::k32), 0xFFFFFFFFU);
    device.backend->WriteMemory(1, ~0ULL, W::k64, 1);
    device.backend->WriteMemory(9, 0, W::k32, 1);
}

TEST(EmulatedPciBackend, EnableBitsOff_ReadAllOnesAndDropWrites) {
    const auto device = MakeDevice();
    device.backend->WriteMemory(0, 0, W::k32, 5);
    device.EnableCommand(pci::kCommandIo);
    EXPECT_EQ(device.backend->ReadMemory(0, 0, W::k32), 0xFFFFFFFFU);
    device.backend->WriteMemory(0, 0, W::k32, 6);
    EXPECT_EQ(device.backend->ReadMemory(1, 0, W::k8), 0xFFU);
    EXPECT_EQ(device.backend->ReadMemory(2, 0, W::k32), 5U);
    device.EnableCommand(pci::kCommandMemory);
    EXPECT_EQ(device.backend->ReadMemory(0, 0, W::k32), 5U);
    EXPECT_EQ(device.backend->ReadMemory(2, 0, W::k32), 0xFFFFFFFFU);
}

// semantics.md 6.3: a 64-bit access to I/O space reads all ones.
TEST(EmulatedPciBackend, IoSpace_Has64BitAccessesRefused) {
    const auto device = MakeDevice();
    device.backend->WriteMemory(2, 0, W::k32, 5);
    EXPECT_EQ(device.backend->ReadMemory(2, 0, W::k64), ~0ULL);
}

TEST(EmulatedPciBackend, ExpansionRom_NeedsItsOwnEnableBit) {
    const auto device = MakeDevice();
    EXPECT_EQ(device.backend->ReadMemory(3, 0, W::k16), 0xFFFFU);
    const uint32_t bar = device.backend->ReadConfig(pci::kExpansionRom, W::k32);
    device.backend->WriteConfig(pci::kExpansionRom, W::k32, bar | pci::kRomEnable);
    EXPECT_EQ(device.backend->ReadMemory(3, 0, W::k16), 0xAA55U);
    device.backend->WriteMemory(3, 0, W::k16, 0);
    EXPECT_EQ(device.backend->ReadMemory(3, 0, W::k16), 0xAA55U);
}

TEST(EmulatedPciBackend, PowerStateD3_StopsDecoding) {
    const auto device = MakeDevice();
    uint32_t offset = device.backend->ReadConfig(pci::kCapabilityPointer, W::k8);
    while (device.backend->ReadConfig(offset, W::k8) != pci::kCapabilityPowerManagement) {
        offset = device.backend->ReadConfig(offset + 1, W::k8);
    }
    device.backend->WriteConfig(offset + pci::kPowerControl, W::k16, 3);
    EXPECT_EQ(device.backend->ReadMemory(0, 0, W::k32), 0xFFFFFFFFU);
    device.backend->WriteConfig(offset + pci::kPowerControl, W::k16, 0);
    EXPECT_EQ(device.backend->ReadMemory(0, 0, W::k32), 0U);
}

struct FaultCounter final : IommuFaultListener {
    void OnIommuFault(const IommuFault &fault) override { reasons.push_back(fault.reason); }
    std::vector<IommuFaultReason> reasons;
};

TEST(EmulatedPciBackend, DmaWithoutBusMaster_FaultsAndMovesNothing) {
    const auto device = MakeDevice();
    FaultCounter faults;
    device.backend->Dma().SetFaultListener(&faults);
    std::vector<std::byte> memory(64);
    const HostSpan piece{.address = memory.data(), .num_bytes = memory.size()};
    const IovaAddress iova = device.backend->Dma().Map({.pieces = std::span(&piece, 1)}).value();
    const std::vector<std::byte> ones(64, std::byte{1});
    device.EnableCommand(pci::kCommandMemory);
    EXPECT_EQ(device.port().DmaWrite(iova, ones).error(), DmaError::kFault);
    EXPECT_EQ(faults.reasons, std::vector{IommuFaultReason::kBusMasterDisabled});
    EXPECT_EQ(memory[0], std::byte{0});
    device.EnableCommand(kAllAccess);
    EXPECT_TRUE(device.port().DmaWrite(iova, ones));
    EXPECT_EQ(memory, ones);
    device.backend->Dma().SetFaultListener(nullptr);
}

TEST(EmulatedPciBackend, FunctionReset_RestoresInitialRegistersAndTellsTheModel) {
    const auto device = MakeDevice();
    device.backend->WriteMemory(0, 0, W::k32, 5);
    ASSERT_TRUE(device.backend->Reset(PciResetKind::kFunction));
    EXPECT_EQ(device.model->num_resets, 1);
    EXPECT_EQ(device.backend->ReadConfig(pci::kCommand, W::k16), 0U);
    EXPECT_EQ(device.backend->ReadConfig(pci::kBar0, W::k32), 0U);
    EXPECT_EQ(device.backend->ReadMemory(0, 0, W::k32), 0xFFFFFFFFU);
    device.EnableCommand(pci::kCommandMemory);
    EXPECT_EQ(device.backend->ReadMemory(0, 0, W::k32), 0U);
}

TEST(EmulatedPciBackend, FlrBitInConfigurationSpace_ResetsAndReadsZero) {
    const auto device = MakeDevice();
    const uint32_t express = device.backend->ReadConfig(pci::kCapabilityPointer, W::k8);
    const uint32_t control = express + pci::kExpressDeviceControl;
    device.backend->WriteConfig(control, W::k16, 0x8000);
    EXPECT_EQ(device.model->num_resets, 1);
    EXPECT_EQ(device.backend->ReadConfig(control, W::k16) & 0x8000, 0U);
    device.backend->WriteConfig(control, W::k16, 0x7FFF);
    device.backend->WriteConfig(control, W::k8, 0x80);
    EXPECT_EQ(device.model->num_resets, 1);
    device.backend->WriteConfig(control + 1, W::k8, 0x80);
    EXPECT_EQ(device.model->num_resets, 2);
}

// semantics.md 6.8: a function reset without FLR is Unsupported.
TEST(EmulatedPciBackend, FunctionResetWithoutFlr_IsUnsupported) {
    const auto device = ScriptedDevice::Make(
        [](PciDeviceBuilder &b) { b.PciExpress({.function_level_reset = false}); });
    EXPECT_EQ(device.backend->Reset(PciResetKind::kFunction).error().code,
              BackendErrorCode::kUnsupported);
    EXPECT_TRUE(device.backend->Reset(PciResetKind::kHot));
}

struct RemovalCounter final : RemovalListener {
    void OnDeviceRemoved() override { ++count; }
    int count = 0;
};

TEST(EmulatedPciBackend, Unplug_GivesAllOnesEverywhereAndTellsOnce) {
    const auto device = MakeDevice();
    RemovalCounter removal;
    device.backend->SetRemovalListener(&removal);
    const auto ram = device.backend->MapDirect(1).value();
    std::vector<std::byte> memory(64);
    const HostSpan piece{.address = memory.data(), .num_bytes = memory.size()};
    const IovaAddress iova = device.backend->Dma().Map({.pieces = std::span(&piece, 1)}).value();
    device.backend->Unplug();
    device.backend->Unplug();
    EXPECT_EQ(removal.count, 1);
    EXPECT_FALSE(device.backend->IsPresent());
    EXPECT_EQ(device.backend->ReadConfig(0, W::k32), 0xFFFFFFFFU);
    EXPECT_EQ(device.backend->ReadMemory(0, 0, W::k32), 0xFFFFFFFFU);
    EXPECT_EQ(device.backend->ReadMemory(1, 0, W::k64), ~0ULL);
    EXPECT_EQ(ram.address[0x1234], std::byte{0xFF});
    EXPECT_EQ(device.port().DmaRead(iova, memory).error(), DmaError::kRemoved);
    EXPECT_EQ(device.backend->Reset(PciResetKind::kHot).error().code, BackendErrorCode::kRemoved);
    EXPECT_EQ(device.backend->MapDirect(1).error().code, BackendErrorCode::kRemoved);
    EXPECT_TRUE(device.backend->Dma().Unmap(iova, 64));
    RemovalCounter late;
    device.backend->SetRemovalListener(&late);
    EXPECT_EQ(late.count, 1);
    device.backend->SetRemovalListener(nullptr);
}

TEST(EmulatedPciBackend, ModelThatCannotBeDescribed_IsNotCreated) {
    auto model = std::make_unique<ScriptedModel>(
        [] { return PciDeviceBuilder(1, 2, 3).RegisterBar(0, 3).Build(); });
    EXPECT_EQ(EmulatedPciBackend::Create(std::move(model)).error().code,
              BackendErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace opendext::backends
