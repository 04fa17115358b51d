// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backends/api/usb_types.h"
#include "backends/recorded/capture_file.h"
#include "backends/recorded/usb_capture_event.h"

namespace opendext::backends {

/// One transfer of a capture: what was asked for and what came of it. Refers to the file's bytes.
struct CapturedTransfer {
    UsbTransferType type = UsbTransferType::kControl;
    UsbEndpointAddress endpoint;  ///< With the direction, of control transfers too.
    UsbSetup setup;               ///< Of control transfers.
    size_t submission = 0;        ///< Number of the packet; 0: the capture began later.
    size_t completion = 0;  ///< Number of the packet; 0: it had not ended when the capture did.
    std::optional<uint32_t> num_requested;  ///< Not known of everything.
    uint32_t num_done = 0;
    int32_t status = 0;                   ///< As of an URB.
    std::span<const std::byte> data;      ///< OUT: what was sent. IN: what came.
    bool is_cut = false;                  ///< `data` is not all of it.
    std::vector<UsbCaptureFrame> frames;  ///< Isochronous; of the completion if there is one.

    /// The packet that tells most of it.
    [[nodiscard]] size_t packet() const { return submission != 0 ? submission : completion; }
    [[nodiscard]] bool has_ended() const { return completion != 0; }
};

/// Bus and address, as they name a device in a capture.
struct CapturedDeviceId {
    uint16_t bus = 0;
    uint8_t address = 0;

    auto operator<=>(const CapturedDeviceId &) const = default;
    /// "1.5".
    [[nodiscard]] std::string ToString() const;
};

/// All that a capture says of one device.
struct CapturedDevice {
    CapturedDeviceId id;
    std::vector<CapturedTransfer> transfers;  ///< In the order of their submissions.
    std::string_view note;  ///< What the recorder has written of it; see recording_notes.h.
    size_t first_packet = 0;
};

struct CapturedDevices {
    std::vector<CapturedDevice> devices;  ///< In the order in which they appear; without address 0.
    std::optional<CaptureFault> cut;      ///< As of CaptureContents.
};

/// Joins the submissions and completions of a file. A packet that is broken is a fault; one of another kind is passed
/// over.
[[nodiscard]] std::expected<CapturedDevices, CaptureFault> ReadCapturedDevices(
    std::span<const std::byte> file);

}  // namespace opendext::backends
