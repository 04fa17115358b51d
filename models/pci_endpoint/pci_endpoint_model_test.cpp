// SPDX-License-Identifier: Apache-2.0
#include "models/pci_endpoint/pci_endpoint_model.h"

#include <gtest/gtest.h>

#include "backends/emulated/emulated_pci_backend.h"
#include "models/catalog.h"

namespace opendext::models {
namespace {

using namespace backends;
using W = AccessWidth;

std::unique_ptr<EmulatedPciBackend> PlugIn(const std::string &options) {
    auto model = CreateModel("model:pci-endpoint" + options);
    EXPECT_TRUE(model.has_value()) << model.error();
    auto backend = EmulatedPciBackend::Create(std::move(*model));
    EXPECT_TRUE(backend.has_value());
    (*backend)->WriteConfig(pci::kCommand, W::k16,
                            pci::kCommandMemory | pci::kCommandBusMaster | pci::kCommandIo);
    return std::move(*backend);
}

// Why a slot refuses it.
std::string RefusalOf(const std::string &options) {
    auto model = CreateModel("pci-endpoint," + options);
    if (!model) {
        return model.error();
    }
    const auto backend = EmulatedPciBackend::Create(std::move(*model));
    return backend ? "" : backend.error().message;
}

TEST(BarOption, Form_IsASizeAndAKind) {
    EXPECT_EQ(ParseBarOption("4096"), BarOption{.num_bytes = 4096});
    EXPECT_EQ(ParseBarOption("16m/32p"),
              (BarOption{.num_bytes = 16 << 20, .kind = BarKind::kMemory32Prefetchable}));
    EXPECT_EQ(ParseBarOption("1g/64p"),
              (BarOption{.num_bytes = 1 << 30, .kind = BarKind::kMemory64Prefetchable}));
    EXPECT_EQ(ParseBarOption("64/io"), (BarOption{.num_bytes = 64, .kind = BarKind::kIo}));
    for (const char *bad : {"", "k", "4x", "4kk", "4k/", "4k/16", "-1", "4 k", "99999999999g",
                            "99999999999999999999"}) {
        EXPECT_FALSE(ParseBarOption(bad).has_value()) << bad;
    }
}

TEST(PciEndpointModel, Function_IsWhatItsOptionsSay) {
    const auto backend = PlugIn(
        ",vendor=0x10de,device=0x2684,class=0x030000,revision=0xa1,subvendor=0x1462,"
        "subdevice=0x5103,speed=4,width=16,serial=0x1234567890,bar0=16m,bar1=256m/64p,"
        "bar3=32m/64p,bar5=128/io,rom-kib=512,msi=2");
    EXPECT_EQ(backend->ReadConfig(pci::kVendorId, W::k32), 0x268410DEU);
    EXPECT_EQ(backend->ReadConfig(pci::kRevisionId, W::k32), 0x030000A1U);
    EXPECT_EQ(backend->ReadConfig(pci::kSubsystemVendorId, W::k32), 0x51031462U);
    const auto ranges = backend->MemoryRanges();
    ASSERT_EQ(ranges.size(), 5U);
    EXPECT_EQ(ranges[1].num_bytes, 256U << 20);
    EXPECT_EQ(ranges[1].kind, BarKind::kMemory64Prefetchable);
    EXPECT_EQ(ranges[3].bar_index, 5);
    EXPECT_TRUE(backend->AllocateVectors(InterruptKind::kMsi, 2));
    EXPECT_TRUE(backend->Reset(PciResetKind::kFunction));
}

TEST(PciEndpointModel, Bars_KeepWhatIsWritten) {
    const auto backend = PlugIn(",bar0=4k,bar2=256/io");
    backend->WriteMemory(0, 0xFF8, W::k64, 0x1122334455667788);
    EXPECT_EQ(backend->ReadMemory(0, 0xFFC, W::k16), 0x3344U);
    backend->WriteMemory(1, 0xFC, W::k32, 0xCAFE0123);
    EXPECT_EQ(backend->ReadMemory(1, 0xFE, W::k16), 0xCAFEU);
    ASSERT_TRUE(backend->Reset(PciResetKind::kFunction));
    backend->WriteConfig(pci::kCommand, W::k16, pci::kCommandMemory);
    EXPECT_EQ(backend->ReadMemory(0, 0xFF8, W::k64), 0x1122334455667788U);
}

TEST(PciEndpointModel, Rom_SaysWhoseItIs) {
    const auto backend = PlugIn(",rom-kib=2,class=0x030000");
    const uint32_t rom = static_cast<uint32_t>(backend->MemoryRanges().size()) - 1;
    backend->WriteConfig(pci::kExpansionRom, W::k32, 1);
    EXPECT_EQ(backend->ReadMemory(rom, 0, W::k16), 0xAA55U);
    const uint64_t data = backend->ReadMemory(rom, 0x18, W::k16);
    EXPECT_EQ(backend->ReadMemory(rom, data, W::k32), 0x52494350U);  // "PCIR"
    EXPECT_EQ(backend->ReadMemory(rom, data + 4, W::k32), 0x0E9D1234U);
    EXPECT_EQ(backend->ReadMemory(rom, data + 0x0F, W::k8), 0x03U);
}

TEST(PciEndpointModel, CapabilitiesThatAreOff_AreNotThere) {
    const auto backend = PlugIn(",msi=0,flr=no");
    EXPECT_FALSE(backend->AllocateVectors(InterruptKind::kMsi, 1));
    EXPECT_FALSE(backend->Reset(PciResetKind::kFunction));
    EXPECT_TRUE(backend->Reset(PciResetKind::kHot));
}

TEST(PciEndpointModel, ImpossibleFunction_IsRefusedWithTheReason) {
    EXPECT_NE(RefusalOf("bar0=5000").find("BAR 0"), std::string::npos);
    EXPECT_NE(RefusalOf("bar5=1m/64").find("BAR 5"), std::string::npos);
    EXPECT_NE(RefusalOf("bar0=1m/64,bar1=4k").find("BAR 1"), std::string::npos);
    EXPECT_NE(RefusalOf("bar0=512/io").find("BAR 0"), std::string::npos);
    EXPECT_NE(RefusalOf("bar0=big").find("like bar0=16m/64p"), std::string::npos);
    EXPECT_NE(RefusalOf("msi=3").find("msi=1"), std::string::npos);
    EXPECT_NE(RefusalOf("speed=6").find("1 to 5"), std::string::npos);
}

}  // namespace
}  // namespace opendext::models
