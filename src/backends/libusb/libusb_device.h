// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include <libusb.h>

#include "backends/api/backend_error.h"
#include "backends/libusb/libusb_context.h"
#include "backends/libusb/libusb_selector.h"
#include "backends/libusb/transfer_engine.h"
#include "backends/usb/usb_wire.h"

namespace opendext::backends {

/// What libusb tells of a device that is not opened.
[[nodiscard]] LibusbPlace PlaceOf(libusb_device *device);

/// "libusb:46f4:0001 (bus 1, port 2)": begins log lines.
[[nodiscard]] std::string Describe(const LibusbPlace &place);

/// A device of this machine, opened. Interfaces that are claimed are taken from drivers of the kernel, and given back
/// when they are released and at the end. Thread-safe; calls that talk to the device return when it has answered or is
/// gone. The device is closed with its last owner, which may be any thread, not a callback of libusb.
class LibusbDevice final : private LibusbSubmission {
public:
    /// @return one line that says what to do when it may not be opened.
    [[nodiscard]] static std::expected<std::shared_ptr<LibusbDevice>, std::string> Open(
        std::shared_ptr<LibusbContext> context, libusb_device *device,
        TransferEngine::Report report);

    ~LibusbDevice() override;
    LibusbDevice(const LibusbDevice &) = delete;
    LibusbDevice &operator=(const LibusbDevice &) = delete;

    /// Reads all descriptors and strings. Handles libusb's events meanwhile: call it before the thread that does.
    /// @return what is wrong with them, in one line.
    [[nodiscard]] std::expected<UsbAttachment, std::string> ReadAttachment();

    [[nodiscard]] const std::string &name() const { return name_; }
    [[nodiscard]] TransferEngine &transfers() { return transfers_; }
    [[nodiscard]] bool Is(libusb_device *device) const {
        return libusb_get_device(handle_.get()) == device;
    }

    /// As of UsbWire.
    [[nodiscard]] BackendResult<void> Claim(uint8_t interface_number);
    void Release(uint8_t interface_number);
    [[nodiscard]] BackendResult<void> SetConfiguration(uint8_t value);
    [[nodiscard]] BackendResult<void> SetAlternateSetting(uint8_t interface_number,
                                                          uint8_t alternate);
    [[nodiscard]] BackendResult<void> ClearHalt(UsbEndpointAddress endpoint);
    [[nodiscard]] BackendResult<void> Reset();
    [[nodiscard]] BackendResult<void> SetStreams(UsbEndpointAddress endpoint, uint16_t num_streams);

private:
    LibusbDevice(std::shared_ptr<LibusbContext> context, libusb_device_handle *handle,
                 std::string name, TransferEngine::Report report);

    int Submit(libusb_transfer *transfer) override;
    int Cancel(libusb_transfer *transfer) override;
    void Wake() override;
    std::byte *MapMemory(size_t num_bytes) override;
    void UnmapMemory(std::byte *memory, size_t num_bytes) override;

    void TakeFromKernel();
    void GiveBackToKernel();

    const std::shared_ptr<LibusbContext> context_;
    struct Close {
        void operator()(libusb_device_handle *handle) const { libusb_close(handle); }
    };
    const std::unique_ptr<libusb_device_handle, Close> handle_;
    const std::string name_;
    TransferEngine transfers_;

    std::mutex mutex_;  // Held around calls of libusb that change what is claimed.
    std::set<uint8_t> claimed_;
    std::set<uint8_t> taken_;  // From drivers of the kernel, beyond those that are claimed.
};

}  // namespace opendext::backends
