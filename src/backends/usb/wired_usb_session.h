// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <utility>

#include "backends/api/usb_backend.h"
#include "backends/usb/wired_usb_device.h"

namespace opendext::backends {

/// One session with a WiredUsbDevice, which does all of the work.
class WiredUsbSession final : public UsbBackend {
public:
    /// `id` has been opened at the device; it is ended with this object.
    WiredUsbSession(std::shared_ptr<WiredUsbDevice> device, UsbSessionId id)
        : device_(std::move(device)), id_(id) {}
    ~WiredUsbSession() override { device_->EndSession(id_); }
    WiredUsbSession(const WiredUsbSession &) = delete;
    WiredUsbSession &operator=(const WiredUsbSession &) = delete;

    [[nodiscard]] BackendResult<std::shared_ptr<UsbBackend>> NewSession() override {
        return device_->OpenSession();
    }
    [[nodiscard]] const UsbDescriptors &Descriptors() const override {
        return device_->identity().descriptors;
    }
    [[nodiscard]] UsbSpeed Speed() const override { return device_->identity().speed; }
    [[nodiscard]] uint8_t Address() const override { return device_->identity().address; }
    [[nodiscard]] bool IsPresent() const override { return device_->IsPresent(); }
    [[nodiscard]] UsbFrameTime CurrentFrame() const override { return device_->CurrentFrame(); }
    [[nodiscard]] BackendResult<void> Claim(UsbClaim what) override {
        return device_->Claim(id_, what);
    }
    void Release(UsbClaim what) override { device_->Release(id_, what); }
    [[nodiscard]] uint8_t Configuration() const override { return device_->Configuration(); }
    [[nodiscard]] BackendResult<void> SetConfiguration(uint8_t value,
                                                       bool publishes_interfaces) override {
        return device_->SetConfiguration(id_, value, publishes_interfaces);
    }
    [[nodiscard]] uint8_t AlternateSetting(uint8_t interface_number) const override {
        return device_->AlternateSetting(interface_number);
    }
    [[nodiscard]] BackendResult<void> SetAlternateSetting(uint8_t interface_number,
                                                          uint8_t alternate) override {
        return device_->SetAlternateSetting(id_, interface_number, alternate);
    }
    [[nodiscard]] BackendResult<void> ClearHalt(UsbEndpointAddress endpoint,
                                                bool tells_device) override {
        return device_->ClearHalt(id_, endpoint, tells_device);
    }
    [[nodiscard]] BackendResult<void> Reset() override { return device_->Reset(); }
    [[nodiscard]] BackendResult<void> SetStreams(UsbEndpointAddress endpoint,
                                                 uint16_t num_streams) override {
        return device_->SetStreams(id_, endpoint, num_streams);
    }
    void Submit(std::unique_ptr<UsbTransfer> transfer) override {
        // OnComplete may give up the last reference to this session.
        const std::shared_ptr<WiredUsbDevice> device = device_;
        device->Submit(id_, std::move(transfer));
    }
    void Abort(UsbEndpointAddress endpoint, uint16_t stream) override {
        const std::shared_ptr<WiredUsbDevice> device = device_;
        device->Abort(id_, endpoint, stream);
    }
    void SetRemovalListener(RemovalListener *listener) override {
        device_->SetRemovalListener(id_, listener);
    }

private:
    const std::shared_ptr<WiredUsbDevice> device_;
    const UsbSessionId id_;
};

}  // namespace opendext::backends
