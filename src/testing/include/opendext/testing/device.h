// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <utility>

#include <opendext/testing/device_models.h>

namespace opendext::test {

/// A device that a test has plugged in. A handle: copies stand for the same device, which belongs to the System and
/// ends with it. Any thread.
class Device {
public:
    /// What is behind it; the System's.
    class Slot {
    public:
        virtual ~Slot() = default;
        virtual void Unplug() = 0;
    };

    /// No device.
    Device() = default;
    Device(std::shared_ptr<Slot> slot, backends::PciDeviceModel *pci, backends::UsbDeviceModel *usb)
        : slot_(std::move(slot)), pci_(pci), usb_(usb) {}

    explicit operator bool() const { return slot_ != nullptr; }

    /// Pulls the device out: a PCI device reads all ones from now on, a USB device's transfers end; then its drivers are
    /// stopped. Returns before they have; System::Settle waits for it. A second call does nothing.
    void Unplug() const {
        if (slot_ != nullptr) {
            slot_->Unplug();
        }
    }

    /// The model as the class that it was attached as; NULL when it is another, or no model. Take its mutex() to touch
    /// what its callbacks touch.
    template <typename Model>
    [[nodiscard]] Model *model() const {
        if (auto *found = dynamic_cast<Model *>(pci_)) {
            return found;
        }
        return dynamic_cast<Model *>(usb_);
    }

private:
    std::shared_ptr<Slot> slot_;
    backends::PciDeviceModel *pci_ = nullptr;
    backends::UsbDeviceModel *usb_ = nullptr;
};

}  // namespace opendext::test
