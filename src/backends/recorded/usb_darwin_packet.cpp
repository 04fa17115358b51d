// SPDX-License-Identifier: Apache-2.0
// Packets as a Mac's XHC interfaces give them to Wireshark (LINKTYPE_USB_DARWIN): a little-endian head that tells its own
// length; then the setup packet of a submission to a control endpoint, the data of a completion.
#include <algorithm>
#include <cerrno>

#include <fmt/format.h>

#include "backends/api/usb_urb.h"
#include "backends/recorded/usb_capture_event.h"
#include "base/byte_cursor.h"

namespace opendext::backends {

namespace {

constexpr size_t kHeadBytes = 32;  // of the first version; later ones append
constexpr uint8_t kSubmission = 0;
constexpr uint8_t kCompletion = 1;
constexpr int kBusShift = 24;  // of a location

// An IOReturn as the status of an URB.
int32_t UrbStatusFromIoReturn(uint32_t status) {
    switch (status) {
        case 0x00000000:
        case 0xE00002E7:  // kIOReturnUnderrun: short
            return 0;
        case 0xE0005000:  // kUSBHostReturnPipeStalled
        case 0xE000404F:  // kIOUSBPipeStalled
            return -EPIPE;
        case 0xE00002E8:  // kIOReturnOverrun
            return -EOVERFLOW;
        case 0xE00002EB:  // kIOReturnAborted
        case 0xE00002D6:  // kIOReturnTimeout
            return -ECONNRESET;
        case 0xE00002C0:  // kIOReturnNoDevice
            return -ESHUTDOWN;
        default:
            return -EPROTO;
    }
}

// bmAttributes of an endpoint.
std::optional<UsbTransferType> TypeOf(uint8_t number) {
    switch (number) {
        case 0:
            return UsbTransferType::kControl;
        case 2:
            return UsbTransferType::kBulk;
        case 3:
            return UsbTransferType::kInterrupt;
        default:
            return std::nullopt;  // isochronous ones are not read
    }
}

// The data comes with the completion, whichever way it went.
std::expected<void, std::string> TakePayload(ByteReader &payload, UsbCaptureEvent &event) {
    if (event.kind == UsbCaptureEvent::Kind::kCompletion) {
        event.data = payload.TakeBytes(std::min<size_t>(payload.left(), event.num_bytes));
        event.is_cut = event.data.size() < event.num_bytes;
        return {};
    }
    if (event.type == UsbTransferType::kControl) {
        const auto setup = payload.TakeBytes(8);
        if (setup.size() != 8) {
            return std::unexpected("the submission of a control transfer without its setup packet");
        }
        event.setup = DecodeUsbSetup(std::span<const std::byte, 8>(setup));
        event.endpoint = {static_cast<uint8_t>(event.setup->is_in() ? 0x80 : 0)};
        event.num_bytes = event.setup->length;
    }
    return {};
}

}  // namespace

std::expected<std::optional<UsbCaptureEvent>, std::string> DecodeUsbDarwin(
    std::span<const std::byte> packet) {
    ByteReader head(packet, std::endian::little);
    head.Skip(2);  // the version
    const size_t head_bytes = head.Take<uint8_t>();
    if (head_bytes < kHeadBytes || head_bytes > packet.size()) {
        return std::unexpected(fmt::format("a packet of a Mac of {} bytes with a head of {}",
                                           packet.size(), head_bytes));
    }
    const auto request = head.Take<uint8_t>();
    UsbCaptureEvent event;
    event.num_bytes = head.Take<uint32_t>();
    event.status = UrbStatusFromIoReturn(head.Take<uint32_t>());
    head.Skip(4);  // isochronous frames
    event.urb = head.Take<uint64_t>();
    event.bus = static_cast<uint16_t>(head.Take<uint32_t>() >> kBusShift);
    head.Skip(1);  // the speed
    event.device = head.Take<uint8_t>();
    event.endpoint = {head.Take<uint8_t>()};
    const auto type = TypeOf(head.Take<uint8_t>());
    if (!type || (request != kSubmission && request != kCompletion)) {
        return std::nullopt;
    }
    event.type = *type;
    event.kind = request == kSubmission ? UsbCaptureEvent::Kind::kSubmission
                                        : UsbCaptureEvent::Kind::kCompletion;
    ByteReader payload(packet.subspan(head_bytes), std::endian::little);
    if (auto taken = TakePayload(payload, event); !taken) {
        return std::unexpected(std::move(taken.error()));
    }
    return event;
}

}  // namespace opendext::backends
