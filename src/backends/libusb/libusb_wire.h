// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <expected>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>

#include <libusb.h>

#include "backends/libusb/libusb_context.h"
#include "backends/libusb/libusb_device.h"
#include "backends/libusb/libusb_selector.h"
#include "backends/usb/usb_wire.h"

namespace opendext::backends {

/// The way to hardware on this machine, through libusb. It waits until the device that the selector names is plugged
/// in, opens it, and waits again after it has gone.
///
/// One thread handles libusb's events and calls the listener; transfers are submitted to the kernel on the thread that
/// starts them. What differs from other wires, because libusb knows no better:
/// - ClearHalt always tells the device, since the host's side alone cannot be cleared;
/// - isochronous transfers begin as soon as possible, at the earliest in the frame asked for only if that is now or the
///   endpoint is busy until then, and the frames' times are those of the whole transfer's end;
/// - the frame counter is the host's clock.
class LibusbWire final : public UsbWire {
public:
    /// Looks for the device. One that is not there yet is waited for; one that is there and cannot be used is an error.
    /// @return what to do about it, in one line.
    [[nodiscard]] static std::expected<std::unique_ptr<LibusbWire>, std::string> Create(
        LibusbSelector selector);

    ~LibusbWire() override;
    LibusbWire(const LibusbWire &) = delete;
    LibusbWire &operator=(const LibusbWire &) = delete;

    void Begin(UsbWireListener &listener) override;
    void End() override;
    void Start(UsbTransfer &transfer) override;
    void Cancel(UsbTransfer &transfer) override;
    [[nodiscard]] BackendResult<void> SetConfiguration(uint8_t value) override;
    [[nodiscard]] BackendResult<void> SetAlternateSetting(uint8_t interface_number,
                                                          uint8_t alternate) override;
    [[nodiscard]] BackendResult<void> ClearHalt(UsbEndpointAddress endpoint,
                                                bool tells_device) override;
    [[nodiscard]] BackendResult<void> Reset() override;
    [[nodiscard]] BackendResult<void> SetStreams(UsbEndpointAddress endpoint,
                                                 uint16_t num_streams) override;
    [[nodiscard]] BackendResult<void> Claim(uint8_t interface_number) override;
    void Release(uint8_t interface_number) override;
    [[nodiscard]] UsbFrameTime CurrentFrame() const override;

private:
    /// A device and what it says of itself.
    struct Found {
        std::shared_ptr<LibusbDevice> device;
        UsbAttachment attachment;
    };

    LibusbWire(LibusbSelector selector, std::shared_ptr<LibusbContext> context);

    static int LIBUSB_CALL OnHotplug(libusb_context *context, libusb_device *device,
                                     libusb_hotplug_event event, void *wire);

    void Run();
    void WaitForDevice();
    void ServeDevice();
    void HandleEvents(int milliseconds);
    void Attach(Found found);
    void EndDevice();

    /// The device that the selector names, or one without a device, or why it cannot be used.
    [[nodiscard]] std::expected<Found, std::string> Find();
    [[nodiscard]] std::expected<Found, std::string> OpenIfMeant(libusb_device *device);
    void ListenForHotplug();
    void Rescan();

    [[nodiscard]] std::shared_ptr<LibusbDevice> Device() const;
    template <typename Call>
    BackendResult<void> WithDevice(Call call);

    const LibusbSelector selector_;

    // Of the thread, and until Begin of whoever calls.
    Found found_;             // By Create, until Begin.
    std::string last_error_;  // Logged already.
    bool is_gone_ = false;    // The device in use.
    UsbWireListener *listener_ = nullptr;
    std::thread thread_;
    std::atomic<bool> is_ending_ = false;

    mutable std::mutex mutex_;
    std::shared_ptr<LibusbContext> context_;  // Replaced by the thread alone, with mutex_.
    std::shared_ptr<LibusbDevice> device_;    // guarded by mutex_
};

}  // namespace opendext::backends
