// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "backends/api/dma_address_space.h"
#include "backends/api/usb_types.h"

namespace opendext::backends {

/// One frame (a microframe at high speed and above) of an isochronous transfer.
struct UsbIsochronousFrame {
    uint32_t num_requested = 0;  ///< Bytes; the frames' bytes follow each other in the buffer.
    uint32_t num_done = 0;
    UsbStatus status = UsbStatus::kUnderrun;
    uint64_t mach_time = 0;  ///< When it was over.
};

/// How a transfer ended, and how much of it had moved by then.
struct UsbOutcome {
    UsbStatus status = UsbStatus::kSuccess;
    uint64_t num_bytes = 0;  ///< Of the data stage or stage of bulk and interrupt transfers.
};

/// One request to one endpoint. Derive, and hand it to UsbBackend::Submit: from then on it belongs to the backend,
/// which ends it by exactly one call of OnComplete and destroys it afterwards. What the buffers stand on is kept by
/// the derived class.
class UsbTransfer {
public:
    virtual ~UsbTransfer() = default;
    UsbTransfer(const UsbTransfer &) = delete;
    UsbTransfer &operator=(const UsbTransfer &) = delete;

    /// Called once, on any thread: that of Submit or Abort, too. Returns soon, takes no lock that is held around a call
    /// of the backend, and does not wait for another transfer. It may submit.
    virtual void OnComplete(const UsbOutcome &outcome) = 0;

    [[nodiscard]] uint64_t num_bytes() const {
        uint64_t sum = 0;
        for (const HostSpan &piece : buffer) {
            sum += piece.num_bytes;
        }
        return sum;
    }

    UsbTransferType type = UsbTransferType::kControl;
    UsbEndpointAddress endpoint;   ///< 0 for control transfers, whose direction is in `setup`.
    UsbSetup setup;                ///< Control transfers; `length` is at most num_bytes().
    uint16_t stream = 0;           ///< Bulk streams: 1 and up; 0: the endpoint has no streams.
    std::vector<HostSpan> buffer;  ///< One after the other. OUT: only read; IN: only written.
    uint32_t timeout_ms = 0;       ///< From Submit to the end; 0: none.
    uint64_t first_frame = 0;  ///< Isochronous: frame number to begin with; 0: as soon as possible.
    std::vector<UsbIsochronousFrame> frames;  ///< Isochronous: filled in before OnComplete.

protected:
    UsbTransfer() = default;
};

}  // namespace opendext::backends
