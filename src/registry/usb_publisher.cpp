// SPDX-License-Identifier: Apache-2.0
#include "registry/usb_publisher.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/log.h"
#include "registry/kernel_classes.h"
#include "registry/registry.h"
#include "registry/usb_properties.h"

namespace opendext::registry {

using channel::DeviceId;

namespace {

constexpr uint8_t kMiscellaneous = 0xEF;

// What the composite driver of the original takes: class 0, and the class that announces associated interfaces.
bool IsComposite(const channel::UsbDeviceReport &device) {
    return device.device_class == 0 || (device.device_class == kMiscellaneous &&
                                        device.device_subclass == 2 && device.device_protocol == 1);
}

bool HasLocation(const RegistryEntry &entry, uint32_t location) {
    const auto found = entry.properties.find("locationID");
    const auto *number = found == entry.properties.end() ? nullptr : found->second.IfInteger();
    return entry.active && entry.class_name == "IOUSBHostDevice" && number != nullptr &&
           number->value == location;
}

std::string NameOf(const channel::UsbDeviceReport &device) {
    return device.product_name.empty() ? "IOUSBHostDevice" : device.product_name;
}

}  // namespace

uint32_t UsbPublisher::ChooseLocation(uint32_t reported) const {
    const auto is_taken = [&](uint32_t location) {
        return std::ranges::any_of(registry_.tree().All(), [&](const RegistryEntry *entry) {
            return HasLocation(*entry, location);
        });
    };
    if (reported != 0 && !is_taken(reported)) {
        return reported;
    }
    // A bus of its own for each port, the device at the first place of it.
    uint32_t location = (options_.number << 24) | 0x00100000;
    while (is_taken(location)) {
        location += 0x00100000;
    }
    return location;
}

void UsbPublisher::Attached(const channel::UsbDeviceReport &device) {
    Unplug();
    Device added{.report = device, .location = ChooseLocation(device.location)};
    added.entry = registry_.AddProvider({.class_name = "IOUSBHostDevice",
                                         .name = NameOf(device),
                                         .location = fmt::format("{:08x}", added.location),
                                         .device = options_.specification,
                                         .properties = UsbDeviceProperties(device, added.location),
                                         .registers = false});
    if (added.entry == EntryId::kNone) {
        return;  // the registry ends
    }
    const EntryId entry = added.entry;
    device_ = std::move(added);
    registry_.RegisterProvider(entry);
    ConsiderComposite();
}

void UsbPublisher::Detached(DeviceId device) {
    if (device_ && device_->report.id == device) {
        Unplug();
    }
}

void UsbPublisher::Unplug() {
    if (device_) {
        // First: what the termination sets off must not find it any more.
        const EntryId entry = std::exchange(device_, std::nullopt)->entry;
        registry_.RemoveProvider(entry);
    }
}

void UsbPublisher::Configured(DeviceId device, uint8_t value, bool publishes) {
    if (!device_ || device_->report.id != device) {
        return;
    }
    RemoveInterfaces();
    device_->configuration = value;
    registry_.SetProviderProperty(device_->entry, "kUSBCurrentConfiguration",
                                  PropertyValue::FromInteger(value, 8));
    // A copy: a driver that is matched may set the next configuration.
    const std::vector<channel::UsbConfigurationReport> all = device_->report.configurations;
    const auto found = std::ranges::find(all, value, &channel::UsbConfigurationReport::value);
    if (value != 0 && found != all.end()) {
        AddInterfaces(*found, publishes);
    }
}

void UsbPublisher::SettingSelected(DeviceId device, const channel::UsbInterfaceReport &setting) {
    if (!device_ || device_->report.id != device) {
        return;
    }
    const std::string part = std::to_string(setting.number);
    for (const EntryId id : device_->interfaces) {
        const RegistryEntry *entry = registry_.tree().Find(id);
        if (entry == nullptr || entry->part != part) {
            continue;
        }
        registry_.RemoveProviderProperty(id, "kUSBString");
        for (const auto &[key, value] : UsbSettingProperties(setting)) {
            registry_.SetProviderProperty(id, key, value);
        }
    }
}

void UsbPublisher::AddInterfaces(const channel::UsbConfigurationReport &configuration,
                                 bool publishes) {
    for (const channel::UsbInterfaceReport &interface : configuration.interfaces) {
        const EntryId entry = registry_.AddProvider(
            {.class_name = "IOUSBHostInterface",
             .name = interface.name.empty() ? "IOUSBHostInterface" : interface.name,
             .location = fmt::format("{:x}", interface.number),
             .device = options_.specification,
             .properties = UsbInterfaceProperties(device_->report, device_->location,
                                                  configuration.value, interface),
             .parent = device_->entry,
             .part = std::to_string(interface.number),
             .registers = false});
        if (entry != EntryId::kNone) {
            device_->interfaces.push_back(entry);
        }
    }
    if (publishes) {
        RegisterInterfaces();
    }
}

// When all are there: a driver of one may look for the others.
void UsbPublisher::RegisterInterfaces() {
    for (const EntryId id : std::vector<EntryId>(device_->interfaces)) {
        const RegistryEntry *entry = registry_.tree().Find(id);
        if (entry != nullptr && !entry->registered) {
            registry_.RegisterProvider(id);
        }
    }
}

void UsbPublisher::RemoveInterfaces() {
    for (const EntryId entry : std::exchange(device_->interfaces, {})) {
        registry_.RemoveProvider(entry);
    }
}

bool UsbPublisher::HasDriver() const {
    const RegistryEntry *entry = registry_.tree().Find(device_->entry);
    return entry == nullptr || std::ranges::any_of(entry->children, [this](EntryId child) {
               const RegistryEntry *service = registry_.tree().Find(child);
               return service->active && service->host != 0;
           });
}

void UsbPublisher::DriversTried(EntryId provider) {
    if (device_ && device_->entry == provider) {
        ConsiderComposite();
    }
}

// Drivers come first, all of them.
void UsbPublisher::ConsiderComposite() {
    if (!device_ || device_->is_composite_set || !IsComposite(device_->report) || HasDriver() ||
        registry_.starter().BusyCount(device_->entry) != 0 ||
        device_->report.configurations.empty()) {
        return;
    }
    device_->is_composite_set = true;
    ConfigureComposite();
}

void UsbPublisher::ConfigureComposite() {
    const uint8_t value = device_->report.configurations.front().value;
    registry_.starter().Hold();
    const DeviceId id = device_->report.id;
    const auto publish = lifetime_.Guard([this, id] {
        // Already, unless the device had that configuration from the beginning.
        if (device_ && device_->report.id == id) {
            RegisterInterfaces();
        }
    });
    // Not guarded by this object: the hold must end whatever ends first.
    options_.configure(id, value,
                       [&starter = registry_.starter(), label = options_.label, value,
                        publish](const std::expected<void, std::string> &result) {
                           if (result) {
                               publish();
                           } else if (!result.error().empty()) {
                               LogError(
                                   "{}: configuration {} could not be set, so its interfaces are "
                                   "not there: {}",
                                   label, value, result.error());
                           }
                           starter.Release();
                       });
}

DeviceId UsbPublisher::DeviceOf(EntryId entry) const {
    if (!device_) {
        return DeviceId::kNone;
    }
    const bool is_ours = entry == device_->entry ||
                         std::ranges::find(device_->interfaces, entry) != device_->interfaces.end();
    return is_ours ? device_->report.id : DeviceId::kNone;
}

void UsbPublisher::LogLine(uint32_t level, const std::string &text) {
    registry_.LogLine(options_.label, level, text);
}

}  // namespace opendext::registry
