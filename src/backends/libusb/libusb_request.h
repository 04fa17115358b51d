// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <libusb.h>

#include "backends/api/usb_transfer.h"
#include "backends/libusb/transfer_pieces.h"

namespace opendext::backends {

[[nodiscard]] bool IsIn(const UsbTransfer &transfer);

/// Whether libusb can be asked for such a transfer: kSuccess, or how it ends.
[[nodiscard]] UsbStatus CheckRequest(const UsbTransfer &transfer);

/// The pieces of a transfer. Only bulk transfers may be cut: the others are one request to the device.
[[nodiscard]] PieceCutter CutterOf(const UsbTransfer &transfer);

/// A libusb_transfer with the memory that it needs besides the caller's. Used again and again; not moved, and not
/// destroyed while libusb has it.
class LibusbRequest {
public:
    LibusbRequest() = default;
    ~LibusbRequest() { libusb_free_transfer(transfer_); }
    LibusbRequest(const LibusbRequest &) = delete;
    LibusbRequest &operator=(const LibusbRequest &) = delete;

    /// With room for so many isochronous frames. Once, first. @return false when there is no memory.
    [[nodiscard]] bool Allocate(size_t num_frames);
    [[nodiscard]] size_t num_frames() const { return num_frames_; }

    /// Makes it a request for `cut` of `transfer`. Its data lies in `room`, which is large enough and stays until Finish;
    /// empty: in the transfer's own buffer, or where that cannot be in memory of this object. Load comes next.
    void Fill(libusb_device_handle *device, const UsbTransfer &transfer, const TransferPiece &cut,
              std::span<std::byte> room, libusb_transfer_cb_fn callback, void *user_data);

    /// Puts what the device is to get where the data lies. Then it can be submitted.
    void Load(const UsbTransfer &transfer, const TransferPiece &cut) const;

    /// After it has come back: puts what was read into the transfer's buffer and frames. @return how it ended.
    UsbOutcome Finish(UsbTransfer &transfer, const TransferPiece &cut) const;

    [[nodiscard]] libusb_transfer *get() const { return transfer_; }

private:
    void FillSetup(const UsbSetup &setup);
    void FillFrames(const UsbTransfer &transfer);
    void FinishFrames(UsbTransfer &transfer, UsbOutcome &outcome) const;

    libusb_transfer *transfer_ = nullptr;
    size_t num_frames_ = 0;
    std::vector<std::byte> copy_;   // The setup packet, and data that is not contiguous.
    std::span<std::byte> outside_;  // The data, where it does not lie in the transfer's buffer.
    bool is_outside_ = false;
};

}  // namespace opendext::backends
