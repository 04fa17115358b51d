// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "backends/api/usb_types.h"
#include "tests/hardware/wire_rig.h"

namespace opendext::hardware {

/// The emulated disk: each 32-bit word, little-endian, is its own number.
constexpr uint32_t kBlockBytes = 512;
[[nodiscard]] bool IsDiskContent(std::span<const std::byte> bytes, uint64_t offset);

/// SCSI commands to a USB disk, one at a time: the Bulk-Only Transport, over a bare wire.
class BulkOnlyDisk {
public:
    BulkOnlyDisk(WireRig &rig, const backends::UsbAttachment &attachment);

    /// What a command returned.
    struct Answer {
        backends::UsbOutcome data;
        uint8_t status = 0xFF;  ///< Of the command: 0 is success. 0xFF: there was no valid status.
    };

    [[nodiscard]] std::shared_ptr<Request> MakeIn(uint64_t num_bytes, uint64_t span_bytes = 0);
    /// READ(10) into `data`.
    [[nodiscard]] Answer Read(uint32_t block, Request &data);
    /// Any command that has `num_bytes` of data from the disk; the request may ask for more.
    [[nodiscard]] Answer Execute(std::span<const uint8_t> command, uint32_t num_bytes,
                                 Request &data);
    /// A command block without meaning: the disk stalls.
    [[nodiscard]] backends::UsbStatus SendGarbage();

    [[nodiscard]] backends::UsbEndpointAddress in() const { return in_; }
    [[nodiscard]] backends::UsbEndpointAddress out() const { return out_; }

private:
    WireRig &rig_;
    backends::UsbEndpointAddress in_;
    backends::UsbEndpointAddress out_;
    uint32_t tag_ = 0;
};

}  // namespace opendext::hardware
