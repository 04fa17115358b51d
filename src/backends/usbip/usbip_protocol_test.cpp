// SPDX-License-Identifier: Apache-2.0
#include "backends/usbip/usbip_protocol.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace opendext::backends {
namespace {

using ::testing::HasSubstr;
using Bytes = std::vector<std::byte>;

template <size_t kSize>
std::span<const std::byte, kSize> Fixed(const Bytes &bytes) {
    EXPECT_EQ(bytes.size(), kSize);
    return std::span<const std::byte, kSize>(bytes);
}

Bytes FromNumbers(std::initializer_list<int> numbers) {
    Bytes bytes;
    for (const int number : numbers) {
        bytes.push_back(static_cast<std::byte>(number));
    }
    return bytes;
}

template <typename Message>
Bytes Encoded(const Message &message) {
    Bytes bytes;
    EncodeUsbip(message, bytes);
    return bytes;
}

void PutBig(Bytes &bytes, size_t offset, uint32_t value) {
    for (size_t i = 0; i < 4; ++i) {
        bytes[offset + i] = static_cast<std::byte>(value >> (24 - 8 * i));
    }
}

const UsbipDevice kDevice{.path = "/sys/devices/usb1/1-1",
                          .bus_id = "1-1",
                          .bus = 1,
                          .address = 5,
                          .speed = UsbSpeed::kSuper,
                          .vendor = 0x1209,
                          .product = 0x0001,
                          .version = 0x0100,
                          .device_class = 0xEF,
                          .device_subclass = 2,
                          .device_protocol = 1,
                          .configuration = 1,
                          .num_configurations = 1,
                          .num_interfaces = 2};

TEST(UsbipProtocol, ImportRequest_IsAsTheProtocolSays) {
    Bytes bytes = Encoded(UsbipOperation{.code = UsbipOperationCode::kImportRequest});
    EncodeUsbipBusId("1-1", bytes);
    Bytes expected = FromNumbers({0x01, 0x11, 0x80, 0x03, 0, 0, 0, 0, '1', '-', '1'});
    expected.resize(40);
    EXPECT_EQ(bytes, expected);
}

TEST(UsbipProtocol, Device_SurvivesTheTrip) {
    const Bytes bytes = Encoded(kDevice);
    const auto device = DecodeUsbipDevice(Fixed<kUsbipDeviceBytes>(bytes));
    ASSERT_TRUE(device) << device.error();
    EXPECT_EQ(*device, kDevice);
    EXPECT_EQ(device->device_id(), 0x10005U);
}

TEST(UsbipProtocol, Submit_IsAsTheProtocolSays) {
    const UsbipSubmit submit{
        .to = {.seqnum = 0x0D05, .device_id = 0x1000F, .is_in = true, .endpoint = 1},
        .flags = 0x200,
        .num_bytes = 0x40,
        .interval = 4};
    Bytes expected =
        FromNumbers({0, 0, 0, 1, 0, 0, 0x0D, 0x05, 0, 1, 0, 0x0F, 0, 0, 0, 1, 0, 0, 0, 1,
                     0, 0, 2, 0, 0, 0, 0,    0x40, 0, 0, 0, 0,    0, 0, 0, 0, 0, 0, 0, 4});
    expected.resize(48);
    EXPECT_EQ(Encoded(submit), expected);
    const auto decoded = DecodeUsbipCommand(Fixed<kUsbipHeaderBytes>(expected));
    ASSERT_TRUE(decoded) << decoded.error();
    EXPECT_EQ(std::get<UsbipSubmit>(*decoded), submit);
}

TEST(UsbipProtocol, Replies_SurviveTheTrip) {
    const UsbipSubmitReply reply{.from = {.seqnum = 7},
                                 .status = -EPIPE,
                                 .num_bytes = 512,
                                 .start_frame = 3,
                                 .num_frames = 2,
                                 .num_errors = 1};
    const Bytes bytes = Encoded(reply);
    const auto decoded = DecodeUsbipReply(Fixed<kUsbipHeaderBytes>(bytes));
    ASSERT_TRUE(decoded) << decoded.error();
    EXPECT_EQ(std::get<UsbipSubmitReply>(*decoded), reply);

    const UsbipUnlinkReply unlinked{.from = {.seqnum = 8}, .status = -ECONNRESET};
    const Bytes unlinked_bytes = Encoded(unlinked);
    const auto decoded_unlinked = DecodeUsbipReply(Fixed<kUsbipHeaderBytes>(unlinked_bytes));
    ASSERT_TRUE(decoded_unlinked) << decoded_unlinked.error();
    EXPECT_EQ(std::get<UsbipUnlinkReply>(*decoded_unlinked), unlinked);
}

TEST(UsbipProtocol, MinusOnePackets_MeanNone) {
    Bytes bytes = Encoded(UsbipSubmitReply{.from = {.seqnum = 7}});
    PutBig(bytes, 32, 0xFFFFFFFF);
    const auto decoded = DecodeUsbipReply(Fixed<kUsbipHeaderBytes>(bytes));
    ASSERT_TRUE(decoded) << decoded.error();
    EXPECT_EQ(std::get<UsbipSubmitReply>(*decoded).num_frames, 0U);
}

struct BadReply {
    size_t offset;
    uint32_t value;
    const char *complaint;
};

class UsbipBadReply : public ::testing::TestWithParam<BadReply> {};

TEST_P(UsbipBadReply, IsRefused) {
    Bytes bytes = Encoded(UsbipSubmitReply{.from = {.seqnum = 7}});
    PutBig(bytes, GetParam().offset, GetParam().value);
    const auto decoded = DecodeUsbipReply(Fixed<kUsbipHeaderBytes>(bytes));
    ASSERT_FALSE(decoded);
    EXPECT_THAT(decoded.error(), HasSubstr(GetParam().complaint));
}

INSTANTIATE_TEST_SUITE_P(Fields, UsbipBadReply,
                         ::testing::Values(BadReply{0, 1, "no reply"}, BadReply{0, 5, "no reply"},
                                           BadReply{12, 2, "direction 2"},
                                           BadReply{16, 16, "endpoint 16"},
                                           BadReply{20, 1, "status 1"},
                                           BadReply{24, 0xFFFFFFFD, "-3 bytes"},
                                           BadReply{32, 1025, "1025 isochronous packets"}));

TEST(UsbipProtocol, BadDevices_AreRefused) {
    Bytes endless = Encoded(kDevice);
    std::fill_n(endless.begin() + 256, 32, std::byte{'1'});
    EXPECT_FALSE(DecodeUsbipDevice(Fixed<kUsbipDeviceBytes>(endless)));
    Bytes with_escape = Encoded(kDevice);
    with_escape[256] = std::byte{0x1B};
    EXPECT_FALSE(DecodeUsbipDevice(Fixed<kUsbipDeviceBytes>(with_escape)));
    Bytes without_speed = Encoded(kDevice);
    PutBig(without_speed, 296, 0);
    EXPECT_FALSE(DecodeUsbipDevice(Fixed<kUsbipDeviceBytes>(without_speed)));
    Bytes far_bus = Encoded(kDevice);
    PutBig(far_bus, 288, 0x10000);
    EXPECT_FALSE(DecodeUsbipDevice(Fixed<kUsbipDeviceBytes>(far_bus)));
}

TEST(UsbipProtocol, OtherVersion_IsRefused) {
    const Bytes bytes = FromNumbers({0x01, 0x06, 0x00, 0x05, 0, 0, 0, 0});
    const auto operation = DecodeUsbipOperation(Fixed<kUsbipOperationBytes>(bytes));
    ASSERT_FALSE(operation);
    EXPECT_THAT(operation.error(), HasSubstr("0x0106"));
}

TEST(UsbipProtocol, Frames_SurviveTheTrip) {
    const UsbipFrame first{.offset = 0, .num_bytes = 192, .num_done = 190};
    const UsbipFrame second{.offset = 192, .num_bytes = 192, .status = -EXDEV};
    Bytes bytes = Encoded(first);
    EncodeUsbip(second, bytes);
    EXPECT_THAT(DecodeUsbipFrames(bytes), ::testing::ElementsAre(first, second));
}

}  // namespace
}  // namespace opendext::backends
