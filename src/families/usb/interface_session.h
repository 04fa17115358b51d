// SPDX-License-Identifier: Apache-2.0
/// @file interface_session.h
/// What an open interface and its pipes share.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include <DriverKit/IOReturn.h>

#include "backends/api/usb_backend.h"

namespace opendext::usb {

/// Names a time during which an interface's pipes stay what they are: from Open, or the selection of a setting, to the
/// next such or Close.
enum class PipeGeneration : uint64_t { kNone = 0 };

/// The session with one interface, whose pipes outlive neither a setting nor a Close. Any thread.
class InterfaceSession {
public:
    InterfaceSession(std::shared_ptr<backends::UsbBackend> backend, uint8_t number)
        : backend_(std::move(backend)), number_(number) {}
    InterfaceSession(const InterfaceSession &) = delete;
    InterfaceSession &operator=(const InterfaceSession &) = delete;

    [[nodiscard]] const std::shared_ptr<backends::UsbBackend> &backend() const { return backend_; }
    [[nodiscard]] uint8_t number() const { return number_; }

    /// kNone while it is closed.
    [[nodiscard]] PipeGeneration current() const { return current_; }
    /// Pipes of before are dead. Called by the interface alone, one call at a time.
    void Begin() { current_ = PipeGeneration{++last_}; }
    void End() { current_ = PipeGeneration::kNone; }

    /// Whether a pipe may be used. @return kIOReturnNotOpen, kIOReturnNoDevice.
    [[nodiscard]] kern_return_t Check(PipeGeneration generation) const {
        if (generation == PipeGeneration::kNone || current_ != generation) {
            return backend_->IsPresent() ? kIOReturnNotOpen : kIOReturnNoDevice;
        }
        return kIOReturnSuccess;
    }

    /// The interface's setting in effect; NULL when the configuration has no such interface any more. Valid as long as
    /// the backend.
    [[nodiscard]] const backends::UsbInterfaceSetting *Setting() const;

private:
    const std::shared_ptr<backends::UsbBackend> backend_;
    const uint8_t number_;
    std::atomic<PipeGeneration> current_ = PipeGeneration::kNone;
    uint64_t last_ = 0;  // of those that began
};

}  // namespace opendext::usb
