// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "channel/wire/host_seam.h"

/// The seam between the registry and a device: a place to which a USB device is attached, or none, or one after
/// another. The registry holds one DevicePort per `--device` and gives orders; the device reports what comes and goes
/// through DeviceReports. transport joins the two over the bus, the device having a process of its own; embedded mode
/// joins them directly. Drivers' transfers do not pass here: they go over the sockets of their sessions.
namespace opendext::channel {

/// One device's stay at its port. Never reused by a port.
enum class DeviceId : uint64_t { kNone = 0 };

/// A setting of an interface.
struct UsbInterfaceReport {
    uint8_t number = 0;
    uint8_t alternate = 0;
    uint8_t interface_class = 0;
    uint8_t interface_subclass = 0;
    uint8_t interface_protocol = 0;
    uint8_t num_endpoints = 0;
    uint8_t name_index = 0;  ///< iInterface.
    std::string name;        ///< That string, as UTF-8; empty when there is none.

    bool operator==(const UsbInterfaceReport &) const = default;
};

struct UsbConfigurationReport {
    uint8_t value = 0;                           ///< bConfigurationValue.
    std::vector<UsbInterfaceReport> interfaces;  ///< The first setting of each.

    bool operator==(const UsbConfigurationReport &) const = default;
};

/// What the registry publishes of a USB device: its descriptors, read.
struct UsbDeviceReport {
    DeviceId id = DeviceId::kNone;
    uint8_t speed = 0;      ///< 0 low, 1 full, 2 high, 3 super, 4 super plus.
    uint8_t address = 0;    ///< 1..127.
    uint32_t location = 0;  ///< locationID.
    uint16_t usb_version = 0;
    uint16_t vendor = 0;
    uint16_t product = 0;
    uint16_t device_version = 0;
    uint8_t device_class = 0;
    uint8_t device_subclass = 0;
    uint8_t device_protocol = 0;
    uint8_t max_packet_bytes0 = 0;
    uint8_t manufacturer_index = 0;
    uint8_t product_index = 0;
    uint8_t serial_index = 0;
    std::string manufacturer;
    std::string product_name;
    std::string serial;
    std::vector<UsbConfigurationReport> configurations;  ///< In the order of the descriptors.

    bool operator==(const UsbDeviceReport &) const = default;
};

/// What comes from a device. On the registry's thread.
class DeviceReports {
public:
    virtual ~DeviceReports() = default;

    /// A device is there. Only when none is.
    virtual void Attached(const UsbDeviceReport &device) = 0;

    /// It is gone.
    virtual void Detached(DeviceId device) = 0;

    /// Configuration `value` is in effect (0: none): the interfaces of before are gone, these are there now.
    /// `publishes`: drivers are matched to them.
    virtual void Configured(DeviceId device, uint8_t value, bool publishes) = 0;

    /// An interface of the configuration in effect has that setting now.
    virtual void SettingSelected(DeviceId device, const UsbInterfaceReport &setting) = 0;

    /// A diagnostic line of the device's process.
    virtual void LogLine(uint32_t level, const std::string &text) = 0;
};

/// Orders to a device. On the registry's thread; none waits.
class DevicePort {
public:
    virtual ~DevicePort() = default;

    /// Serves a session with the device over `socket`, whose other end a driver's process gets. Of a device that is
    /// gone the socket is closed.
    virtual void OpenSession(DeviceId device, UniqueFd socket) = 0;

    /// The order was carried out, or one line that says why not; an empty one when the device or its process is gone.
    using Answer = std::function<void(std::expected<void, std::string>)>;

    /// Sets a configuration unless it is in effect, with its interfaces published for matching. The report Configured
    /// comes before the answer, which is given once.
    virtual void SetConfiguration(DeviceId device, uint8_t value, Answer answer) = 0;

    /// Ends the device as an unplug does, and its process: on_exit tells when.
    virtual void Exit() = 0;

    /// Ends the process now. A device in the caller's own process cannot be ended: nothing happens.
    virtual void Kill(int signal) = 0;
};

/// Makes devices. The registry owns what it returns.
class DeviceLauncher {
public:
    virtual ~DeviceLauncher() = default;

    struct Request {
        std::string specification;         ///< "model:usb-loopback".
        DeviceReports *reports = nullptr;  ///< Outlives the port.
        std::function<void(const HostExit &)> on_exit;
    };
    /// Starts a device and returns. `ready` is called once, after the report of a device that is there from the
    /// beginning; its error is one line that says what is wrong with the specification, or empty when the process has
    /// died (on_exit tells of that).
    using Ready = std::function<void(std::expected<void, std::string>)>;
    virtual std::unique_ptr<DevicePort> Launch(const Request &request, Ready ready) = 0;
};

}  // namespace opendext::channel
