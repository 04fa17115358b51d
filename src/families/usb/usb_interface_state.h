// SPDX-License-Identifier: Apache-2.0
/// @file usb_interface_state.h
/// What stands behind an IOUSBHostInterface: its session, who has it open, its pipes.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>

#include <USBDriverKit/IOUSBHostInterface.h>

#include "backends/api/usb_backend.h"
#include "families/usb/endpoint_requests.h"
#include "families/usb/interface_session.h"
#include "runtime/memory/retained.h"
#include "runtime/service/service_state.h"

namespace opendext::usb {

/// Pipes by endpoint address: those of one generation.
using PipesByAddress = std::map<uint8_t, memory::Retained<IOUSBHostPipe>>;

/// Gives a new IOUSBHostInterface its session; once, after init.
void AttachSession(IOUSBHostInterface *interface, std::shared_ptr<backends::UsbBackend> backend,
                   uint8_t number);

}  // namespace opendext::usb

/// Storage behind IOUSBHostInterface::ivars.
struct IOUSBHostInterface_IVars final : opendext::service::ProviderHooks {
    // Fixed by AttachSession.
    std::shared_ptr<opendext::usb::InterfaceSession> session;
    std::shared_ptr<opendext::usb::EndpointRequests> control;

    std::atomic<uint32_t> idle_timeout_ms = 0;

    /// Held while the session or the setting changes; those wait for the device. Not while driver code runs.
    std::mutex change_mutex;
    std::mutex mutex;
    IOService *client = nullptr;  // one reference; changed with both mutexes held, read with one
    opendext::usb::PipesByAddress pipes;  // guarded by mutex; of the current generation

    void ClientStopped(IOService *stopped) override;
    bool IsOpenFor(const IOService *of) override {
        const std::scoped_lock lock(mutex);
        return client == of && client != nullptr;
    }

    /// With a client that is it: ends the session. @return whether it was.
    bool EndSession(IOService *of);

    /// Lets pipes of before go; they are released when the caller drops them, without a lock.
    [[nodiscard]] opendext::usb::PipesByAddress TakePipes();

    /// kIOReturnSuccess while somebody has the interface open.
    [[nodiscard]] kern_return_t CheckOpen();
};
