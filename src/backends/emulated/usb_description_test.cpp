// SPDX-License-Identifier: Apache-2.0
#include "backends/emulated/usb_description.h"

#include <gtest/gtest.h>

#include <array>

#include "backends/emulated/usb_string_text.h"

namespace opendext::backends {
namespace {

TEST(UsbDescription, Builder_FillsInLengthsCountsAndStrings) {
    const auto built = UsbDeviceBuilder(0x1209, 0x0001, UsbSpeed::kHigh)
                           .DeviceVersion(0x0203)
                           .DeviceClass(1, 2, 3)
                           .Strings("OpenDext", "", "0001")
                           .Configuration(1)
                           .Interface(0, 0, 0xFF, 4, 5, "Data")
                           .Bulk(0x01)
                           .Bulk(0x81, 256)
                           .Interface(0, 1, 0xFF, 4, 5)
                           .Isochronous(0x82, 1024, 1, 3)
                           .Interface(1, 0, 3, 0, 0)
                           .Interrupt(0x83, 8, 4)
                           .Configuration(7, 0xC0, 1)
                           .Build();
    ASSERT_TRUE(built.has_value()) << built.error().message;
    EXPECT_EQ(built->strings, (std::vector<std::string>{"OpenDext", "0001", "Data"}));
    const UsbDescriptors &descriptors = built->descriptors;
    EXPECT_EQ(descriptors.device.usb_version, 0x0200);
    EXPECT_EQ(descriptors.device.device_version, 0x0203);
    EXPECT_EQ(descriptors.device.device_protocol, 3);
    EXPECT_EQ(descriptors.device.manufacturer_string, 1);
    EXPECT_EQ(descriptors.device.product_string, 0);
    EXPECT_EQ(descriptors.device.serial_string, 2);
    ASSERT_EQ(descriptors.configurations.size(), 2U);
    const UsbConfiguration &first = descriptors.configurations[0];
    EXPECT_EQ(first.bytes[4], std::byte{2});  // interfaces
    EXPECT_EQ(first.Find(0, 0)->name_string, 3);
    EXPECT_EQ(first.Find(0, 0)->Find({0x01})->max_packet_bytes, 512);
    EXPECT_EQ(first.Find(0, 0)->Find({0x81})->max_packet_bytes, 256);
    EXPECT_EQ(first.Find(0, 1)->Find({0x82})->packets_per_frame, 3);
    EXPECT_EQ(first.Find(1, 0)->Find({0x83})->interval, 4);
    EXPECT_EQ(descriptors.configurations[1].value, 7);
    EXPECT_EQ(descriptors.configurations[1].attributes, 0xC0);
    EXPECT_TRUE(descriptors.capabilities.empty());
}

TEST(UsbDescription, SuperSpeed_GetsCompanionsAndCapabilities) {
    for (const UsbSpeed speed : {UsbSpeed::kSuper, UsbSpeed::kSuperPlus}) {
        const auto built = UsbDeviceBuilder(1, 2, speed)
                               .Configuration(1)
                               .Interface(0, 0, 0xFF, 0, 0)
                               .Bulk(0x81, 0, 5)
                               .Isochronous(0x82, 1024, 1, 3)
                               .Build();
        ASSERT_TRUE(built.has_value()) << built.error().message;
        EXPECT_EQ(built->descriptors.device.max_packet_bytes0, 9);
        const UsbInterfaceSetting &setting = built->descriptors.configurations[0].settings[0];
        EXPECT_EQ(setting.Find({0x81})->max_streams_log2, 5);
        EXPECT_EQ(setting.Find({0x81})->max_packet_bytes, 1024);
        EXPECT_EQ(setting.Find({0x82})->packets_per_frame, 3);
        EXPECT_FALSE(built->descriptors.capabilities.empty());
    }
}

TEST(UsbDescription, AnyDescriptor_StandsWhereItWasAdded) {
    const std::array<std::byte, 3> extra = {std::byte{3}, std::byte{0x24}, std::byte{9}};
    const auto built = UsbDeviceBuilder(1, 2, UsbSpeed::kFull)
                           .Configuration(1)
                           .Interface(0, 0, 2, 0, 0)
                           .Descriptor(extra)
                           .Bulk(0x81)
                           .Build();
    ASSERT_TRUE(built.has_value()) << built.error().message;
    EXPECT_EQ(built->descriptors.configurations[0].bytes[19], std::byte{0x24});
    EXPECT_EQ(built->descriptors.configurations[0].settings[0].endpoints[0].offset, 21U);
}

TEST(UsbDescription, MistakesOfTheDescription_AreNamed) {
    const auto error_of = [](const UsbDeviceBuilder &builder) {
        const auto built = builder.Build();
        return built ? std::string() : built.error().message;
    };
    const UsbDeviceBuilder plain(1, 2, UsbSpeed::kHigh);
    EXPECT_EQ(error_of(plain),
              "USB device description: device, byte 17: the device has no configuration");
    EXPECT_EQ(error_of(UsbDeviceBuilder(plain).Interface(3, 0, 0, 0, 0)),
              "USB device description: interface 3 comes before any configuration");
    EXPECT_EQ(error_of(UsbDeviceBuilder(plain).Configuration(1).Bulk(0x81)),
              "USB device description: endpoint 0x81 comes before any interface");
    EXPECT_EQ(
        error_of(
            UsbDeviceBuilder(plain).Configuration(1).Interface(0, 0, 0, 0, 0).Bulk(0x81, 512, 4)),
        "USB device description: endpoint 0x81: streams are of SuperSpeed");
    EXPECT_EQ(error_of(UsbDeviceBuilder(plain).Strings(std::string(127, 'x'), "", "")),
              "USB device description: a device has at most 255 strings of at most 126 UTF-16 "
              "units");
    EXPECT_EQ(
        error_of(
            UsbDeviceBuilder(plain).Configuration(1).Interface(0, 0, 0, 0, 0).Bulk(0x81).Bulk(0x81)),
        "USB device description: configuration 0, byte 27: endpoint 0x81 is there a second "
        "time in setting 0 of interface 0");
}

TEST(UsbStringText, Utf8_BecomesUtf16) {
    EXPECT_EQ(Utf16Of("a\u00e9\u20ac\U0001F600"), u"a\u00e9\u20ac\U0001F600");
    EXPECT_EQ(Utf16Of(""), u"");
}

TEST(UsbStringText, BytesThatAreNoUtf8_BecomeReplacements) {
    EXPECT_EQ(Utf16Of("\x80z"), u"\uFFFDz");
    EXPECT_EQ(Utf16Of("\xC3"), u"\uFFFD");
    EXPECT_EQ(Utf16Of("\xC0\xAF"), u"\uFFFD\uFFFD");
    EXPECT_EQ(Utf16Of("\xED\xA0\x80"), u"\uFFFD\uFFFD\uFFFD");
}

}  // namespace
}  // namespace opendext::backends
