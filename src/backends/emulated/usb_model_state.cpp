// SPDX-License-Identifier: Apache-2.0
#include "backends/emulated/usb_model_state.h"

namespace opendext::backends {

void UsbModelState::PowerOn(UsbDescription description) {
    *this = UsbModelState(std::move(description));
}

std::optional<uint8_t> UsbModelState::AlternateSetting(uint8_t interface_number) const {
    const auto found = alternates_.find(interface_number);
    return found == alternates_.end() ? std::nullopt : std::optional(found->second);
}

bool UsbModelState::SetConfiguration(uint8_t value) {
    if (value != 0 && description_.descriptors.FindConfiguration(value) == nullptr) {
        return false;
    }
    configuration_ = value;
    alternates_.clear();
    halted_ = 0;
    if (const UsbConfiguration *configuration = current()) {
        for (const UsbInterfaceSetting &setting : configuration->settings) {
            alternates_[setting.number] = 0;
        }
    }
    FindEndpoints();
    return true;
}

bool UsbModelState::SetAlternateSetting(uint8_t interface_number, uint8_t alternate) {
    const UsbConfiguration *configuration = current();
    const UsbInterfaceSetting *setting =
        configuration == nullptr ? nullptr : configuration->Find(interface_number, alternate);
    if (setting == nullptr) {
        return false;
    }
    alternates_[interface_number] = alternate;
    for (const UsbEndpoint &endpoint : setting->endpoints) {
        SetHalted(endpoint.address, false);
    }
    FindEndpoints();
    return true;
}

void UsbModelState::FindEndpoints() {
    endpoints_.fill(nullptr);
    const UsbConfiguration *configuration = current();
    if (configuration == nullptr) {
        return;
    }
    for (const auto &[number, alternate] : alternates_) {
        const UsbInterfaceSetting *setting = configuration->Find(number, alternate);
        if (setting == nullptr) {
            continue;
        }
        for (const UsbEndpoint &endpoint : setting->endpoints) {
            endpoints_[IndexOf(endpoint.address)] = &endpoint;
        }
    }
}

void UsbModelState::SetHalted(UsbEndpointAddress endpoint, bool is_halted) {
    halted_ = is_halted ? halted_ | SetOf(endpoint) : halted_ & ~SetOf(endpoint);
}

void UsbModelState::SetFeature(uint8_t bit, bool is_set) {
    const auto mask = static_cast<uint16_t>(1U << bit);
    features_ = static_cast<uint16_t>(is_set ? features_ | mask : features_ & ~mask);
}

}  // namespace opendext::backends
