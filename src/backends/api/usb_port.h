// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "backends/api/usb_backend.h"

namespace opendext::backends {

/// A device as the registry publishes it.
struct UsbDeviceIdentity {
    UsbDeviceId id = UsbDeviceId::kNone;
    UsbSpeed speed = UsbSpeed::kHigh;
    uint8_t address = 0;    ///< 1..127.
    uint32_t location = 0;  ///< locationID: bus in the top byte, port numbers in nibbles below.
    UsbDescriptors descriptors;
    std::string manufacturer;  ///< The strings in US English, as UTF-8; empty when there is none.
    std::string product;
    std::string serial;
    std::map<uint8_t, std::string> interface_names;  ///< By their string index; where there is one.
};

/// Learns what happens at a port. Called on any thread, one call at a time, in the order of events; returns soon and
/// does not call the port's SetListener. It may open sessions.
class UsbPortListener {
public:
    virtual ~UsbPortListener() = default;

    virtual void OnAttached(const UsbDeviceIdentity &device) = 0;

    /// Every transfer has ended; sessions are of no use any more.
    virtual void OnDetached(UsbDeviceId device) = 0;

    /// The interfaces of before are gone; these are there now, of configuration `value` (none: 0). `publishes` as of
    /// UsbBackend::SetConfiguration.
    virtual void OnConfigured(UsbDeviceId device, uint8_t value, bool publishes) = 0;

    /// An interface of the configuration in effect has another setting than before; after a configuration it has its
    /// first one.
    virtual void OnSettingSelected(const UsbDeviceIdentity &device,
                                   const UsbInterfaceSetting &setting) = 0;
};

/// A place to which a USB device is attached, or none, or one after another: a model that comes back as something
/// else, hardware that is plugged in and out. Made by whoever reads `--device`; ends every session's device when it is
/// destroyed. Thread-safe.
class UsbPort {
public:
    virtual ~UsbPort() = default;

    /// Told at once, on this thread, of a device that is there, and of the configuration that it has. NULL: nobody is
    /// told; on return no call to the former listener is under way.
    virtual void SetListener(UsbPortListener *listener) = 0;

    /// A session with the device. @return kRemoved when it is not there any more.
    [[nodiscard]] virtual BackendResult<std::shared_ptr<UsbBackend>> Open(UsbDeviceId device) = 0;
};

}  // namespace opendext::backends
