// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "channel/wire/device_seam.h"
#include "registry/lifetime.h"
#include "registry/registry_tree.h"

namespace opendext::registry {

class Registry;

/// Makes registry entries of what one USB port reports: an IOUSBHostDevice for a device, an IOUSBHostInterface below it
/// for each interface of its configuration, and takes them away. A device that comes back is a new entry.
///
/// It is the composite driver, too (semantics.md 3.4): a device that is a bundle of interfaces, and that no driver has
/// matched, gets its first configuration. On the registry's thread.
class UsbPublisher final : public channel::DeviceReports {
public:
    struct Options {
        std::string specification;  ///< "model:usb-loopback".
        std::string label;          ///< Of the port, for log lines.
        uint32_t number =
            0;  ///< Of the port, from 1: the bus in a locationID that the device does not give.
        /// Orders a configuration of the device that is attached.
        std::function<void(channel::DeviceId, uint8_t, channel::DevicePort::Answer)> configure;
    };

    UsbPublisher(Registry &registry, Options options)
        : registry_(registry), options_(std::move(options)) {}

    void Attached(const channel::UsbDeviceReport &device) override;
    void Detached(channel::DeviceId device) override;
    void Configured(channel::DeviceId device, uint8_t value, bool publishes) override;
    void SettingSelected(channel::DeviceId device,
                         const channel::UsbInterfaceReport &setting) override;
    void LogLine(uint32_t level, const std::string &text) override;

    /// The port is gone, with what is attached to it.
    void Unplug();

    /// The drivers of one category have been tried on an entry.
    void DriversTried(EntryId provider);

    /// The device of which `entry` is the entry, or an interface's; kNone when it is not of this port.
    [[nodiscard]] channel::DeviceId DeviceOf(EntryId entry) const;

private:
    struct Device {
        channel::UsbDeviceReport report;
        EntryId entry = EntryId::kNone;
        uint32_t location = 0;
        uint8_t configuration = 0;
        std::vector<EntryId> interfaces;
        bool is_composite_set = false;  ///< The composite driver has had its turn.
    };

    [[nodiscard]] uint32_t ChooseLocation(uint32_t reported) const;
    [[nodiscard]] bool HasDriver() const;
    void ConsiderComposite();
    void ConfigureComposite();
    void AddInterfaces(const channel::UsbConfigurationReport &configuration, bool publishes);
    void RegisterInterfaces();
    void RemoveInterfaces();

    Registry &registry_;
    const Options options_;
    std::optional<Device> device_;
    Lifetime lifetime_;
};

}  // namespace opendext::registry
