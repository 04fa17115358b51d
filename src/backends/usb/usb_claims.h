// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "backends/api/usb_backend.h"

namespace opendext::backends {

/// A session of a port. Never reused.
enum class UsbSessionId : uint64_t { kNone = 0 };

/// A bit for each of the 32 endpoint addresses.
using UsbEndpointSet = uint32_t;

inline constexpr UsbEndpointSet kAllUsbEndpoints = 0xFFFFFFFF;

/// 0..31: where an endpoint stands in tables. Both directions of the control endpoint are 0.
[[nodiscard]] constexpr size_t IndexOf(UsbEndpointAddress endpoint) {
    return endpoint.number() == 0 ? 0U : endpoint.number() + (endpoint.is_in() ? 16U : 0U);
}

[[nodiscard]] constexpr UsbEndpointSet SetOf(UsbEndpointAddress endpoint) {
    return UsbEndpointSet{1} << IndexOf(endpoint);
}

/// What is configured of a device, and which session has what of it to itself. Does not talk to anybody; guarded by the
/// port's lock.
class UsbClaims {
public:
    /// An endpoint of the setting in effect of an interface that somebody has claimed.
    struct OpenEndpoint {
        const UsbEndpoint *descriptor = nullptr;  ///< NULL: there is none.
        uint8_t interface_number = 0;
        UsbSessionId holder = UsbSessionId::kNone;
        uint16_t num_streams = 0;
    };

    /// Borrows the descriptors. `configuration`: its value; 0 or an unknown one: not configured.
    UsbClaims(const UsbDescriptors &descriptors, uint8_t configuration);

    [[nodiscard]] uint8_t configuration() const {
        return current_ != nullptr ? current_->value : 0;
    }
    [[nodiscard]] uint8_t AlternateSetting(uint8_t interface_number) const;
    [[nodiscard]] const OpenEndpoint &Find(UsbEndpointAddress endpoint) const {
        return endpoints_[IndexOf(endpoint)];
    }

    /// The endpoints of the setting in effect of an interface, claimed or not.
    [[nodiscard]] UsbEndpointSet EndpointsOf(uint8_t interface_number) const;

    /// Whether the configuration in effect has that endpoint, in any of its settings.
    [[nodiscard]] bool HasEndpoint(UsbEndpointAddress endpoint) const;

    /// @return kNotFound, kBusy.
    [[nodiscard]] BackendResult<void> CheckClaim(UsbSessionId session, UsbClaim what) const;
    [[nodiscard]] bool Holds(UsbSessionId session, UsbClaim what) const;
    [[nodiscard]] bool IsHeld(UsbClaim what) const;
    [[nodiscard]] bool OthersHoldDevice(UsbSessionId session) const {
        return device_holder_ != UsbSessionId::kNone && device_holder_ != session;
    }
    [[nodiscard]] std::vector<uint8_t> InterfacesOf(UsbSessionId session) const;

    /// Precondition: CheckClaim allows it.
    void Claim(UsbSessionId session, UsbClaim what);

    /// Precondition: the session holds it.
    void Release(UsbClaim what);

    /// Nobody holds an interface after it, and each is in setting 0.
    void SetConfiguration(uint8_t value);

    void SetAlternateSetting(uint8_t interface_number, uint8_t alternate);

    /// Precondition: the endpoint is open.
    void SetStreams(UsbEndpointAddress endpoint, uint16_t num_streams) {
        endpoints_[IndexOf(endpoint)].num_streams = num_streams;
    }

    void EndStreams() {
        for (OpenEndpoint &endpoint : endpoints_) {
            endpoint.num_streams = 0;
        }
    }

    /// @return kInvalidArgument (not held by the session), kNotFound.
    [[nodiscard]] BackendResult<void> CheckSetting(UsbSessionId session, uint8_t interface_number,
                                                   uint8_t alternate) const;

private:
    struct Interface {
        uint8_t alternate = 0;
        UsbSessionId holder = UsbSessionId::kNone;
    };

    void SetHolder(uint8_t interface_number, UsbSessionId holder);
    void CloseEndpoints(uint8_t interface_number);
    void OpenEndpoints(uint8_t interface_number, const Interface &interface);

    const UsbDescriptors &descriptors_;
    const UsbConfiguration *current_ = nullptr;
    UsbSessionId device_holder_ = UsbSessionId::kNone;
    std::map<uint8_t, Interface> interfaces_;
    std::array<OpenEndpoint, 32> endpoints_;
};

}  // namespace opendext::backends
