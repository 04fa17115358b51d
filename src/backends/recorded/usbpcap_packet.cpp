// SPDX-License-Identifier: Apache-2.0
// Packets as USBPcap writes them on Windows: a little-endian head that tells its own length, then the data.
#include <algorithm>
#include <cerrno>

#include <fmt/format.h>

#include "backends/api/usb_urb.h"
#include "backends/recorded/usb_capture_event.h"
#include "base/byte_cursor.h"

namespace opendext::backends {

namespace {

constexpr size_t kHeadBytes = 27;
constexpr size_t kFrameBytes = 12;
constexpr uint8_t kFromDevice = 1;  // of the info byte

enum class Stage : uint8_t { kSetup = 0, kData = 1, kStatus = 2, kComplete = 3 };

// Windows' USBD_STATUS as the status of an URB.
int32_t UrbStatusFromUsbd(uint32_t status) {
    switch (status) {
        case 0x00000000:  // success
        case 0xC0000009:  // short
            return 0;
        case 0xC0000004:  // stalled
        case 0xC0000030:  // halted
            return -EPIPE;
        case 0xC0000008:  // overrun
            return -EOVERFLOW;
        case 0xC0010000:  // cancelled
            return -ECONNRESET;
        case 0xC0007000:  // gone
            return -ESHUTDOWN;
        default:
            return -EPROTO;
    }
}

std::optional<UsbTransferType> TypeOf(uint8_t number) {
    switch (number) {
        case 0:
            return UsbTransferType::kIsochronous;
        case 1:
            return UsbTransferType::kInterrupt;
        case 2:
            return UsbTransferType::kControl;
        case 3:
            return UsbTransferType::kBulk;
        default:
            return std::nullopt;  // something of Windows' own
    }
}

std::expected<void, std::string> TakeFrames(ByteReader &head, UsbCaptureEvent &event) {
    event.start_frame = head.Take<uint32_t>();
    const auto num_frames = head.Take<uint32_t>();
    event.num_errors = head.Take<uint32_t>();
    if (!head.ok() || num_frames > head.left() / kFrameBytes) {
        return std::unexpected(
            fmt::format("{} isochronous packets in a head of {} bytes", num_frames, head.offset()));
    }
    event.frames.resize(num_frames);
    for (UsbCaptureFrame &frame : event.frames) {
        frame.offset = head.Take<uint32_t>();
        frame.num_bytes = head.Take<uint32_t>();
        frame.status = UrbStatusFromUsbd(head.Take<uint32_t>());
    }
    return {};
}

// @return false when the packet says nothing that the others do not.
bool TakeStage(ByteReader &head, ByteReader &data, UsbCaptureEvent &event) {
    const auto stage = static_cast<Stage>(head.Take<uint8_t>());
    const bool is_submission = event.kind == UsbCaptureEvent::Kind::kSubmission;
    if (!is_submission) {
        // Versions before 1.5 have packets of the data and status stages, the others one at the end.
        return stage == Stage::kComplete || stage == Stage::kStatus ||
               (stage == Stage::kData && event.endpoint.is_in());
    }
    const auto setup = data.TakeBytes(8);
    if (stage != Stage::kSetup || setup.size() != 8) {
        return false;
    }
    event.setup = DecodeUsbSetup(std::span<const std::byte, 8>(setup));
    event.endpoint = {static_cast<uint8_t>(event.setup->is_in() ? 0x80 : 0)};
    event.num_bytes = event.setup->length;
    return true;
}

void TakeData(ByteReader &data, UsbCaptureEvent &event) {
    const bool is_submission = event.kind == UsbCaptureEvent::Kind::kSubmission;
    if (event.endpoint.is_in() == is_submission) {
        event.has_length = event.type == UsbTransferType::kControl;
        return;
    }
    event.data = data.TakeBytes(std::min<size_t>(data.left(), event.num_bytes));
    event.is_cut = event.data.size() < event.num_bytes;
}

}  // namespace

std::expected<std::optional<UsbCaptureEvent>, std::string> DecodeUsbPcap(
    std::span<const std::byte> packet) {
    ByteReader reader(packet, std::endian::little);
    const size_t head_bytes = reader.Take<uint16_t>();
    if (head_bytes < kHeadBytes || head_bytes > packet.size()) {
        return std::unexpected(fmt::format("a USBPcap packet of {} bytes with a head of {}",
                                           packet.size(), head_bytes));
    }
    ByteReader head(packet.first(head_bytes), std::endian::little);
    head.Skip(2);
    UsbCaptureEvent event;
    event.urb = head.Take<uint64_t>();
    event.status = UrbStatusFromUsbd(head.Take<uint32_t>());
    head.Skip(2);
    event.kind = (head.Take<uint8_t>() & kFromDevice) != 0 ? UsbCaptureEvent::Kind::kCompletion
                                                           : UsbCaptureEvent::Kind::kSubmission;
    event.bus = head.Take<uint16_t>();
    event.device = static_cast<uint8_t>(head.Take<uint16_t>());
    event.endpoint = {head.Take<uint8_t>()};
    const auto type = TypeOf(head.Take<uint8_t>());
    event.num_bytes = head.Take<uint32_t>();
    if (!type) {
        return std::nullopt;
    }
    event.type = *type;
    ByteReader data(packet.subspan(head_bytes), std::endian::little);
    if (event.type == UsbTransferType::kControl && !TakeStage(head, data, event)) {
        return std::nullopt;
    }
    if (event.type == UsbTransferType::kIsochronous) {
        if (auto taken = TakeFrames(head, event); !taken) {
            return std::unexpected(std::move(taken.error()));
        }
    }
    TakeData(data, event);
    return event;
}

}  // namespace opendext::backends
