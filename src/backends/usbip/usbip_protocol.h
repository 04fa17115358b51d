// SPDX-License-Identifier: Apache-2.0
/// @file usbip_protocol.h
/// The messages of USB/IP, protocol version 1.1.1, to bytes and back. Numbers are big-endian. A connection begins with
/// operations (list, import); after an import it carries commands one way and replies the other, each with a header of
/// 48 bytes, then the data, then one descriptor for each isochronous packet. Pure; any thread.
/// What their fields mean is in api/usb_urb.h.
///
/// What is decoded here came from another machine: every function refuses what is out of range, in one line. Whether a
/// reply fits its command is for who sent that to check.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "backends/api/usb_types.h"

namespace opendext::backends {

inline constexpr uint16_t kUsbipVersion = 0x0111;
inline constexpr uint16_t kUsbipTcpPort = 3240;

inline constexpr size_t kUsbipOperationBytes = 8;
inline constexpr size_t kUsbipBusIdBytes = 32;
inline constexpr size_t kUsbipDeviceBytes = 312;
inline constexpr size_t kUsbipInterfaceBytes = 4;
inline constexpr size_t kUsbipHeaderBytes = 48;
inline constexpr size_t kUsbipFrameBytes = 16;

/// Packets of one isochronous command; Linux takes no more.
inline constexpr uint32_t kUsbipMaxFrames = 1024;

enum class UsbipOperationCode : uint16_t {
    kListRequest = 0x8005,
    kListReply = 0x0005,
    kImportRequest = 0x8003,
    kImportReply = 0x0003,
};

struct UsbipOperation {
    uint16_t version = kUsbipVersion;
    UsbipOperationCode code = UsbipOperationCode::kListRequest;
    uint32_t status = 0;  ///< Of replies; 0: done.
};

/// "the device is in use" for the status of an operation's reply.
[[nodiscard]] std::string DescribeUsbipOperationStatus(uint32_t status);

/// A device that a server exports.
struct UsbipDevice {
    std::string path;    ///< Where the server has it; at most 255 bytes.
    std::string bus_id;  ///< What it is imported by: "1-1.2"; at most 31 bytes.
    uint32_t bus = 0;
    uint32_t address = 0;
    UsbSpeed speed = UsbSpeed::kHigh;
    uint16_t vendor = 0;
    uint16_t product = 0;
    uint16_t version = 0;
    uint8_t device_class = 0;
    uint8_t device_subclass = 0;
    uint8_t device_protocol = 0;
    uint8_t configuration = 0;
    uint8_t num_configurations = 0;
    uint8_t num_interfaces = 0;

    /// How commands name it.
    [[nodiscard]] uint32_t device_id() const { return bus << 16 | address; }
    bool operator==(const UsbipDevice &) const = default;
};

struct UsbipInterface {
    uint8_t interface_class = 0;
    uint8_t interface_subclass = 0;
    uint8_t interface_protocol = 0;
};

/// The fields that every header begins with. Replies of Linux leave all but the number 0.
struct UsbipAddressing {
    uint32_t seqnum = 0;
    uint32_t device_id = 0;
    bool is_in = false;
    uint8_t endpoint = 0;  ///< Its number, 0..15.

    bool operator==(const UsbipAddressing &) const = default;
};

/// A transfer, or a part of one.
struct UsbipSubmit {
    UsbipAddressing to;
    uint32_t flags = 0;      ///< Linux's URB flags.
    uint32_t num_bytes = 0;  ///< OUT: they follow. IN: room for them.
    uint32_t start_frame = 0;
    uint32_t num_frames =
        0;  ///< Isochronous packets; their descriptors follow the data. 0 for the other types.
    uint32_t interval = 0;  ///< In frames (microframes) between packets.
    std::array<std::byte, 8> setup = {};

    bool operator==(const UsbipSubmit &) const = default;
};

/// Asks for the end of an earlier command.
struct UsbipUnlink {
    UsbipAddressing to;
    uint32_t victim = 0;  ///< seqnum of the command.

