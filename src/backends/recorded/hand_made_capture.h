// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "backends/recorded/capture_file.h"
#include "backends/recorded/usb_capture_event.h"

namespace opendext::backends {

/// A capture as usbmon writes it, packet by packet, for tests.
class HandMadeCapture {
public:
    using Bytes = std::vector<std::byte>;

    explicit HandMadeCapture(uint8_t device = 5) : device_(device) {
        EncodeCaptureStart(kLinkTypeUsbLinuxMmapped, "test", file_);
    }

    static Bytes FromNumbers(std::initializer_list<int> numbers) {
        Bytes bytes;
        for (const int number : numbers) {
            bytes.push_back(static_cast<std::byte>(number));
        }
        return bytes;
    }

    void SetDevice(uint8_t device) { device_ = device; }

    /// Both packets of a control request that succeeds, or ends with `status`.
    HandMadeCapture &Control(const UsbSetup &setup, const Bytes &data, int32_t status = 0) {
        const uint8_t endpoint = setup.is_in() ? 0x80 : 0;
        Submit(endpoint, UsbTransferType::kControl, setup.length, setup.is_in() ? Bytes() : data,
               &setup);
        return Complete(endpoint, UsbTransferType::kControl, static_cast<uint32_t>(data.size()),
                        setup.is_in() ? data : Bytes(), status);
    }

    /// The descriptors of a high-speed vendor device: bulk 0x81 and 0x02 of 512 bytes, interrupt 0x83 of 8.
    HandMadeCapture &Enumeration() {
        const Bytes device =
            FromNumbers({18, 1, 0, 2, 0xFF, 0, 0, 64, 9, 0x12, 1, 0, 0, 1, 0, 1, 0, 1});
        const Bytes configuration =
            FromNumbers({9,    2, 39, 0, 1, 1, 0, 0x80, 50, 9, 4, 0, 0, 3, 0xFF, 0, 0, 0, 7, 5,
                         0x81, 2, 0,  2, 0, 7, 5, 0x02, 2,  0, 2, 0, 7, 5, 0x83, 3, 8, 0, 4});
        Descriptor(0x0100, 0, device);
        Descriptor(0x0200, 0, Bytes(configuration.begin(), configuration.begin() + 9));
        Descriptor(0x0200, 0, configuration);
        Descriptor(0x0300, 0, FromNumbers({4, 3, 9, 4}));
        return Descriptor(0x0301, 0x0409, FromNumbers({8, 3, 'H', 0, 'i', 0, '!', 0}));
    }

    HandMadeCapture &Descriptor(uint16_t value, uint16_t index, const Bytes &bytes) {
        return Control({.request_type = 0x80,
                        .request = 6,
                        .value = value,
                        .index = index,
                        .length = static_cast<uint16_t>(bytes.size())},
                       bytes);
    }

    HandMadeCapture &Submit(uint8_t endpoint, UsbTransferType type, uint32_t num_bytes,
                            const Bytes &data = {}, const UsbSetup *setup = nullptr) {
        UsbCaptureEvent event = Event(endpoint, type, num_bytes, -EINPROGRESS);
        event.kind = UsbCaptureEvent::Kind::kSubmission;
        if (setup != nullptr) {
            event.setup = *setup;
        }
        return Put(event, data);
    }

    HandMadeCapture &Complete(uint8_t endpoint, UsbTransferType type, uint32_t num_bytes,
                              const Bytes &data = {}, int32_t status = 0) {
        UsbCaptureEvent event = Event(endpoint, type, num_bytes, status);
        event.kind = UsbCaptureEvent::Kind::kCompletion;
        return Put(event, data);
    }

    HandMadeCapture &Out(uint8_t endpoint, const Bytes &data, int32_t status = 0) {
        const auto num_bytes = static_cast<uint32_t>(data.size());
        return Submit(endpoint, UsbTransferType::kBulk, num_bytes, data)
            .Complete(endpoint, UsbTransferType::kBulk, status == 0 ? num_bytes : 0, {}, status);
    }

    HandMadeCapture &In(uint8_t endpoint, uint32_t num_requested, const Bytes &data,
                        int32_t status = 0) {
        return Submit(endpoint, UsbTransferType::kBulk, num_requested)
            .Complete(endpoint, UsbTransferType::kBulk, static_cast<uint32_t>(data.size()), data,
                      status);
    }

    [[nodiscard]] const Bytes &file() const { return file_; }
    /// Of the packet written last.
    [[nodiscard]] size_t last_packet() const { return num_packets_; }

private:
    UsbCaptureEvent Event(uint8_t endpoint, UsbTransferType type, uint32_t num_bytes,
                          int32_t status) const {
        return {.urb = 0xFFFF800000000000U + endpoint,
                .type = type,
                .endpoint = {endpoint},
                .device = device_,
                .bus = 1,
                .status = status,
                .num_bytes = num_bytes};
    }

    HandMadeCapture &Put(const UsbCaptureEvent &event, const Bytes &data) {
        Bytes packet;
        EncodeUsbmonHead(event, data.size(), packet);
        packet.insert(packet.end(), data.begin(), data.end());
        EncodeCapturePacket(++num_packets_ * 1000, packet, {}, file_);
        return *this;
    }

    Bytes file_;
    uint8_t device_;
    size_t num_packets_ = 0;
};

}  // namespace opendext::backends
