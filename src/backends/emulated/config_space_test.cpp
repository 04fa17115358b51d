// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <array>

#include "backends/api/pci_identity.h"
#include "backends/emulated/scripted_model.h"

namespace opendext::backends {
namespace {

using W = AccessWidth;

std::vector<uint32_t> CapabilityIds(PciBackend &backend) {
    std::vector<uint32_t> ids;
    uint32_t offset = backend.ReadConfig(pci::kCapabilityPointer, W::k8);
    for (int limit = 0; offset != 0 && limit < 48; ++limit) {
        ids.push_back(backend.ReadConfig(offset, W::k8));
        offset = backend.ReadConfig(offset + 1, W::k8);
    }
    return ids;
}

ScriptedDevice MakePlain() {
    return ScriptedDevice::Make([](PciDeviceBuilder &b) { b.RegisterBar(0, 0x1000); });
}

TEST(ConfigSpace, IdentityIsReadAtEveryWidth) {
    const auto device =
        ScriptedDevice::Make([](PciDeviceBuilder &b) { b.Revision(7).Subsystem(0xAAAA, 0xBBBB); });
    EXPECT_EQ(device.backend->ReadConfig(0, W::k32), 0x56781234U);
    EXPECT_EQ(device.backend->ReadConfig(1, W::k8), 0x12U);
    EXPECT_EQ(device.backend->ReadConfig(1, W::k16), 0x7812U);
    EXPECT_EQ(device.backend->ReadConfig(pci::kRevisionId, W::k32), 0x00FF0007U);
    EXPECT_EQ(device.backend->ReadConfig(pci::kSubsystemVendorId, W::k32), 0xBBBBAAAAU);
}

TEST(ConfigSpace, ReadOnlyRegisters_IgnoreWrites) {
    const auto device = MakePlain();
    device.backend->WriteConfig(0, W::k32, 0xFFFFFFFF);
    device.backend->WriteConfig(pci::kRevisionId, W::k32, 0xFFFFFFFF);
    EXPECT_EQ(device.backend->ReadConfig(0, W::k32), 0x56781234U);
    EXPECT_EQ(device.backend->ReadConfig(pci::kRevisionId, W::k32), 0x00FF0000U);
}

TEST(ConfigSpace, CommandRegister_KeepsOnlyItsWritableBits) {
    const auto device = MakePlain();
    EXPECT_EQ(device.backend->ReadConfig(pci::kCommand, W::k16), 0U);
    device.backend->WriteConfig(pci::kCommand, W::k16, 0xFFFF);
    EXPECT_EQ(device.backend->ReadConfig(pci::kCommand, W::k16), pci::kCommandWritable);
}

// semantics.md 6.2: beyond 0x1000 - size is all ones of the width, and writes are dropped.
TEST(ConfigSpace, AccessAcrossTheEnd_ReadsAllOnes) {
    const auto device = MakePlain();
    EXPECT_EQ(device.backend->ReadConfig(0xFFF, W::k8), 0U);
    EXPECT_EQ(device.backend->ReadConfig(0xFFF, W::k16), 0xFFFFU);
    EXPECT_EQ(device.backend->ReadConfig(0xFFD, W::k32), 0xFFFFFFFFU);
    EXPECT_EQ(device.backend->ReadConfig(0xFFFFFFFF, W::k32), 0xFFFFFFFFU);
    device.backend->WriteConfig(0xFFFFFFFF, W::k32, 0);
}

TEST(ConfigSpace, BarSizing_ShowsSizeAndKind) {
    const auto device = ScriptedDevice::Make([](PciDeviceBuilder &b) {
        b.RegisterBar(0, 0x10000).RamBar(2, 1ULL << 20).RegisterBar(4, 64, BarKind::kIo);
    });
    const auto size = [&](uint32_t bar) {
        device.backend->WriteConfig(pci::kBar0 + 4 * bar, W::k32, 0xFFFFFFFF);
        return device.backend->ReadConfig(pci::kBar0 + 4 * bar, W::k32);
    };
    EXPECT_EQ(size(0), 0xFFFF0000U);
    EXPECT_EQ(size(1), 0U);
    EXPECT_EQ(size(2), 0xFFF0000CU);
    EXPECT_EQ(size(3), 0xFFFFFFFFU);
    EXPECT_EQ(size(4), 0xFFFFFFC1U);
    EXPECT_EQ(size(5), 0U);
}

TEST(ConfigSpace, BarSizing_OfLarge64BitBarReachesTheUpperHalf) {
    const auto device = ScriptedDevice::Make(
        [](PciDeviceBuilder &b) { b.RegisterBar(0, 1ULL << 34, BarKind::kMemory64); });
    device.backend->WriteConfig(pci::kBar0, W::k32, 0xFFFFFFFF);
    device.backend->WriteConfig(pci::kBar0 + 4, W::k32, 0xFFFFFFFF);
    EXPECT_EQ(device.backend->ReadConfig(pci::kBar0, W::k32), 0x00000004U);
    EXPECT_EQ(device.backend->ReadConfig(pci::kBar0 + 4, W::k32), 0xFFFFFFFCU);
}

TEST(ConfigSpace, FirmwareAssignsAlignedBarAddresses) {
    const auto device = ScriptedDevice::Make(
        [](PciDeviceBuilder &b) { b.RegisterBar(0, 16).RegisterBar(1, 0x10000); });
    const uint32_t first = device.backend->ReadConfig(pci::kBar0, W::k32);
    const uint32_t second = device.backend->ReadConfig(pci::kBar0 + 4, W::k32);
    EXPECT_NE(first, 0U);
    EXPECT_EQ(second % 0x10000, 0U);
    EXPECT_GE(second, first + 16);
}

TEST(ConfigSpace, CapabilityWalk_FindsAllInOrderOfTheBuilder) {
    const std::array<std::byte, 5> vendor{std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4},
                                          std::byte{5}};
    const auto device = ScriptedDevice::Make([&](PciDeviceBuilder &b) {
        b.RegisterBar(0, 0x4000)
            .PowerManagement()
            .Msi({.num_vectors = 8})
            .PciExpress()
            .VendorSpecific(vendor)
            .Msix({.num_vectors = 3,
                   .bar_index = 0,
                   .table_offset = 0x2000,
                   .pending_offset = 0x3000});
    });
    EXPECT_EQ(CapabilityIds(*device.backend),
              (std::vector<uint32_t>{0x01, 0x05, 0x10, 0x09, 0x11}));
    EXPECT_NE(device.backend->ReadConfig(pci::kStatus, W::k16) & pci::kStatusCapabilityList, 0U);
}

TEST(ConfigSpace, NoCapabilities_LeavesTheStatusBitClear) {
    const auto device = MakePlain();
    EXPECT_TRUE(CapabilityIds(*device.backend).empty());
    EXPECT_EQ(device.backend->ReadConfig(pci::kStatus, W::k16) & pci::kStatusCapabilityList, 0U);
}

TEST(ConfigSpace, ExtendedCapabilities_AreLinkedFrom0x100) {
    const auto device = ScriptedDevice::Make([](PciDeviceBuilder &b) {
        const std::array<std::byte, 8> body{};
        b.PciExpress().SerialNumber(0x1122334455667788).ExtendedCapability(0x000B, 1, body);
    });
    const uint32_t first = device.backend->ReadConfig(0x100, W::k32);
    EXPECT_EQ(first & 0xFFFFF, 0x10003U);
    EXPECT_EQ(device.backend->ReadConfig(0x104, W::k32), 0x55667788U);
    EXPECT_EQ(device.backend->ReadConfig(0x108, W::k32), 0x11223344U);
    const uint32_t second = device.backend->ReadConfig(first >> 20, W::k32);
    EXPECT_EQ(second, 0x0001000BU);
}

TEST(ConfigSpace, MsixCapability_NamesTableAndPendingBits) {
    const auto device = ScriptedDevice::Make([](PciDeviceBuilder &b) {
        b.RegisterBar(2, 0x4000).Msix(
            {.num_vectors = 5, .bar_index = 2, .table_offset = 0x2000, .pending_offset = 0x3000});
    });
    const uint32_t offset = device.backend->ReadConfig(pci::kCapabilityPointer, W::k8);
    EXPECT_EQ(device.backend->ReadConfig(offset + 2, W::k16), 4U);
    EXPECT_EQ(device.backend->ReadConfig(offset + 4, W::k32), 0x2002U);
    EXPECT_EQ(device.backend->ReadConfig(offset + 8, W::k32), 0x3002U);
}

TEST(PciDeviceBuilder, FirstMistakeComesOutOfBuild) {
    const auto code = [](PciDeviceBuilder &b) {
        const auto built = b.Build();
        return built ? std::string("ok") : built.error().message;
    };
    PciDeviceBuilder twice(1, 2, 3);
    EXPECT_NE(code(twice.RamBar(0, 0x1000).RegisterBar(1, 16)).find("BAR 1 is used twice"),
              std::string::npos);
    PciDeviceBuilder crooked(1, 2, 3);
    EXPECT_NE(code(crooked.RegisterBar(0, 48)).find("48 bytes"), std::string::npos);
    PciDeviceBuilder overlap(1, 2, 3);
    overlap.RegisterBar(0, 0x1000).Msix(
        {.num_vectors = 8, .bar_index = 0, .table_offset = 0, .pending_offset = 0x40});
    EXPECT_NE(code(overlap).find("MSI-X table"), std::string::npos);
    PciDeviceBuilder last_half(1, 2, 3);
    EXPECT_NE(code(last_half.RegisterBar(5, 16, BarKind::kMemory64)).find("BAR 5"),
              std::string::npos);
    PciDeviceBuilder no_express(1, 2, 3);
    EXPECT_NE(code(no_express.SerialNumber(1)).find("PciExpress"), std::string::npos);
}

TEST(PciDeviceBuilder, CapabilitiesThatDoNotFit_AreRefused) {
    PciDeviceBuilder builder(1, 2, 3);
    const std::vector<std::byte> body(150);
    builder.VendorSpecific(body).VendorSpecific(body);
    EXPECT_FALSE(builder.Build().has_value());
}

// semantics.md 6.10: the properties of a device's registry entry.
TEST(PciIdentity, PropertiesAreLittleEndianData) {
    const auto device =
        ScriptedDevice::Make([](PciDeviceBuilder &b) { b.Revision(9).Subsystem(0x1AF4, 0x1100); });
    const auto properties = PciIdentityProperties(*device.backend);
    using Data = PropertyValue::Data;
    EXPECT_EQ(properties.at("vendor-id"), PropertyValue(Data{0x34, 0x12, 0, 0}));
    EXPECT_EQ(properties.at("device-id"), PropertyValue(Data{0x78, 0x56, 0, 0}));
    EXPECT_EQ(properties.at("revision-id"), PropertyValue(Data{9, 0, 0, 0}));
    EXPECT_EQ(properties.at("class-code"), PropertyValue(Data{0x00, 0xFF, 0x00, 0}));
    EXPECT_EQ(properties.at("subsystem-vendor-id"), PropertyValue(Data{0xF4, 0x1A, 0, 0}));
    EXPECT_EQ(properties.at("subsystem-id"), PropertyValue(Data{0x00, 0x11, 0, 0}));
    EXPECT_EQ(properties.at("IOName"), PropertyValue("pci1234,5678"));
    EXPECT_EQ(properties.at("pcidebug"), PropertyValue("0:4:0"));
    const Data &compatible = *properties.at("compatible").IfData();
    EXPECT_EQ(std::string(compatible.begin(), compatible.end()),
              std::string("pci1af4,1100\0pci1234,5678\0pciclass,00ff00\0", 42));
}

}  // namespace
}  // namespace opendext::backends
