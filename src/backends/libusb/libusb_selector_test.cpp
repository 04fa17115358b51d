// SPDX-License-Identifier: Apache-2.0
#include "backends/libusb/libusb_selector.h"

#include <gtest/gtest.h>

namespace opendext::backends {
namespace {

TEST(LibusbSelector, Numbers_AreHexadecimal) {
    const auto selector = ParseLibusbSelector("libusb:46f4:1");
    ASSERT_TRUE(selector.has_value());
    EXPECT_EQ(*selector, (LibusbSelector{.vendor = 0x46f4, .product = 1}));
    EXPECT_EQ(Describe(*selector), "libusb:46f4:0001");
}

TEST(LibusbSelector, Options_AreReadInAnyOrder) {
    const auto selector = ParseLibusbSelector("libusb:0403:6001,serial=A 1,port=1.12.3,bus=2");
    ASSERT_TRUE(selector.has_value());
    EXPECT_EQ(
        *selector,
        (LibusbSelector{
            .vendor = 0x403, .product = 0x6001, .bus = 2, .ports = {1, 12, 3}, .serial = "A 1"}));
    EXPECT_EQ(Describe(*selector), "libusb:0403:6001,bus=2,port=1.12.3,serial=A 1");
}

TEST(LibusbSelector, Mistakes_AreNamed) {
    for (const char *text :
         {"usb:1:2", "libusb:", "libusb:46f4", "libusb:46f4:", "libusb:46f4:10000", "libusb:0x1:2",
          "libusb:1:2:3", "libusb: 1:2", "libusb:1:2,", "libusb:1:2,,bus=1", "libusb:1:2,bus",
          "libusb:1:2,bus=", "libusb:1:2,bus=256", "libusb:1:2,port=1..2", "libusb:1:2,port=0",
          "libusb:1:2,port=1.2.3.4.5.6.7.8", "libusb:1:2,speed=high", "libusb:1:2,serial="}) {
        const auto selector = ParseLibusbSelector(text);
        if (std::string_view(text) == "libusb:1:2,") {
            EXPECT_TRUE(selector.has_value()) << "a comma at the end is nothing";
            continue;
        }
        ASSERT_FALSE(selector.has_value()) << text;
        EXPECT_NE(selector.error().find(text), std::string::npos) << selector.error();
    }
}

TEST(LibusbSelector, WhatIsGiven_MustMatch) {
    const LibusbPlace place{.vendor = 1, .product = 2, .bus = 3, .ports = {4, 5}};
    EXPECT_TRUE(Matches({.vendor = 1, .product = 2}, place));
    EXPECT_TRUE(Matches({.vendor = 1, .product = 2, .bus = 3, .ports = {4, 5}}, place));
    EXPECT_FALSE(Matches({.vendor = 2, .product = 2}, place));
    EXPECT_FALSE(Matches({.vendor = 1, .product = 1}, place));
    EXPECT_FALSE(Matches({.vendor = 1, .product = 2, .bus = 4}, place));
    EXPECT_FALSE(Matches({.vendor = 1, .product = 2, .ports = {4}}, place));
}

TEST(LibusbSelector, Location_HasBusAndPortsFromTheTop) {
    EXPECT_EQ(LocationOf({.bus = 0x14, .ports = {1, 2}}), 0x14120000U);
    EXPECT_EQ(LocationOf({.bus = 1, .ports = {}}), 0x01000000U);
    EXPECT_EQ(LocationOf({.bus = 1, .ports = {1, 2, 3, 4, 5, 6, 7}}), 0x01123456U);
    EXPECT_EQ(LocationOf({.bus = 1, .ports = {26}}), 0x01F00000U);
}

}  // namespace
}  // namespace opendext::backends
