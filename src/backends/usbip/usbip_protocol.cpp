// SPDX-License-Identifier: Apache-2.0
#include "backends/usbip/usbip_protocol.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include "base/byte_cursor.h"

namespace opendext::backends {

namespace {

enum class Code : uint32_t { kSubmit = 1, kUnlink = 2, kSubmitReply = 3, kUnlinkReply = 4 };

constexpr size_t kPathBytes = 256;
constexpr uint32_t kNoFrames = 0xFFFFFFFF;

ByteWriter Writer(std::vector<std::byte> &out) {
    return {out, std::endian::big};
}

void PutText(ByteWriter &writer, std::string_view text, size_t num_bytes) {
    const size_t length = std::min(text.size(), num_bytes - 1);
    writer.PutBytes(std::as_bytes(std::span(text.data(), length))).PutZeros(num_bytes - length);
}

// nullopt when it does not end, or is not to be printed.
std::optional<std::string> TakeText(ByteReader &reader, size_t num_bytes) {
    const auto bytes = reader.TakeBytes(num_bytes);
    const auto end = std::ranges::find(bytes, std::byte{0});
    if (end == bytes.end() || !std::all_of(bytes.begin(), end, [](std::byte each) {
            return each >= std::byte{0x20} && each < std::byte{0x7F};
        })) {
        return std::nullopt;
    }
    return std::string(reinterpret_cast<const char *>(bytes.data()),
                       static_cast<size_t>(end - bytes.begin()));
}

void PutHeader(ByteWriter &writer, Code code, const UsbipAddressing &who) {
    writer.Put(static_cast<uint32_t>(code))
        .Put(who.seqnum)
        .Put(who.device_id)
        .Put(uint32_t{who.is_in})
        .Put(uint32_t{who.endpoint});
}

std::expected<UsbipAddressing, UsbipError> TakeAddressing(ByteReader &reader) {
    UsbipAddressing who;
    who.seqnum = reader.Take<uint32_t>();
    who.device_id = reader.Take<uint32_t>();
    const auto direction = reader.Take<uint32_t>();
    const auto endpoint = reader.Take<uint32_t>();
    if (direction > 1 || endpoint > 15) {
        return std::unexpected(fmt::format("message {} has direction {} and endpoint {}",
                                           who.seqnum, direction, endpoint));
    }
    who.is_in = direction == 1;
    who.endpoint = static_cast<uint8_t>(endpoint);
    return who;
}

std::expected<void, UsbipError> CheckCounts(uint32_t seqnum, uint32_t num_bytes,
                                            uint32_t &num_frames) {
    if (num_bytes > INT32_MAX) {
        return std::unexpected(
            fmt::format("message {} counts {} bytes", seqnum, static_cast<int32_t>(num_bytes)));
    }
    num_frames = num_frames == kNoFrames ? 0 : num_frames;
    if (num_frames > kUsbipMaxFrames) {
        return std::unexpected(
            fmt::format("message {} counts {} isochronous packets; {} is the most", seqnum,
                        static_cast<int32_t>(num_frames), kUsbipMaxFrames));
    }
    return {};
}

std::expected<UsbipCommand, UsbipError> TakeSubmit(const UsbipAddressing &to, ByteReader &reader) {
    UsbipSubmit submit{.to = to};
    submit.flags = reader.Take<uint32_t>();
    submit.num_bytes = reader.Take<uint32_t>();
    submit.start_frame = reader.Take<uint32_t>();
    submit.num_frames = reader.Take<uint32_t>();
    submit.interval = reader.Take<uint32_t>();
    std::ranges::copy(reader.TakeBytes(submit.setup.size()), submit.setup.begin());
    if (auto checked = CheckCounts(to.seqnum, submit.num_bytes, submit.num_frames); !checked) {
        return std::unexpected(std::move(checked.error()));
    }
    return submit;
}

std::expected<UsbipReply, UsbipError> TakeSubmitReply(const UsbipAddressing &from,
                                                      ByteReader &reader) {
    UsbipSubmitReply reply{.from = from};
    reply.status = reader.Take<int32_t>();
    reply.num_bytes = reader.Take<uint32_t>();
    reply.start_frame = reader.Take<uint32_t>();
    reply.num_frames = reader.Take<uint32_t>();
    reply.num_errors = reader.Take<uint32_t>();
    if (reply.status > 0) {
        return std::unexpected(fmt::format("message {} has the status {}, which no error number is",
                                           from.seqnum, reply.status));
    }
    if (auto checked = CheckCounts(from.seqnum, reply.num_bytes, reply.num_frames); !checked) {
        return std::unexpected(std::move(checked.error()));
    }
    return reply;
}

std::optional<UsbSpeed> SpeedOf(uint32_t number) {
    switch (number) {
        case 1:
            return UsbSpeed::kLow;
        case 2:
            return UsbSpeed::kFull;
        case 3:
        case 4:  // wireless, which has gone
            return UsbSpeed::kHigh;
        case 5:
            return UsbSpeed::kSuper;
        case 6:
            return UsbSpeed::kSuperPlus;
        default:
            return std::nullopt;
    }
}

}  // namespace

std::string DescribeUsbipOperationStatus(uint32_t status) {
    switch (status) {
        case 1:
            return "the server refuses (1)";
        case 2:
            return "the device is in use, by another client perhaps (2)";
        case 3:
            return "the device has an error on the server (3)";
        case 4:
            return "the server exports no such device (4)";
        case 5:
            return "the server did not understand the request (5)";
        default:
            return fmt::format("the server answers with the status {}", status);
    }
}

void EncodeUsbip(const UsbipOperation &operation, std::vector<std::byte> &out) {
    Writer(out)
        .Put(operation.version)
        .Put(static_cast<uint16_t>(operation.code))
        .Put(operation.status);
}

void EncodeUsbipBusId(const std::string &bus_id, std::vector<std::byte> &out) {
    ByteWriter writer = Writer(out);
    PutText(writer, bus_id, kUsbipBusIdBytes);
}

void EncodeUsbip(const UsbipDevice &device, std::vector<std::byte> &out) {
    ByteWriter writer = Writer(out);
    PutText(writer, device.path, kPathBytes);
    PutText(writer, device.bus_id, kUsbipBusIdBytes);
    writer.Put(device.bus)
        .Put(device.address)
        .Put(UsbipSpeedNumber(device.speed))
        .Put(device.vendor)
        .Put(device.product)
        .Put(device.version)
        .Put(device.device_class)
        .Put(device.device_subclass)
        .Put(device.device_protocol)
        .Put(device.configuration)
        .Put(device.num_configurations)
        .Put(device.num_interfaces);
}

void EncodeUsbip(const UsbipInterface &interface, std::vector<std::byte> &out) {
    Writer(out)
        .Put(interface.interface_class)
        .Put(interface.interface_subclass)
        .Put(interface.interface_protocol)
        .PutZeros(1);
}

void EncodeUsbip(const UsbipSubmit &submit, std::vector<std::byte> &out) {
    ByteWriter writer = Writer(out);
    PutHeader(writer, Code::kSubmit, submit.to);
    writer.Put(submit.flags)
        .Put(submit.num_bytes)
        .Put(submit.start_frame)
        .Put(submit.num_frames)
        .Put(submit.interval)
        .PutBytes(submit.setup);
}

void EncodeUsbip(const UsbipUnlink &unlink, std::vector<std::byte> &out) {
    ByteWriter writer = Writer(out);
    PutHeader(writer, Code::kUnlink, unlink.to);
    writer.Put(unlink.victim).PutZeros(24);
}

void EncodeUsbip(const UsbipSubmitReply &reply, std::vector<std::byte> &out) {
    ByteWriter writer = Writer(out);
    PutHeader(writer, Code::kSubmitReply, reply.from);
    writer.Put(reply.status)
        .Put(reply.num_bytes)
        .Put(reply.start_frame)
        .Put(reply.num_frames)
        .Put(reply.num_errors)
        .PutZeros(8);
}

void EncodeUsbip(const UsbipUnlinkReply &reply, std::vector<std::byte> &out) {
    ByteWriter writer = Writer(out);
    PutHeader(writer, Code::kUnlinkReply, reply.from);
    writer.Put(reply.status).PutZeros(24);
}

void EncodeUsbip(const UsbipFrame &frame, std::vector<std::byte> &out) {
    Writer(out).Put(frame.offset).Put(frame.num_bytes).Put(frame.num_done).Put(frame.status);
}

std::expected<UsbipOperation, UsbipError> DecodeUsbipOperation(
    std::span<const std::byte, kUsbipOperationBytes> bytes) {
    ByteReader reader(bytes, std::endian::big);
    UsbipOperation operation;
    operation.version = reader.Take<uint16_t>();
    const auto code = reader.Take<uint16_t>();
    operation.status = reader.Take<uint32_t>();
    operation.code = static_cast<UsbipOperationCode>(code);
    switch (operation.code) {
        case UsbipOperationCode::kListRequest:
        case UsbipOperationCode::kListReply:
        case UsbipOperationCode::kImportRequest:
        case UsbipOperationCode::kImportReply:
            break;
        default:
            return std::unexpected(fmt::format("unknown operation 0x{:04x}", code));
    }
    if (operation.version != kUsbipVersion) {
        return std::unexpected(fmt::format("protocol version 0x{:04x}; only 0x{:04x} is understood",
                                           operation.version, kUsbipVersion));
    }
    return operation;
}

std::expected<std::string, UsbipError> DecodeUsbipBusId(
    std::span<const std::byte, kUsbipBusIdBytes> bytes) {
    ByteReader reader(bytes, std::endian::big);
    auto bus_id = TakeText(reader, kUsbipBusIdBytes);
    if (!bus_id || bus_id->empty()) {
        return std::unexpected("a bus id that is no text");
    }
    return std::move(*bus_id);
}

std::expected<UsbipDevice, UsbipError> DecodeUsbipDevice(
    std::span<const std::byte, kUsbipDeviceBytes> bytes) {
    ByteReader reader(bytes, std::endian::big);
    UsbipDevice device;
    auto path = TakeText(reader, kPathBytes);
    auto bus_id = TakeText(reader, kUsbipBusIdBytes);
    if (!path || !bus_id || bus_id->empty()) {
        return std::unexpected("a device's path or bus id is no text");
    }
    device.path = std::move(*path);
    device.bus_id = std::move(*bus_id);
    device.bus = reader.Take<uint32_t>();
    device.address = reader.Take<uint32_t>();
    const auto speed = reader.Take<uint32_t>();
    device.vendor = reader.Take<uint16_t>();
    device.product = reader.Take<uint16_t>();
    device.version = reader.Take<uint16_t>();
    device.device_class = reader.Take<uint8_t>();
    device.device_subclass = reader.Take<uint8_t>();
    device.device_protocol = reader.Take<uint8_t>();
    device.configuration = reader.Take<uint8_t>();
    device.num_configurations = reader.Take<uint8_t>();
    device.num_interfaces = reader.Take<uint8_t>();
    if (device.bus > 0xFFFF || device.address > 0xFFFF) {
        return std::unexpected(fmt::format("device {} has bus {} and address {}", device.bus_id,
                                           device.bus, device.address));
    }
    const auto known_speed = SpeedOf(speed);
    if (!known_speed) {
        return std::unexpected(
            fmt::format("device {} has the unknown speed {}", device.bus_id, speed));
    }
    device.speed = *known_speed;
    return device;
}

std::expected<UsbipCommand, UsbipError> DecodeUsbipCommand(UsbipHeaderBytes bytes) {
    ByteReader reader(bytes, std::endian::big);
    const auto code = reader.Take<uint32_t>();
    const auto to = TakeAddressing(reader);
    if (!to) {
        return std::unexpected(to.error());
    }
    switch (static_cast<Code>(code)) {
        case Code::kSubmit:
            return TakeSubmit(*to, reader);
        case Code::kUnlink:
            return UsbipUnlink{.to = *to, .victim = reader.Take<uint32_t>()};
        default:
            return std::unexpected(
                fmt::format("message {} is no command: its code is {}", to->seqnum, code));
    }
}

std::expected<UsbipReply, UsbipError> DecodeUsbipReply(UsbipHeaderBytes bytes) {
    ByteReader reader(bytes, std::endian::big);
    const auto code = reader.Take<uint32_t>();
    const auto from = TakeAddressing(reader);
    if (!from) {
        return std::unexpected(from.error());
    }
    switch (static_cast<Code>(code)) {
        case Code::kSubmitReply:
            return TakeSubmitReply(*from, reader);
        case Code::kUnlinkReply:
            return UsbipUnlinkReply{.from = *from, .status = reader.Take<int32_t>()};
        default:
            return std::unexpected(
                fmt::format("message {} is no reply: its code is {}", from->seqnum, code));
    }
}

std::vector<UsbipFrame> DecodeUsbipFrames(std::span<const std::byte> bytes) {
    ByteReader reader(bytes, std::endian::big);
    std::vector<UsbipFrame> frames(bytes.size() / kUsbipFrameBytes);
    for (UsbipFrame &frame : frames) {
        frame.offset = reader.Take<uint32_t>();
        frame.num_bytes = reader.Take<uint32_t>();
        frame.num_done = reader.Take<uint32_t>();
        frame.status = reader.Take<int32_t>();
    }
    return frames;
}

uint32_t UsbipSpeedNumber(UsbSpeed speed) {
    switch (speed) {
        case UsbSpeed::kLow:
            return 1;
        case UsbSpeed::kFull:
            return 2;
        case UsbSpeed::kHigh:
            return 3;
        case UsbSpeed::kSuper:
            return 5;
        case UsbSpeed::kSuperPlus:
            return 6;
    }
    return 0;
}

}  // namespace opendext::backends
