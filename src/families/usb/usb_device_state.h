// SPDX-License-Identifier: Apache-2.0
/// @file usb_device_state.h
/// What stands behind an IOUSBHostDevice: its session, who has it open, the walks over its interfaces.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include <USBDriverKit/IOUSBHostDevice.h>

#include "backends/api/usb_backend.h"
#include "base/registry_port.h"
#include "families/usb/endpoint_requests.h"
#include "runtime/service/service_state.h"

namespace opendext::usb {

/// The interfaces that were there when a driver began to walk over them.
struct InterfaceWalk {
    std::vector<RelatedEntry> interfaces;
    size_t num_done = 0;
};

/// Gives a new IOUSBHostDevice its session; once, after init.
void AttachSession(IOUSBHostDevice *device, std::shared_ptr<backends::UsbBackend> backend);

}  // namespace opendext::usb

/// Storage behind IOUSBHostDevice::ivars.
struct IOUSBHostDevice_IVars final : opendext::service::ProviderHooks {
    // Fixed by AttachSession.
    std::shared_ptr<opendext::backends::UsbBackend> backend;
    std::shared_ptr<opendext::usb::EndpointRequests> control;

    /// Held while the session begins or ends. Not while driver code runs.
    std::mutex change_mutex;
    std::mutex mutex;
    IOService *client = nullptr;  // one reference; changed with both mutexes held, read with one
    std::map<uintptr_t, opendext::usb::InterfaceWalk> walks;  // guarded by mutex
    uintptr_t last_walk = 0;                                  // guarded by mutex

    void ClientStopped(IOService *stopped) override;
    bool IsOpenFor(const IOService *of) override {
        const std::scoped_lock lock(mutex);
        return client == of && client != nullptr;
    }

    /// With a client that is it: ends the session. @return whether it was.
    bool EndSession(IOService *of);
};
