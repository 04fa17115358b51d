// SPDX-License-Identifier: Apache-2.0
#include "backends/recorded/usb_capture_event.h"

#include <cerrno>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backends/recorded/captured_transfers.h"
#include "base/byte_cursor.h"

namespace opendext::backends {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Bytes = std::vector<std::byte>;

Bytes FromNumbers(std::initializer_list<int> numbers) {
    Bytes bytes;
    for (const int number : numbers) {
        bytes.push_back(static_cast<std::byte>(number));
    }
    return bytes;
}

UsbCaptureEvent Decoded(const Bytes &packet, size_t head_bytes = 64,
                        std::endian order = std::endian::little) {
    const auto event = DecodeUsbmon(packet, order, head_bytes);
    EXPECT_TRUE(event && *event) << (event ? "" : event.error());
    return event && *event ? **event : UsbCaptureEvent();
}

// A submission as a PC's kernel 6.1 wrote it: GET_DESCRIPTOR(device), 18 bytes, to device 5 of bus 1.
Bytes UsbmonSubmission() {
    return FromNumbers({0x80, 0x3C, 0x91, 0x05, 0x01, 0x8E, 0xFF, 0xFF, 'S', 2, 0x80, 5,    1,
                        0,    0,    '<',  0x10, 0x27, 0x00, 0x60, 0,    0,   0, 0,    0x40, 0xE2,
                        0x01, 0x00, 0x8D, 0xFF, 0xFF, 0xFF, 18,   0,    0,   0, 0,    0,    0,
                        0,    0x80, 6,    0,    1,    0,    0,    18,   0,   0, 0,    0,    0,
                        0,    0,    0,    0,    0x00, 0x02, 0,    0,    0,   0, 0,    0});
}

TEST(Usbmon, Submission_IsUnderstood) {
    const UsbCaptureEvent event = Decoded(UsbmonSubmission());
    EXPECT_EQ(event.urb, 0xFFFF8E0105913C80U);
    EXPECT_EQ(event.kind, UsbCaptureEvent::Kind::kSubmission);
    EXPECT_EQ(event.type, UsbTransferType::kControl);
    EXPECT_EQ(event.device, 5);
    EXPECT_EQ(event.bus, 1);
    EXPECT_EQ(event.status, -EINPROGRESS);
    EXPECT_EQ(event.num_bytes, 18U);
    EXPECT_EQ(event.time_nanoseconds, 0x60002710ULL * 1'000'000'000 + 123456ULL * 1000);
    ASSERT_TRUE(event.setup);
    EXPECT_EQ(event.setup->request, 6);
    EXPECT_EQ(event.setup->length, 18);
    EXPECT_FALSE(event.is_cut);
}

TEST(Usbmon, ShortHead_IsUnderstood) {
    Bytes packet = UsbmonSubmission();
    packet.resize(48);
    EXPECT_EQ(Decoded(packet, 48).num_bytes, 18U);
}

TEST(Usbmon, WhatIsWritten_IsReadBack) {
    UsbCaptureEvent event{.urb = 7,
                          .kind = UsbCaptureEvent::Kind::kCompletion,
                          .type = UsbTransferType::kIsochronous,
                          .endpoint = {0x83},
                          .device = 9,
                          .bus = 3,
                          .time_nanoseconds = 5'000'001'000,
                          .status = 0,
                          .num_bytes = 6,
                          .interval = 8,
                          .start_frame = 11,
                          .flags = 0x202,
                          .num_errors = 1,
                          .frames = {{.status = 0, .offset = 0, .num_bytes = 4},
                                     {.status = -EXDEV, .offset = 4, .num_bytes = 2}}};
    Bytes packet;
    EncodeUsbmonHead(event, 6, packet);
    EXPECT_EQ(packet.size(), 64U + 32);
    const Bytes data = FromNumbers({1, 2, 3, 4, 5, 6});
    packet.insert(packet.end(), data.begin(), data.end());
    const UsbCaptureEvent read = Decoded(packet, 64, std::endian::native);
    EXPECT_EQ(read.urb, event.urb);
    EXPECT_EQ(read.endpoint, event.endpoint);
    EXPECT_EQ(read.time_nanoseconds, event.time_nanoseconds);
    EXPECT_EQ(read.num_bytes, event.num_bytes);
    EXPECT_EQ(read.interval, 8U);
    EXPECT_EQ(read.num_errors, 1U);
    EXPECT_EQ(read.frames, event.frames);
    EXPECT_TRUE(std::ranges::equal(read.data, data));
    EXPECT_FALSE(read.is_cut);
}

TEST(Usbmon, DataThatWasNotCapturedWhole_IsMarked) {
    UsbCaptureEvent event{.kind = UsbCaptureEvent::Kind::kCompletion,
                          .type = UsbTransferType::kBulk,
                          .endpoint = {0x81},
                          .device = 1,
                          .num_bytes = 512};
    Bytes packet;
    EncodeUsbmonHead(event, 3, packet);
    packet.resize(packet.size() + 3);
    const UsbCaptureEvent read = Decoded(packet, 64, std::endian::native);
    EXPECT_EQ(read.data.size(), 3U);
    EXPECT_TRUE(read.is_cut);
}

TEST(Usbmon, BrokenPackets_AreRefused) {
    EXPECT_FALSE(DecodeUsbmon(FromNumbers({1, 2, 3}), std::endian::little, 64));
    Bytes letter = UsbmonSubmission();
    letter[8] = std::byte{'X'};
    EXPECT_FALSE(DecodeUsbmon(letter, std::endian::little, 64));
    Bytes frames = UsbmonSubmission();
    frames[9] = std::byte{0};
    frames[60] = std::byte{200};
    const auto event = DecodeUsbmon(frames, std::endian::little, 64);
    ASSERT_FALSE(event);
    EXPECT_THAT(event.error(), HasSubstr("200 isochronous packets in 0 bytes"));
}

/// A packet of USBPcap.
Bytes UsbPcapPacket(int info, int endpoint, int transfer, uint32_t status,
                    const Bytes &rest_of_head, const Bytes &data) {
    Bytes packet;
    ByteWriter(packet, std::endian::little)
        .Put(static_cast<uint16_t>(27 + rest_of_head.size()))
        .Put(uint64_t{0x1122})
        .Put(status)
        .Put(uint16_t{9})
        .Put(static_cast<uint8_t>(info))
        .Put(uint16_t{1})
        .Put(uint16_t{4})
        .Put(static_cast<uint8_t>(endpoint))
        .Put(static_cast<uint8_t>(transfer))
        .Put(static_cast<uint32_t>(data.size()))
        .PutBytes(rest_of_head)
        .PutBytes(data);
    return packet;
}

TEST(UsbPcap, BulkTransfer_IsUnderstood) {
    const Bytes packet = UsbPcapPacket(1, 0x81, 3, 0, {}, FromNumbers({1, 2, 3}));
    const auto event = DecodeUsbPcap(packet);
    ASSERT_TRUE(event && *event);
    EXPECT_EQ((*event)->kind, UsbCaptureEvent::Kind::kCompletion);
    EXPECT_EQ((*event)->type, UsbTransferType::kBulk);
    EXPECT_EQ((*event)->device, 4);
    EXPECT_EQ((*event)->data.size(), 3U);
    const Bytes asked = UsbPcapPacket(0, 0x81, 3, 0, {}, {});
    const auto submission = DecodeUsbPcap(asked);
    ASSERT_TRUE(submission && *submission);
    EXPECT_FALSE((*submission)->has_length);
}

TEST(UsbPcap, ControlTransfer_HasItsSetupAndData) {
    const Bytes setup = FromNumbers({0x40, 0x10, 1, 0, 2, 0, 3, 0, 0xA, 0xB, 0xC});
    const Bytes packet = UsbPcapPacket(0, 0, 2, 0, FromNumbers({0}), setup);
    const auto event = DecodeUsbPcap(packet);
    ASSERT_TRUE(event && *event);
    ASSERT_TRUE((*event)->setup);
    EXPECT_EQ((*event)->setup->request, 0x10);
    EXPECT_EQ((*event)->num_bytes, 3U);
    EXPECT_EQ((*event)->data.size(), 3U);
    const Bytes end = UsbPcapPacket(1, 0, 2, 0xC0000004, FromNumbers({3}), {});
    const auto completion = DecodeUsbPcap(end);
    ASSERT_TRUE(completion && *completion);
    EXPECT_EQ((*completion)->status, -EPIPE);
}

TEST(UsbPcap, IsochronousTransfer_HasItsPackets) {
    Bytes head;
    ByteWriter(head, std::endian::little)
        .Put(uint32_t{5})
        .Put(uint32_t{1})
        .Put(uint32_t{0})
        .Put(uint32_t{0})
        .Put(uint32_t{2})
        .Put(uint32_t{0});
    const Bytes packet = UsbPcapPacket(1, 0x83, 0, 0, head, FromNumbers({1, 2}));
    const auto event = DecodeUsbPcap(packet);
    ASSERT_TRUE(event && *event);
    EXPECT_THAT((*event)->frames, ElementsAre(UsbCaptureFrame{.num_bytes = 2}));
}

TEST(UsbPcap, WindowsOwnPackets_ArePassedOver) {
    const Bytes packet = UsbPcapPacket(0, 0, 0xFE, 0, {}, {});
    const auto event = DecodeUsbPcap(packet);
    ASSERT_TRUE(event);
    EXPECT_FALSE(*event);
}

TEST(UsbPcap, BrokenPackets_AreRefused) {
    EXPECT_FALSE(DecodeUsbPcap(FromNumbers({27, 0, 1})));
    EXPECT_FALSE(DecodeUsbPcap(FromNumbers({3, 0, 1})));
    Bytes head(12);
    head[4] = std::byte{9};
    EXPECT_FALSE(DecodeUsbPcap(UsbPcapPacket(1, 0x83, 0, 0, head, {})));
}

/// As macOS 11 writes them: a head of 40 bytes, for device 7 at location 0x14200000.
Bytes UsbDarwinPacket(int request, uint32_t num_bytes, uint32_t status, int endpoint, int type,
                      const Bytes &payload) {
    Bytes packet = FromNumbers({0x01, 0x01, 40, request});
    ByteWriter(packet, std::endian::little)
        .Put(num_bytes)
        .Put(status)
        .Put(uint32_t{0})
        .Put(uint64_t{0x26718754})
        .Put(uint32_t{0x14200000});
    const Bytes rest = FromNumbers({3, 7, endpoint, type, 0, 0, 0, 0, 0, 0, 0, 0});
    packet.insert(packet.end(), rest.begin(), rest.end());
    packet.insert(packet.end(), payload.begin(), payload.end());
    return packet;
}

TEST(UsbDarwin, ControlTransfer_HasItsSetupAndData) {
    const Bytes asked =
        UsbDarwinPacket(0, 18, 0, 0x80, 0, FromNumbers({0x80, 6, 0, 1, 0, 0, 18, 0}));
    const auto submission = DecodeUsbDarwin(asked);
    ASSERT_TRUE(submission && *submission);
    EXPECT_EQ((*submission)->kind, UsbCaptureEvent::Kind::kSubmission);
    EXPECT_EQ((*submission)->urb, 0x26718754U);
    EXPECT_EQ((*submission)->bus, 0x14);
    EXPECT_EQ((*submission)->device, 7);
    EXPECT_EQ((*submission)->num_bytes, 18U);
    ASSERT_TRUE((*submission)->setup);
    EXPECT_EQ((*submission)->setup->request, 6);
    const Bytes answered = UsbDarwinPacket(1, 3, 0, 0x80, 0, FromNumbers({18, 1, 0}));
    const auto completion = DecodeUsbDarwin(answered);
    ASSERT_TRUE(completion && *completion);
    EXPECT_EQ((*completion)->kind, UsbCaptureEvent::Kind::kCompletion);
    EXPECT_THAT((*completion)->data, ElementsAre(std::byte{18}, std::byte{1}, std::byte{0}));
    EXPECT_FALSE((*completion)->is_cut);
}

TEST(UsbDarwin, DataOfEitherDirection_ComesWithTheCompletion) {
    const Bytes asked = UsbDarwinPacket(0, 2, 0, 0x02, 2, {});
    const auto submission = DecodeUsbDarwin(asked);
    ASSERT_TRUE(submission && *submission);
    EXPECT_EQ((*submission)->type, UsbTransferType::kBulk);
    EXPECT_EQ((*submission)->num_bytes, 2U);
    EXPECT_FALSE((*submission)->is_cut);
    for (const int endpoint : {0x00, 0x80, 0x02, 0x81}) {
        const Bytes ended =
            UsbDarwinPacket(1, 3, 0, endpoint, endpoint % 128 == 0 ? 0 : 2, FromNumbers({5, 6}));
        const auto completion = DecodeUsbDarwin(ended);
        ASSERT_TRUE(completion && *completion);
        EXPECT_THAT((*completion)->data, ElementsAre(std::byte{5}, std::byte{6}));
        EXPECT_TRUE((*completion)->is_cut);
    }
}

TEST(UsbDarwin, Status_IsUnderstood) {
    for (const auto &[status, urb] : {std::pair(0xE0005000U, -EPIPE),
                                      {0xE00002EBU, -ECONNRESET},
                                      {0xE00002C0U, -ESHUTDOWN},
                                      {0xE00002E7U, 0}}) {
        const Bytes ended = UsbDarwinPacket(1, 0, status, 0x81, 2, {});
        const auto completion = DecodeUsbDarwin(ended);
        ASSERT_TRUE(completion && *completion);
        EXPECT_EQ((*completion)->status, urb);
    }
}

TEST(UsbDarwin, WhatIsNoTransferOrBroken_IsPassedOverOrRefused) {
    const Bytes isochronous = UsbDarwinPacket(1, 0, 0, 0x83, 1, {});
    const auto passed = DecodeUsbDarwin(isochronous);
    EXPECT_TRUE(passed && !*passed);
    Bytes packet = UsbDarwinPacket(0, 18, 0, 0x80, 0, FromNumbers({0x80, 6, 0}));
    const auto without_setup = DecodeUsbDarwin(packet);
    ASSERT_FALSE(without_setup);
    EXPECT_THAT(without_setup.error(), HasSubstr("setup packet"));
    for (const size_t size : {0UL, 3UL, 31UL, 39UL}) {
        packet.resize(size);
        EXPECT_FALSE(DecodeUsbDarwin(packet)) << size;
    }
}

TEST(UsbDarwin, SentData_IsTheTransfers) {
    Bytes file;
    EncodeCaptureStart(kLinkTypeUsbDarwin, "test", file);
    EncodeCapturePacket(1, UsbDarwinPacket(0, 3, 0, 0x02, 2, {}), "", file);
    EncodeCapturePacket(2, UsbDarwinPacket(1, 3, 0, 0x02, 2, FromNumbers({7, 8, 9})), "", file);
    const auto devices = ReadCapturedDevices(file);
    ASSERT_TRUE(devices);
    ASSERT_EQ(devices->devices.size(), 1U);
    ASSERT_EQ(devices->devices[0].transfers.size(), 1U);
    EXPECT_THAT(devices->devices[0].transfers[0].data,
                ElementsAre(std::byte{7}, std::byte{8}, std::byte{9}));
    EXPECT_FALSE(devices->devices[0].transfers[0].is_cut);
}

}  // namespace
}  // namespace opendext::backends
