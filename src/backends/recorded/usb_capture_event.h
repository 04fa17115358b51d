// SPDX-License-Identifier: Apache-2.0
/// @file usb_capture_event.h
/// The packets of USB captures: what usbmon (Linux) and USBPcap (Windows) write, in one form. Pure; any thread.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backends/api/usb_types.h"
#include "backends/recorded/capture_file.h"

namespace opendext::backends {

// Link types of packets that are URBs.
inline constexpr uint16_t kLinkTypeUsbLinux = 189;         ///< usbmon, a head of 48 bytes.
inline constexpr uint16_t kLinkTypeUsbLinuxMmapped = 220;  ///< usbmon, a head of 64 bytes. Written.
inline constexpr uint16_t kLinkTypeUsbPcap = 249;
inline constexpr uint16_t kLinkTypeUsbDarwin = 266;  ///< A Mac's, without isochronous transfers.

/// Whether packets of that type can be URBs.
constexpr bool IsUsbLinkType(uint16_t link_type) {
    return link_type == kLinkTypeUsbLinux || link_type == kLinkTypeUsbLinuxMmapped ||
           link_type == kLinkTypeUsbPcap || link_type == kLinkTypeUsbDarwin;
}

/// One isochronous packet of an event.
struct UsbCaptureFrame {
    int32_t status = 0;
    uint32_t offset = 0;     ///< In the data.
    uint32_t num_bytes = 0;  ///< Of a submission: room or data. Of a completion: that have moved.

    bool operator==(const UsbCaptureFrame &) const = default;
};

/// The beginning or the end of an URB.
struct UsbCaptureEvent {
    enum class Kind : uint8_t { kSubmission, kCompletion, kError };

    uint64_t urb = 0;  ///< Joins a submission and its completion.
    Kind kind = Kind::kSubmission;
    UsbTransferType type = UsbTransferType::kControl;
    UsbEndpointAddress endpoint;  ///< With the direction, of control transfers too.
    uint8_t device = 0;
    uint16_t bus = 0;
    std::optional<UsbSetup> setup;  ///< Of the submission of a control transfer.
    uint64_t time_nanoseconds = 0;
    int32_t status = 0;      ///< As of an URB.
    uint32_t num_bytes = 0;  ///< Submission: asked for. Completion: moved.
    bool has_length = true;  ///< False: the capture does not tell num_bytes.
    uint32_t interval = 0;
    uint32_t start_frame = 0;
    uint32_t flags = 0;
    uint32_t num_errors = 0;
    std::vector<UsbCaptureFrame> frames;
    std::span<const std::byte> data;  ///< OUT submissions and IN completions.
    bool is_cut = false;              ///< There was more data than was captured.
};

/// Reads a packet of one of the link types above. @return nullopt for one that is no URB of a transfer; what is wrong
/// with it. The result refers to the packet.
[[nodiscard]] std::expected<std::optional<UsbCaptureEvent>, std::string> DecodeUsbCapture(
    const CapturePacket &packet);

/// As DecodeUsbCapture, of one link type each.
[[nodiscard]] std::expected<std::optional<UsbCaptureEvent>, std::string> DecodeUsbmon(
    std::span<const std::byte> packet, std::endian order, size_t head_bytes);
[[nodiscard]] std::expected<std::optional<UsbCaptureEvent>, std::string> DecodeUsbPcap(
    std::span<const std::byte> packet);
[[nodiscard]] std::expected<std::optional<UsbCaptureEvent>, std::string> DecodeUsbDarwin(
    std::span<const std::byte> packet);

/// The packet that usbmon would have written on this machine, in front of the data. `num_data_bytes` follow, and are
/// not event.data's.
void EncodeUsbmonHead(const UsbCaptureEvent &event, size_t num_data_bytes,
                      std::vector<std::byte> &out);

}  // namespace opendext::backends