    bool operator==(const UsbipUnlink &) const = default;
};

struct UsbipSubmitReply {
    UsbipAddressing from;
    int32_t status = 0;  ///< 0, or minus one of Linux's error numbers.
    uint32_t num_bytes =
        0;  ///< That have moved. IN: they follow, without the gaps of short isochronous packets.
    uint32_t start_frame = 0;
    uint32_t num_frames = 0;
    uint32_t num_errors = 0;

    bool operator==(const UsbipSubmitReply &) const = default;
};

struct UsbipUnlinkReply {
    UsbipAddressing from;
    int32_t status = 0;  ///< -ECONNRESET: unlinked; 0: it had ended before.

    bool operator==(const UsbipUnlinkReply &) const = default;
};

/// One isochronous packet of a command or a reply.
struct UsbipFrame {
    uint32_t offset = 0;
    uint32_t num_bytes = 0;
    uint32_t num_done = 0;
    int32_t status = 0;

    bool operator==(const UsbipFrame &) const = default;
};

using UsbipCommand = std::variant<UsbipSubmit, UsbipUnlink>;
using UsbipReply = std::variant<UsbipSubmitReply, UsbipUnlinkReply>;

/// Why bytes were refused: "reply 7 says that -3 bytes have moved".
using UsbipError = std::string;

using UsbipHeaderBytes = std::span<const std::byte, kUsbipHeaderBytes>;

// Each appends what the message is in bytes.
void EncodeUsbip(const UsbipOperation &operation, std::vector<std::byte> &out);
/// A name that is too long is cut.
void EncodeUsbipBusId(const std::string &bus_id, std::vector<std::byte> &out);
void EncodeUsbip(const UsbipDevice &device, std::vector<std::byte> &out);
void EncodeUsbip(const UsbipInterface &interface, std::vector<std::byte> &out);
void EncodeUsbip(const UsbipSubmit &submit, std::vector<std::byte> &out);
void EncodeUsbip(const UsbipUnlink &unlink, std::vector<std::byte> &out);
void EncodeUsbip(const UsbipSubmitReply &reply, std::vector<std::byte> &out);
void EncodeUsbip(const UsbipUnlinkReply &reply, std::vector<std::byte> &out);
void EncodeUsbip(const UsbipFrame &frame, std::vector<std::byte> &out);

/// The version must be ours, and the code one of the four.
[[nodiscard]] std::expected<UsbipOperation, UsbipError> DecodeUsbipOperation(
    std::span<const std::byte, kUsbipOperationBytes> bytes);
/// 1 to 31 printable characters, ended by a 0.
[[nodiscard]] std::expected<std::string, UsbipError> DecodeUsbipBusId(
    std::span<const std::byte, kUsbipBusIdBytes> bytes);
/// The texts must end, the speed must be one that there is, and bus and address must fit a device id.
[[nodiscard]] std::expected<UsbipDevice, UsbipError> DecodeUsbipDevice(
    std::span<const std::byte, kUsbipDeviceBytes> bytes);

/// What a server receives. Lengths are not negative, there are at most kUsbipMaxFrames packets (-1 stands for 0, as
/// some clients have it), the endpoint is one, the direction in or out.
[[nodiscard]] std::expected<UsbipCommand, UsbipError> DecodeUsbipCommand(UsbipHeaderBytes bytes);
/// What a client receives; checked likewise. A status is not positive.
[[nodiscard]] std::expected<UsbipReply, UsbipError> DecodeUsbipReply(UsbipHeaderBytes bytes);
/// `bytes` hold whole descriptors. Unchecked numbers: compare them with the command.
[[nodiscard]] std::vector<UsbipFrame> DecodeUsbipFrames(std::span<const std::byte> bytes);

/// Linux's number for a speed, as devices are listed with.
[[nodiscard]] uint32_t UsbipSpeedNumber(UsbSpeed speed);

}  // namespace opendext::backends
