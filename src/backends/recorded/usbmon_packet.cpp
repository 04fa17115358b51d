// SPDX-License-Identifier: Apache-2.0
// Packets as Linux's usbmon writes them: a head of 48 or 64 bytes in the byte order of the machine, then (64 bytes) one
// descriptor of 16 bytes for each isochronous packet, then the data.
#include <algorithm>
#include <cerrno>

#include <fmt/format.h>

#include "backends/api/usb_urb.h"
#include "backends/recorded/usb_capture_event.h"
#include "base/byte_cursor.h"

namespace opendext::backends {

namespace {

constexpr size_t kShortHeadBytes = 48;
constexpr size_t kLongHeadBytes = 64;
constexpr size_t kFrameBytes = 16;
constexpr uint64_t kNanosecondsPerSecond = 1'000'000'000;

constexpr uint8_t kPresent = 0;  // of the setup and data flags
constexpr char kNoSetup = '-';
constexpr char kNoDataIn = '<';
constexpr char kNoDataOut = '>';

// usbmon numbers types in an order of its own.
enum class UsbmonType : uint8_t { kIsochronous = 0, kInterrupt = 1, kControl = 2, kBulk = 3 };

std::optional<UsbTransferType> TypeOf(uint8_t number) {
    switch (static_cast<UsbmonType>(number)) {
        case UsbmonType::kIsochronous:
            return UsbTransferType::kIsochronous;
        case UsbmonType::kInterrupt:
            return UsbTransferType::kInterrupt;
        case UsbmonType::kControl:
            return UsbTransferType::kControl;
        case UsbmonType::kBulk:
            return UsbTransferType::kBulk;
    }
    return std::nullopt;
}

UsbmonType NumberOf(UsbTransferType type) {
    switch (type) {
        case UsbTransferType::kControl:
            return UsbmonType::kControl;
        case UsbTransferType::kIsochronous:
            return UsbmonType::kIsochronous;
        case UsbTransferType::kBulk:
            return UsbmonType::kBulk;
        case UsbTransferType::kInterrupt:
            return UsbmonType::kInterrupt;
    }
    return UsbmonType::kBulk;
}

std::optional<UsbCaptureEvent::Kind> KindOf(uint8_t letter) {
    switch (letter) {
        case 'S':
            return UsbCaptureEvent::Kind::kSubmission;
        case 'C':
            return UsbCaptureEvent::Kind::kCompletion;
        case 'E':
            return UsbCaptureEvent::Kind::kError;
        default:
            return std::nullopt;
    }
}

char LetterOf(UsbCaptureEvent::Kind kind) {
    switch (kind) {
        case UsbCaptureEvent::Kind::kSubmission:
            return 'S';
        case UsbCaptureEvent::Kind::kCompletion:
            return 'C';
        case UsbCaptureEvent::Kind::kError:
            return 'E';
    }
    return 'E';
}

/// The fields of a head that decide how the others are read.
struct Flags {
    uint8_t setup = 0;
    uint8_t data = 0;
};

Flags TakeCommonHead(ByteReader &reader, UsbCaptureEvent &event) {
    event.endpoint = {reader.Take<uint8_t>()};
    event.device = reader.Take<uint8_t>();
    event.bus = reader.Take<uint16_t>();
    Flags flags;
    flags.setup = reader.Take<uint8_t>();
    flags.data = reader.Take<uint8_t>();
    const auto seconds = reader.Take<int64_t>();
    const auto microseconds = reader.Take<int32_t>();
    event.time_nanoseconds = static_cast<uint64_t>(seconds) * kNanosecondsPerSecond +
                             static_cast<uint64_t>(microseconds) * 1000;
    event.status = reader.Take<int32_t>();
    event.num_bytes = reader.Take<uint32_t>();
    reader.Skip(4);  // bytes captured: what the packet has
    return flags;
}

std::expected<void, std::string> TakeFrames(ByteReader &reader, uint32_t num_frames,
                                            UsbCaptureEvent &event) {
    if (num_frames > reader.left() / kFrameBytes) {
        return std::unexpected(
            fmt::format("{} isochronous packets in {} bytes", num_frames, reader.left()));
    }
    event.frames.resize(num_frames);
    for (UsbCaptureFrame &frame : event.frames) {
        frame.status = reader.Take<int32_t>();
        frame.offset = reader.Take<uint32_t>();
        frame.num_bytes = reader.Take<uint32_t>();
        reader.Skip(4);
    }
    return {};
}

// Data goes out with a submission and comes in with a completion.
void TakeData(ByteReader &reader, const Flags &flags, UsbCaptureEvent &event) {
    const bool is_submission = event.kind == UsbCaptureEvent::Kind::kSubmission;
    if (event.endpoint.is_in() == is_submission) {
        return;
    }
    const size_t num_captured = flags.data == kPresent ? reader.left() : 0;
    if (event.type == UsbTransferType::kIsochronous) {
        event.data = reader.TakeBytes(num_captured);
        event.is_cut = std::ranges::any_of(event.frames, [&](const UsbCaptureFrame &frame) {
            return uint64_t{frame.offset} + frame.num_bytes > num_captured;
        });
        return;
    }
    event.data = reader.TakeBytes(std::min<size_t>(num_captured, event.num_bytes));
    event.is_cut = event.data.size() < event.num_bytes;
}

}  // namespace

std::expected<std::optional<UsbCaptureEvent>, std::string> DecodeUsbmon(
    std::span<const std::byte> packet, std::endian order, size_t head_bytes) {
    if (packet.size() < head_bytes) {
        return std::unexpected(fmt::format("a usbmon packet of {} bytes; its head alone has {}",
                                           packet.size(), head_bytes));
    }
    ByteReader reader(packet, order);
    UsbCaptureEvent event;
    event.urb = reader.Take<uint64_t>();
    const auto letter = reader.Take<uint8_t>();
    const auto type_number = reader.Take<uint8_t>();
    const auto kind = KindOf(letter);
    const auto type = TypeOf(type_number);
    if (!kind || !type) {
        return std::unexpected(
            fmt::format("a usbmon packet of event 0x{:02x}, type {}", letter, type_number));
    }
    event.kind = *kind;
    event.type = *type;
    const Flags flags = TakeCommonHead(reader, event);
    const auto setup = reader.TakeBytes(8);
    if (event.type == UsbTransferType::kControl && flags.setup == kPresent) {
        event.setup = DecodeUsbSetup(std::span<const std::byte, 8>(setup));
    }
    if (head_bytes == kLongHeadBytes) {
        event.num_errors = event.type == UsbTransferType::kIsochronous
                               ? ByteReader(setup, order).Take<uint32_t>()
                               : 0;
        event.interval = reader.Take<uint32_t>();
        event.start_frame = reader.Take<uint32_t>();
        event.flags = reader.Take<uint32_t>();
        const auto num_frames = reader.Take<uint32_t>();
        if (event.type == UsbTransferType::kIsochronous) {
            if (auto taken = TakeFrames(reader, num_frames, event); !taken) {
                return std::unexpected(std::move(taken.error()));
            }
        }
    }
    TakeData(reader, flags, event);
    return event;
}

void EncodeUsbmonHead(const UsbCaptureEvent &event, size_t num_data_bytes,
                      std::vector<std::byte> &out) {
    const bool is_submission = event.kind == UsbCaptureEvent::Kind::kSubmission;
    const bool has_data = event.endpoint.is_in() != is_submission;
    const char no_data = event.endpoint.is_in() ? kNoDataIn : kNoDataOut;
    const auto num_frames = static_cast<uint32_t>(event.frames.size());
    ByteWriter writer(out, std::endian::native);
    writer.Put(event.urb)
        .Put(LetterOf(event.kind))
        .Put(static_cast<uint8_t>(NumberOf(event.type)))
        .Put(event.endpoint.value)
        .Put(event.device)
        .Put(event.bus)
        .Put(static_cast<uint8_t>(event.setup ? kPresent : kNoSetup))
        .Put(static_cast<uint8_t>(has_data ? kPresent : no_data))
        .Put(static_cast<int64_t>(event.time_nanoseconds / kNanosecondsPerSecond))
        .Put(static_cast<int32_t>(event.time_nanoseconds % kNanosecondsPerSecond / 1000))
        .Put(event.status)
        .Put(event.num_bytes)
        .Put(static_cast<uint32_t>(num_data_bytes + num_frames * kFrameBytes));
    if (event.setup) {
        writer.PutBytes(EncodeUsbSetup(*event.setup));
    } else {
        writer.Put(event.num_errors).Put(num_frames);
    }
    writer.Put(event.interval).Put(event.start_frame).Put(event.flags).Put(num_frames);
    for (const UsbCaptureFrame &frame : event.frames) {
        writer.Put(frame.status).Put(frame.offset).Put(frame.num_bytes).Put(uint32_t{0});
    }
}

std::expected<std::optional<UsbCaptureEvent>, std::string> DecodeUsbCapture(
    const CapturePacket &packet) {
    std::expected<std::optional<UsbCaptureEvent>, std::string> event;
    switch (packet.link_type) {
        case kLinkTypeUsbLinux:
            event = DecodeUsbmon(packet.bytes, packet.order, kShortHeadBytes);
            break;
        case kLinkTypeUsbLinuxMmapped:
            event = DecodeUsbmon(packet.bytes, packet.order, kLongHeadBytes);
            break;
        case kLinkTypeUsbPcap:
            event = DecodeUsbPcap(packet.bytes);
            break;
        case kLinkTypeUsbDarwin:
            event = DecodeUsbDarwin(packet.bytes);
            break;
        default:
            return std::nullopt;
    }
    const bool has_time =
        packet.link_type != kLinkTypeUsbPcap && packet.link_type != kLinkTypeUsbDarwin;
    if (event && *event && !has_time) {
        (*event)->time_nanoseconds = packet.time_nanoseconds;
    }
    return event;
}

}  // namespace opendext::backends
