// SPDX-License-Identifier: Apache-2.0
#include "models/catalog.h"

#include <gtest/gtest.h>

#include "backends/emulated/emulated_pci_backend.h"
#include "backends/emulated/model_usb_wire.h"

namespace opendext::models {
namespace {

std::string ErrorOf(std::string_view specification) {
    const auto model = CreateModel(specification);
    return model ? "" : model.error();
}

std::string UsbErrorOf(std::string_view specification) {
    const auto model = CreateUsbModel(specification);
    return model ? "" : model.error();
}

template <typename Result>
void ExpectNamed(const Result &model, std::string_view name) {
    ASSERT_TRUE(model.has_value()) << model.error();
    EXPECT_EQ((*model)->Name(), name);
}

TEST(Catalog, EveryKnownModel_CanBePluggedIn) {
    for (const ModelSummary &summary : KnownModels()) {
        EXPECT_EQ(FindModelBus(summary.name), summary.bus);
        if (summary.bus == ModelBus::kPci) {
            auto model = CreateModel(summary.name);
            ExpectNamed(model, summary.name);
            EXPECT_TRUE(backends::EmulatedPciBackend::Create(std::move(*model)).has_value());
        } else {
            auto model = CreateUsbModel(summary.name);
            ExpectNamed(model, summary.name);
            EXPECT_TRUE(backends::ModelUsbWire::Create(std::move(*model)).has_value());
        }
    }
}

TEST(Catalog, ModelOfTheOtherBus_IsNamedAsSuch) {
    EXPECT_EQ(ErrorOf("model:usb-loopback"),
              "model usb-loopback is a USB device, and a PCI device is wanted here");
    EXPECT_EQ(UsbErrorOf("fpga-dma"),
              "model fpga-dma is a PCI device, and a USB device is wanted here");
}

TEST(Catalog, OptionsAndPrefix_AreUnderstood) {
    auto model = CreateModel("model:fpga-dma,ram-mib=2");
    ASSERT_TRUE(model.has_value()) << model.error();
    const auto backend = backends::EmulatedPciBackend::Create(std::move(*model)).value();
    EXPECT_EQ(backend->MemoryRanges()[1].num_bytes, 2U << 20);
}

TEST(Catalog, UnknownModel_ListsTheKnownOnes) {
    EXPECT_NE(ErrorOf("fpga-dam").find("model:fpga-dma"), std::string::npos);
    EXPECT_NE(ErrorOf("").find("model:fpga-dma"), std::string::npos);
    EXPECT_NE(UsbErrorOf("usb-loop").find("model:usb-loopback"), std::string::npos);
    EXPECT_FALSE(FindModelBus("usb-loop").has_value());
}

TEST(Catalog, BadOptions_NameTheFix) {
    EXPECT_NE(ErrorOf("fpga-dma,speed=9").find("ram-mib"), std::string::npos);
    for (const char *bad : {"ram-mib=3", "ram-mib=0", "ram-mib=", "ram-mib", "ram-mib=-1",
                            "ram-mib=8192", "ram-mib=1x"}) {
        EXPECT_NE(ErrorOf(std::string("fpga-dma,") + bad).find("ram-mib=128"), std::string::npos)
            << bad;
    }
}

TEST(Catalog, IdsOfAProduct_AreTheModels) {
    const auto model = CreateUsbModel("usb-loopback,vendor=0x0781,product=21808,bcd=0xeeee");
    ASSERT_TRUE(model.has_value());
    const auto description = (*model)->Describe();
    ASSERT_TRUE(description.has_value());
    EXPECT_EQ(description->descriptors.device.vendor, 0x0781);
    EXPECT_EQ(description->descriptors.device.product, 0x5530);
    EXPECT_EQ(description->descriptors.device.device_version, 0xEEEE);
    EXPECT_NE(UsbErrorOf("usb-loopback,vendor=0").find("1 to 65535"), std::string::npos);
    EXPECT_NE(UsbErrorOf("usb-loopback,vendor=0x").find("vendor"), std::string::npos);
}

TEST(Catalog, UsbOptions_AreUnderstood) {
    EXPECT_EQ(UsbErrorOf("model:usb-loopback,speed=super,class=composite,fifo-kib=0,tick-ms=5"),
              "");
    EXPECT_EQ(UsbErrorOf("usb-firmware,speed=full,rate-kib=100,heartbeat-ms=1"), "");
    EXPECT_EQ(UsbErrorOf("usb-loopback,speed=warp"),
              "model usb-loopback: speed is 'warp'; it takes one of high, full, super, like "
              "speed=high");
    EXPECT_EQ(UsbErrorOf("usb-firmware,heartbeat-ms=0"),
              "model usb-firmware: heartbeat-ms is '0'; it takes a number from 1 to 60000, like "
              "heartbeat-ms=100");
    EXPECT_NE(UsbErrorOf("usb-firmware,ram-mib=1")
                  .find("model usb-firmware has no option "
                        "'ram-mib'; it has speed=high"),
              std::string::npos);
}

}  // namespace
}  // namespace opendext::models
