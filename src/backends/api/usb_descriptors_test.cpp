// SPDX-License-Identifier: Apache-2.0
#include "backends/api/usb_descriptors.h"

#include <gtest/gtest.h>

#include <initializer_list>

namespace opendext::backends {
namespace {

using Bytes = std::vector<std::byte>;

Bytes Make(std::initializer_list<int> values) {
    Bytes bytes;
    for (const int value : values) {
        bytes.push_back(static_cast<std::byte>(value));
    }
    return bytes;
}

Bytes Join(std::initializer_list<Bytes> parts) {
    Bytes bytes;
    for (const Bytes &part : parts) {
        bytes.insert(bytes.end(), part.begin(), part.end());
    }
    return bytes;
}

Bytes Device(int num_configurations = 1) {
    return Make({18, 1, 0x00, 0x02, 0xFF, 1, 2, 64, 0x09, 0x12, 0x34, 0x12, 0x21, 0x01, 1, 2, 3,
                 num_configurations});
}

Bytes Interface(int number, int alternate, int num_endpoints) {
    return Make({9, 4, number, alternate, num_endpoints, 0xFF, 7, 8, 4});
}

Bytes Endpoint(int address, int attributes, int max_packet, int interval = 0) {
    return Make({7, 5, address, attributes, max_packet & 0xFF, max_packet >> 8, interval});
}

// A configuration descriptor before `parts`, with the length of it all.
Bytes Configuration(std::initializer_list<Bytes> parts, int value = 1) {
    const Bytes rest = Join(parts);
    const int total = static_cast<int>(rest.size()) + 9;
    return Join({Make({9, 2, total & 0xFF, total >> 8, 1, value, 0, 0x80, 50}), rest});
}

std::string ErrorOf(const Bytes &configuration) {
    const auto read = ReadUsbConfiguration(configuration, 3);
    return read ? "" : read.error();
}

std::string ErrorOf(const Bytes &device, const std::vector<Bytes> &configurations,
                    const Bytes &capabilities = {}) {
    const auto read = ReadUsbDescriptors(device, configurations, capabilities);
    return read ? "" : read.error();
}

TEST(UsbDescriptors, DeviceDescriptor_IsRead) {
    const auto device = ReadUsbDeviceDescriptor(Device());
    ASSERT_TRUE(device.has_value()) << device.error();
    EXPECT_EQ(device->usb_version, 0x0200);
    EXPECT_EQ(device->device_class, 0xFF);
    EXPECT_EQ(device->device_subclass, 1);
    EXPECT_EQ(device->device_protocol, 2);
    EXPECT_EQ(device->max_packet_bytes0, 64);
    EXPECT_EQ(device->vendor, 0x1209);
    EXPECT_EQ(device->product, 0x1234);
    EXPECT_EQ(device->device_version, 0x0121);
    EXPECT_EQ(device->manufacturer_string, 1);
    EXPECT_EQ(device->product_string, 2);
    EXPECT_EQ(device->serial_string, 3);
    EXPECT_EQ(device->num_configurations, 1);
}

TEST(UsbDescriptors, BrokenDeviceDescriptor_NamesTheByte) {
    EXPECT_EQ(ErrorOf({}, {}), "device, byte 0: a device descriptor has 18 bytes, these are 0");
    Bytes device = Device();
    device[0] = std::byte{17};
    EXPECT_EQ(ErrorOf(device, {}),
              "device, byte 0: a device descriptor has 18 bytes, this one says 17");
    device = Device();
    device[1] = std::byte{2};
    EXPECT_EQ(ErrorOf(device, {}),
              "device, byte 1: a device descriptor has type 1, this one says 2");
    EXPECT_EQ(ErrorOf(Device(0), {}), "device, byte 17: the device has no configuration");
}

TEST(UsbDescriptors, Configuration_HasItsSettingsAndEndpoints) {
    const Bytes bytes =
        Configuration({Interface(0, 0, 0), Interface(0, 1, 1), Make({5, 0x24, 1, 2, 3}),
                       Endpoint(0x81, 1, 0x1400, 4), Interface(2, 0, 2), Endpoint(0x02, 2, 512),
                       Endpoint(0x82, 3, 0x0840, 9)},
                      7);
    const auto read = ReadUsbConfiguration(bytes, 0);
    ASSERT_TRUE(read.has_value()) << read.error();
    EXPECT_EQ(read->value, 7);
    EXPECT_EQ(read->attributes, 0x80);
    EXPECT_EQ(read->max_power, 50);
    EXPECT_EQ(read->bytes, bytes);
    EXPECT_EQ(read->InterfaceNumbers(), (std::vector<uint8_t>{0, 2}));
    ASSERT_EQ(read->settings.size(), 3U);
    EXPECT_EQ(read->Find(2, 1), nullptr);
    const UsbInterfaceSetting *setting = read->Find(0, 1);
    ASSERT_NE(setting, nullptr);
    EXPECT_EQ(setting->interface_class, 0xFF);
    EXPECT_EQ(setting->interface_subclass, 7);
    EXPECT_EQ(setting->interface_protocol, 8);
    EXPECT_EQ(setting->name_string, 4);
    EXPECT_EQ(setting->offset, 18U);
    const UsbEndpoint *endpoint = setting->Find({0x81});
    ASSERT_NE(endpoint, nullptr);
    EXPECT_EQ(endpoint->type, UsbTransferType::kIsochronous);
    EXPECT_EQ(endpoint->max_packet_bytes, 1024);
    EXPECT_EQ(endpoint->packets_per_frame, 3);
    EXPECT_EQ(endpoint->interval, 4);
    EXPECT_EQ(endpoint->offset, 32U);
    EXPECT_EQ(setting->Find({0x01}), nullptr);
    EXPECT_EQ(read->Find(2, 0)->Find({0x82})->packets_per_frame, 2);
    EXPECT_EQ(read->Find(2, 0)->Find({0x02})->packets_per_frame, 1);
}

TEST(UsbDescriptors, SuperSpeedCompanion_BelongsToTheEndpointBefore) {
    const auto read = ReadUsbConfiguration(
        Configuration({Interface(0, 0, 2), Endpoint(0x81, 2, 1024), Make({6, 48, 3, 4, 0, 0}),
                       Endpoint(0x02, 2, 1024), Make({6, 48, 200, 31, 0, 0})}),
        0);
    ASSERT_TRUE(read.has_value()) << read.error();
    EXPECT_EQ(read->settings[0].endpoints[0].packets_per_frame, 4);
    EXPECT_EQ(read->settings[0].endpoints[0].max_streams_log2, 4);
    // Values that the standard reserves count as the largest that it knows.
    EXPECT_EQ(read->settings[0].endpoints[1].packets_per_frame, 16);
    EXPECT_EQ(read->settings[0].endpoints[1].max_streams_log2, 16);
}

TEST(UsbDescriptors, BytesAfterTotalLength_AreDropped) {
    const Bytes bytes = Configuration({Interface(0, 0, 0)});
    const auto read = ReadUsbConfiguration(Join({bytes, Make({1, 2, 3})}), 0);
    ASSERT_TRUE(read.has_value()) << read.error();
    EXPECT_EQ(read->bytes, bytes);
}

TEST(UsbDescriptors, BrokenConfigurationHeader_NamesTheByte) {
    EXPECT_EQ(ErrorOf(Make({9, 2})),
              "configuration 3, byte 2: a configuration descriptor has 9 bytes, these are 2");
    Bytes bytes = Configuration({});
    bytes[1] = std::byte{4};
    EXPECT_EQ(ErrorOf(bytes),
              "configuration 3, byte 1: a configuration descriptor has type 2, this one says 4");
    bytes = Configuration({});
    bytes[0] = std::byte{8};
    EXPECT_EQ(ErrorOf(bytes),
              "configuration 3, byte 0: a configuration descriptor has 9 bytes, this one says 8");
    for (const int total : {0, 8, 10}) {
        bytes = Configuration({});
        bytes[2] = static_cast<std::byte>(total);
        EXPECT_EQ(ErrorOf(bytes), "configuration 3, byte 2: wTotalLength is " +
                                      std::to_string(total) + ", with 9 bytes there");
    }
    EXPECT_EQ(ErrorOf(Configuration({}, 0)),
              "configuration 3, byte 5: bConfigurationValue is 0, which means not configured");
}

TEST(UsbDescriptors, LengthsThatLoopOrLeave_NameTheByte) {
    EXPECT_EQ(ErrorOf(Configuration({Make({0, 4, 0, 0})})),
              "configuration 3, byte 9: a descriptor has 2 bytes, this one says 0");
    EXPECT_EQ(ErrorOf(Configuration({Make({1})})),
              "configuration 3, byte 9: 1 byte is left, too few for a descriptor");
    EXPECT_EQ(ErrorOf(Configuration({Make({5, 0x24, 1, 2})})),
              "configuration 3, byte 9: a descriptor of 5 bytes does not fit, 4 are left");
    EXPECT_EQ(ErrorOf(Configuration({Make({8, 4, 0, 0, 0, 0, 0, 0})})),
              "configuration 3, byte 9: an interface descriptor has 9 bytes, this one says 8");
    EXPECT_EQ(ErrorOf(Configuration({Interface(0, 0, 1), Make({3, 5, 0x81})})),
              "configuration 3, byte 18: an endpoint descriptor has 7 bytes, this one says 3");
    EXPECT_EQ(ErrorOf(Configuration({Interface(0, 0, 1), Endpoint(1, 2, 64), Make({2, 48})})),
              "configuration 3, byte 25: a SuperSpeed companion descriptor has 6 bytes, this one "
              "says 2");
}

TEST(UsbDescriptors, ImpossibleEndpointsAndSettings_NameTheByte) {
    EXPECT_EQ(ErrorOf(Configuration({Endpoint(0x81, 2, 64)})),
              "configuration 3, byte 9: an endpoint comes before any interface");
    EXPECT_EQ(ErrorOf(Configuration({Interface(0, 0, 1), Endpoint(0x80, 2, 64)})),
              "configuration 3, byte 20: endpoint 0 belongs to the device, not to an interface");
    EXPECT_EQ(
        ErrorOf(Configuration({Interface(4, 0, 2), Endpoint(0x81, 2, 64), Endpoint(0x81, 3, 64)})),
        "configuration 3, byte 27: endpoint 0x81 is there a second time in setting 0 of "
        "interface 4");
    EXPECT_EQ(ErrorOf(Configuration({Interface(4, 2, 0), Interface(4, 2, 0)})),
              "configuration 3, byte 18: setting 2 of interface 4 is there a second time");
}

TEST(UsbDescriptors, MissingEndpoints_NameTheInterface) {
    const std::string expected =
        "configuration 3, byte 13: setting 0 of interface 4 announces 2 endpoints, and 1 follow";
    EXPECT_EQ(ErrorOf(Configuration({Interface(4, 0, 2), Endpoint(0x81, 2, 64)})), expected);
    EXPECT_EQ(
        ErrorOf(Configuration({Interface(4, 0, 2), Endpoint(0x81, 2, 64), Interface(5, 0, 0)})),
        expected);
}

TEST(UsbDescriptors, Configurations_MustBeAsAnnouncedAndDiffer) {
    const Bytes one = Configuration({Interface(0, 0, 0)}, 1);
    const Bytes two = Configuration({Interface(0, 0, 0)}, 2);
    const auto read = ReadUsbDescriptors(Device(2), std::vector<Bytes>{one, two}, {});
    ASSERT_TRUE(read.has_value()) << read.error();
    EXPECT_EQ(read->device_bytes, Device(2));
    EXPECT_EQ(read->FindConfiguration(2), &read->configurations[1]);
    EXPECT_EQ(read->FindConfiguration(3), nullptr);
    EXPECT_EQ(ErrorOf(Device(2), {one}),
              "device, byte 17: 2 configurations are announced, and 1 are there");
    EXPECT_EQ(ErrorOf(Device(2), {one, one}),
              "configuration 1, byte 5: bConfigurationValue 1 is there already");
}

TEST(UsbDescriptors, Capabilities_AreWalked) {
    const Bytes one = Configuration({});
    const Bytes good = Make({5, 15, 12, 0, 1, 7, 16, 2, 0, 0, 0, 0});
    const auto read =
        ReadUsbDescriptors(Device(), std::vector<Bytes>{one}, Join({good, Make({9})}));
    ASSERT_TRUE(read.has_value()) << read.error();
    EXPECT_EQ(read->capabilities, good);
    EXPECT_EQ(ErrorOf(Device(), {one}, Make({5, 15, 12, 0, 1})),
              "capabilities, byte 2: wTotalLength is 12, with 5 bytes there");
    EXPECT_EQ(ErrorOf(Device(), {one}, Make({5, 15, 8, 0, 1, 0, 16, 2})),
              "capabilities, byte 5: a capability descriptor has 3 bytes, this one says 0");
    EXPECT_EQ(ErrorOf(Device(), {one}, Make({5, 15, 8, 0, 1, 3, 5, 2})),
              "capabilities, byte 6: a capability has type 16, this one says 5");
}

TEST(UsbDescriptors, EveryStatus_HasAName) {
    for (int status = 0; status <= static_cast<int>(UsbStatus::kUnderrun); ++status) {
        EXPECT_NE(NameOf(static_cast<UsbStatus>(status)), "unknown status") << status;
    }
}

}  // namespace
}  // namespace opendext::backends
