// SPDX-License-Identifier: Apache-2.0
#include "backends/usb/usb_claims.h"

#include <fmt/core.h>

#include <algorithm>

namespace opendext::backends {

UsbClaims::UsbClaims(const UsbDescriptors &descriptors, uint8_t configuration)
    : descriptors_(descriptors) {
    SetConfiguration(configuration);
}

uint8_t UsbClaims::AlternateSetting(uint8_t interface_number) const {
    const auto found = interfaces_.find(interface_number);
    return found == interfaces_.end() ? uint8_t{0} : found->second.alternate;
}

UsbEndpointSet UsbClaims::EndpointsOf(uint8_t interface_number) const {
    UsbEndpointSet set = 0;
    const UsbInterfaceSetting *setting =
        current_ == nullptr ? nullptr
                            : current_->Find(interface_number, AlternateSetting(interface_number));
    if (setting != nullptr) {
        for (const UsbEndpoint &endpoint : setting->endpoints) {
            set |= SetOf(endpoint.address);
        }
    }
    return set;
}

bool UsbClaims::HasEndpoint(UsbEndpointAddress endpoint) const {
    return current_ != nullptr &&
           std::ranges::any_of(current_->settings, [endpoint](const UsbInterfaceSetting &each) {
               return each.Find(endpoint) != nullptr;
           });
}

BackendResult<void> UsbClaims::CheckClaim(UsbSessionId session, UsbClaim what) const {
    if (!what) {
        if (OthersHoldDevice(session)) {
            return Refuse(BackendErrorCode::kBusy, "another session has opened the device");
        }
        return {};
    }
    const auto found = interfaces_.find(*what);
    if (found == interfaces_.end()) {
        return Refuse(BackendErrorCode::kNotFound,
                      fmt::format("configuration {} has no interface {}", configuration(), *what));
    }
    const UsbSessionId holder = found->second.holder;
    if (holder != UsbSessionId::kNone && holder != session) {
        return Refuse(BackendErrorCode::kBusy,
                      fmt::format("another session has opened interface {}", *what));
    }
    return {};
}

bool UsbClaims::Holds(UsbSessionId session, UsbClaim what) const {
    if (!what) {
        return device_holder_ == session;
    }
    const auto found = interfaces_.find(*what);
    return found != interfaces_.end() && found->second.holder == session;
}

bool UsbClaims::IsHeld(UsbClaim what) const {
    return what && !interfaces_.contains(*what) ? false : !Holds(UsbSessionId::kNone, what);
}

std::vector<uint8_t> UsbClaims::InterfacesOf(UsbSessionId session) const {
    std::vector<uint8_t> numbers;
    for (const auto &[number, interface] : interfaces_) {
        if (interface.holder == session) {
            numbers.push_back(number);
        }
    }
    return numbers;
}

void UsbClaims::Claim(UsbSessionId session, UsbClaim what) {
    if (!what) {
        device_holder_ = session;
    } else if (!Holds(session, what)) {
        SetHolder(*what, session);
    }
}

void UsbClaims::Release(UsbClaim what) {
    if (!what) {
        device_holder_ = UsbSessionId::kNone;
    } else {
        SetHolder(*what, UsbSessionId::kNone);
    }
}

void UsbClaims::SetHolder(uint8_t interface_number, UsbSessionId holder) {
    Interface &interface = interfaces_[interface_number];
    interface.holder = holder;
    CloseEndpoints(interface_number);
    OpenEndpoints(interface_number, interface);
}

void UsbClaims::SetConfiguration(uint8_t value) {
    current_ = descriptors_.FindConfiguration(value);
    interfaces_.clear();
    endpoints_ = {};
    if (current_ != nullptr) {
        for (const UsbInterfaceSetting &setting : current_->settings) {
            interfaces_[setting.number] = {};
        }
    }
}

BackendResult<void> UsbClaims::CheckSetting(UsbSessionId session, uint8_t interface_number,
                                            uint8_t alternate) const {
    if (!Holds(session, interface_number)) {
        return Refuse(BackendErrorCode::kInvalidArgument,
                      fmt::format("interface {} is not open: open it before selecting a setting",
                                  interface_number));
    }
    if (current_->Find(interface_number, alternate) == nullptr) {
        return Refuse(
            BackendErrorCode::kNotFound,
            fmt::format("interface {} has no alternate setting {}", interface_number, alternate));
    }
    return {};
}

void UsbClaims::SetAlternateSetting(uint8_t interface_number, uint8_t alternate) {
    Interface &interface = interfaces_[interface_number];
    interface.alternate = alternate;
    CloseEndpoints(interface_number);
    OpenEndpoints(interface_number, interface);
}

void UsbClaims::CloseEndpoints(uint8_t interface_number) {
    for (OpenEndpoint &endpoint : endpoints_) {
        if (endpoint.descriptor != nullptr && endpoint.interface_number == interface_number) {
            endpoint = {};
        }
    }
}

void UsbClaims::OpenEndpoints(uint8_t interface_number, const Interface &interface) {
    const UsbInterfaceSetting *setting = current_->Find(interface_number, interface.alternate);
    if (setting == nullptr || interface.holder == UsbSessionId::kNone) {
        return;
    }
    for (const UsbEndpoint &endpoint : setting->endpoints) {
        OpenEndpoint &slot = endpoints_[IndexOf(endpoint.address)];
        if (slot.descriptor == nullptr) {
            slot = {.descriptor = &endpoint,
                    .interface_number = interface_number,
                    .holder = interface.holder};
        }
    }
}

}  // namespace opendext::backends
