// SPDX-License-Identifier: Apache-2.0
#include "backends/recorded/recording_usb_wire.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fmt/format.h>

#include "backends/api/usb_urb.h"
#include "backends/emulated/usb_string_text.h"
#include "backends/recorded/recording_notes.h"
#include "base/byte_cursor.h"

namespace opendext::backends {

namespace {

constexpr uint8_t kIn = 0x80;
constexpr uint8_t kToInterface = 0x01;
constexpr uint8_t kToEndpoint = 0x02;
constexpr uint8_t kClearFeature = 1;
constexpr uint8_t kGetDescriptor = 6;
constexpr uint8_t kSetConfiguration = 9;
constexpr uint8_t kSetInterface = 11;
constexpr uint8_t kDeviceType = 1;
constexpr uint8_t kConfigurationType = 2;
constexpr uint8_t kStringType = 3;
constexpr uint8_t kCapabilitiesType = 15;
constexpr uint16_t kUsEnglish = 0x0409;
constexpr size_t kMaxFramesOfAnUrb = 1024;

UsbSetup GetDescriptor(uint8_t type, size_t index, uint16_t language, size_t length) {
    return {.request_type = kIn,
            .request = kGetDescriptor,
            .value = static_cast<uint16_t>(type << 8 | index),
            .index = language,
            .length = static_cast<uint16_t>(length)};
}

std::vector<std::byte> StringDescriptor(std::string_view text) {
    constexpr size_t kMaxUnits = 126;
    const std::u16string units = Utf16Of(text).substr(0, kMaxUnits);
    std::vector<std::byte> bytes;
    ByteWriter writer(bytes, std::endian::little);
    writer.Put(static_cast<uint8_t>(2 + 2 * units.size())).Put(kStringType);
    for (const char16_t unit : units) {
        writer.Put(static_cast<uint16_t>(unit));
    }
    return bytes;
}

UsbStatus StatusOf(const BackendResult<void> &done) {
    if (done) {
        return UsbStatus::kSuccess;
    }
    return done.error().code == BackendErrorCode::kRemoved ? UsbStatus::kRemoved
                                                           : UsbStatus::kStalled;
}

}  // namespace

RecordingUsbWire::RecordingUsbWire(std::unique_ptr<UsbWire> wire,
                                   std::unique_ptr<CaptureWriter> writer)
    : wire_(std::move(wire)), writer_(std::move(writer)) {}

RecordingUsbWire::~RecordingUsbWire() = default;

void RecordingUsbWire::Begin(UsbWireListener &listener) {
    listener_ = &listener;
    wire_->Begin(*this);
}

void RecordingUsbWire::End() {
    wire_->End();
}

void RecordingUsbWire::OnAttached(UsbAttachment attachment) {
    {
        const std::lock_guard lock(mutex_);
        bus_ = static_cast<uint16_t>(attachment.location >> 24);
        address_ = attachment.address;
        WriteEnumeration(attachment);
    }
    listener_->OnAttached(std::move(attachment));
}

void RecordingUsbWire::OnDetached() {
    listener_->OnDetached();
}

void RecordingUsbWire::WriteEnumeration(const UsbAttachment &attachment) {
    const UsbDescriptors &descriptors = attachment.descriptors;
    const auto write = [this](uint8_t type, size_t index, uint16_t language,
                              std::span<const std::byte> reply, std::string_view comment = {}) {
        WriteRequest(GetDescriptor(type, index, language, reply.size()), UsbStatus::kSuccess, reply,
                     comment);
    };
    write(kDeviceType, 0, 0, descriptors.device_bytes, MakeRecordingNote(attachment.speed));
    for (size_t i = 0; i < descriptors.configurations.size(); ++i) {
        write(kConfigurationType, i, 0, descriptors.configurations[i].bytes);
    }
    if (!descriptors.capabilities.empty()) {
        write(kCapabilitiesType, 0, 0, descriptors.capabilities);
    }
    const std::pair<uint8_t, const std::string &> strings[] = {
        {descriptors.device.manufacturer_string, attachment.manufacturer},
        {descriptors.device.product_string, attachment.product},
        {descriptors.device.serial_string, attachment.serial}};
    for (const auto &[index, text] : strings) {
        if (index != 0 && !text.empty()) {
            write(kStringType, index, kUsEnglish, StringDescriptor(text));
        }
    }
    for (const auto &[index, name] : attachment.interface_names) {
        write(kStringType, index, kUsEnglish, StringDescriptor(name));
    }
    if (attachment.configuration != 0) {
        WriteRequest({.request = kSetConfiguration, .value = attachment.configuration},
                     UsbStatus::kSuccess, {});
    }
}

// A control request that is over when it is written.
void RecordingUsbWire::WriteRequest(const UsbSetup &setup, UsbStatus status,
                                    std::span<const std::byte> reply, std::string_view comment) {
    UsbCaptureEvent event{.urb = ++last_urb_,
                          .type = UsbTransferType::kControl,
                          .endpoint = {static_cast<uint8_t>(setup.request_type & kIn)},
                          .device = address_,
                          .bus = bus_,
                          .setup = setup,
                          .status = -EINPROGRESS,
                          .num_bytes = setup.length,
                          .flags = setup.is_in() ? kUrbDirectionIn : 0};
    writer_->Write(event, {}, 0, 0, comment);
    event.kind = UsbCaptureEvent::Kind::kCompletion;
    event.setup.reset();
    event.status = UrbStatusOf(status);
    event.num_bytes = static_cast<uint32_t>(reply.size());
    const HostSpan data{.address = const_cast<std::byte *>(reply.data()),
                        .num_bytes = reply.size()};
    writer_->Write(event, std::span(&data, 1), 0, reply.size());
}

void RecordingUsbWire::WriteRequest(const UsbSetup &setup, const BackendResult<void> &done) {
    const std::lock_guard lock(mutex_);
    WriteRequest(setup, StatusOf(done), {});
}

std::vector<RecordingUsbWire::Part> RecordingUsbWire::PartsOf(const UsbTransfer &transfer) {
    if (transfer.type == UsbTransferType::kIsochronous) {
        return PartsOfFrames(transfer);
    }
    uint64_t left =
        transfer.type == UsbTransferType::kControl ? transfer.setup.length : transfer.num_bytes();
    left = std::min(left, transfer.num_bytes());
    std::vector<Part> parts;
    uint64_t offset = 0;
    do {
        const auto length = static_cast<uint32_t>(std::min<uint64_t>(left, kRecordedUrbBytes));
        parts.push_back({.offset = offset, .num_bytes = length});
        offset += length;
        left -= length;
    } while (left != 0);
    return parts;
}

std::vector<RecordingUsbWire::Part> RecordingUsbWire::PartsOfFrames(const UsbTransfer &transfer) {
    std::vector<Part> parts;
    uint64_t offset = 0;
    for (size_t i = 0; i < transfer.frames.size(); ++i) {
        const uint32_t length = transfer.frames[i].num_requested;
        if (parts.empty() || parts.back().num_frames == kMaxFramesOfAnUrb ||
            parts.back().num_bytes + uint64_t{length} > kRecordedUrbBytes) {
            parts.push_back({.offset = offset, .first_frame = i});
        }
        parts.back().num_bytes += length;
        ++parts.back().num_frames;
        offset += length;
    }
    return parts;
}

RecordingUsbWire::Recorded RecordingUsbWire::Plan(const UsbTransfer &transfer) {
    const bool is_control = transfer.type == UsbTransferType::kControl;
    const bool is_in = is_control ? transfer.setup.is_in() : transfer.endpoint.is_in();
    Recorded recorded;
    recorded.event.type = transfer.type;
    recorded.event.endpoint = {
        static_cast<uint8_t>(transfer.endpoint.number() | (is_in ? kIn : 0))};
    recorded.event.device = address_;
    recorded.event.bus = bus_;
    recorded.event.flags = (is_in ? kUrbDirectionIn : 0) |
                           (transfer.type == UsbTransferType::kIsochronous ? kUrbIsoAsap : 0);
    recorded.parts = PartsOf(transfer);
    recorded.first_urb = last_urb_ + 1;
    last_urb_ += recorded.parts.size();
    return recorded;
}

void RecordingUsbWire::WriteSubmissions(const Recorded &recorded, const UsbTransfer &transfer) {
    UsbCaptureEvent event = recorded.event;
    event.kind = UsbCaptureEvent::Kind::kSubmission;
    event.status = -EINPROGRESS;
    if (event.type == UsbTransferType::kControl) {
        event.setup = transfer.setup;
    }
    event.urb = recorded.first_urb;
    for (const Part &part : recorded.parts) {
        event.num_bytes = part.num_bytes;
        event.frames.clear();
        uint32_t offset = 0;
        for (size_t i = part.first_frame; i < part.first_frame + part.num_frames; ++i) {
            const uint32_t length = transfer.frames[i].num_requested;
            event.frames.push_back({.status = -EXDEV, .offset = offset, .num_bytes = length});
            offset += length;
        }
        const size_t num_data_bytes = event.endpoint.is_in() ? 0 : part.num_bytes;
        writer_->Write(event, transfer.buffer, part.offset, num_data_bytes);
        ++event.urb;
    }
}

// The part at which the transfer ended has its status; those behind it were cancelled, as a host does.
void RecordingUsbWire::WriteCompletions(const Recorded &recorded, const UsbTransfer &transfer,
                                        const UsbOutcome &outcome) {
    UsbCaptureEvent event = recorded.event;
    event.kind = UsbCaptureEvent::Kind::kCompletion;
    event.urb = recorded.first_urb;
    uint64_t left = outcome.num_bytes;
    bool has_ended = false;
    for (const Part &part : recorded.parts) {
        const bool is_last = &part == &recorded.parts.back();
        const auto num_done = static_cast<uint32_t>(std::min<uint64_t>(left, part.num_bytes));
        left -= num_done;
        const bool ends_here = is_last || num_done < part.num_bytes;
        event.status = has_ended ? -ECONNRESET : (ends_here ? UrbStatusOf(outcome.status) : 0);
        event.num_bytes = num_done;
        has_ended = has_ended || ends_here;
        if (part.num_frames != 0) {
            event.status = UrbStatusOf(outcome.status);
            WriteFramesDone(event, part, transfer);
        } else {
            writer_->Write(event, transfer.buffer, part.offset,
                           event.endpoint.is_in() ? num_done : 0);
        }
        ++event.urb;
    }
}

void RecordingUsbWire::WriteFramesDone(UsbCaptureEvent event, const Part &part,
                                       const UsbTransfer &transfer) {
    uint32_t offset = 0;
    size_t num_data_bytes = 0;
    event.num_bytes = 0;
    for (size_t i = part.first_frame; i < part.first_frame + part.num_frames; ++i) {
        const UsbIsochronousFrame &frame = transfer.frames[i];
        const uint32_t num_done = std::min(frame.num_done, frame.num_requested);
        const int32_t status = UrbStatusOf(frame.status);
        event.frames.push_back({.status = status, .offset = offset, .num_bytes = num_done});
        event.num_bytes += num_done;
        event.num_errors += status != 0 ? 1 : 0;
        num_data_bytes = num_done != 0 ? offset + num_done : num_data_bytes;
        offset += frame.num_requested;
    }
    writer_->Write(event, transfer.buffer, part.offset,
                   event.endpoint.is_in() ? num_data_bytes : 0);
}

void RecordingUsbWire::Start(UsbTransfer &transfer) {
    {
        const std::lock_guard lock(mutex_);
        Recorded recorded = Plan(transfer);
        WriteSubmissions(recorded, transfer);
        recorded_.insert_or_assign(&transfer, std::move(recorded));
    }
    wire_->Start(transfer);
}

void RecordingUsbWire::OnDone(UsbTransfer &transfer, const UsbOutcome &outcome) {
    {
        const std::lock_guard lock(mutex_);
        if (auto found = recorded_.extract(&transfer)) {
            WriteCompletions(found.mapped(), transfer, outcome);
        }
    }
    listener_->OnDone(transfer, outcome);
}

void RecordingUsbWire::Cancel(UsbTransfer &transfer) {
    wire_->Cancel(transfer);
}

BackendResult<void> RecordingUsbWire::SetConfiguration(uint8_t value) {
    auto done = wire_->SetConfiguration(value);
    WriteRequest({.request = kSetConfiguration, .value = value}, done);
    return done;
}

BackendResult<void> RecordingUsbWire::SetAlternateSetting(uint8_t interface_number,
                                                          uint8_t alternate) {
    auto done = wire_->SetAlternateSetting(interface_number, alternate);
    WriteRequest({.request_type = kToInterface,
                  .request = kSetInterface,
                  .value = alternate,
                  .index = interface_number},
                 done);
    return done;
}

BackendResult<void> RecordingUsbWire::ClearHalt(UsbEndpointAddress endpoint, bool tells_device) {
    auto done = wire_->ClearHalt(endpoint, tells_device);
    if (tells_device) {
        WriteRequest(
            {.request_type = kToEndpoint, .request = kClearFeature, .index = endpoint.value}, done);
    }
    return done;
}

BackendResult<void> RecordingUsbWire::Reset() {
    return wire_->Reset();
}

BackendResult<void> RecordingUsbWire::SetStreams(UsbEndpointAddress endpoint,
                                                 uint16_t num_streams) {
    return wire_->SetStreams(endpoint, num_streams);
}

BackendResult<void> RecordingUsbWire::Claim(uint8_t interface_number) {
    return wire_->Claim(interface_number);
}

void RecordingUsbWire::Release(uint8_t interface_number) {
    wire_->Release(interface_number);
}

UsbFrameTime RecordingUsbWire::CurrentFrame() const {
    return wire_->CurrentFrame();
}

std::expected<RecordingSpecification, std::string> ParseRecordingSpecification(
    std::string_view text) {
    constexpr std::string_view kPrefix = "record:";
    if (text.starts_with(kPrefix)) {
        text.remove_prefix(kPrefix.size());
    }
    const size_t comma = text.find(',');
    if (comma == 0 || comma == std::string_view::npos || comma + 1 == text.size()) {
        return std::unexpected(fmt::format(
            "record:{}: write record:FILE.pcapng,DEVICE, such as record:a.pcapng,usbip:host/1-1",
            text));
    }
    return RecordingSpecification{.path = std::string(text.substr(0, comma)),
                                  .device = std::string(text.substr(comma + 1))};
}

std::expected<std::unique_ptr<UsbWire>, std::string> WrapWithRecording(
    std::unique_ptr<UsbWire> wire, const std::string &path) {
    auto writer = CaptureWriter::Create(path);
    if (!writer) {
        return std::unexpected(std::move(writer.error()));
    }
    return std::make_unique<RecordingUsbWire>(std::move(wire), std::move(*writer));
}

}  // namespace opendext::backends
