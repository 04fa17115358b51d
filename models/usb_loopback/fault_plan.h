// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "backends/api/usb_types.h"

namespace opendext::models::usb_loopback {

/// What is to go wrong, as the host has asked for it. All with the model's mutex held.
class FaultPlan {
public:
    enum class Kind : uint8_t { kShortPacket, kBabble, kNoResponse };

    struct Fault {
        Kind kind = Kind::kShortPacket;
        uint16_t value = 0;  ///< kShortPacket: how many bytes.
    };

    /// What becomes of a request that has come.
    enum class Verdict : uint8_t {
        kServe,
        kIgnore,  ///< NAK for ever.
        kLeave,   ///< The device detaches instead of answering.
    };

    /// The next request at an endpoint goes wrong, once.
    void Plan(backends::UsbEndpointAddress endpoint, Fault fault) { next_[At(endpoint)] = fault; }
    [[nodiscard]] std::optional<Fault> Take(backends::UsbEndpointAddress endpoint);

    /// From now on requests at the endpoint are ignored, or not any more.
    void Hold(backends::UsbEndpointAddress endpoint, bool is_held) {
        is_held_[At(endpoint)] = is_held;
    }

    /// From now on nothing is answered.
    void Hang() { is_hanging_ = true; }

    /// The `count`-th request from now on makes the device leave.
    void DetachAfter(uint16_t count) { left_until_detach_ = count; }

    /// A request has come to an endpoint, 0 for a vendor request.
    [[nodiscard]] Verdict Judge(backends::UsbEndpointAddress endpoint);

private:
    [[nodiscard]] static size_t At(backends::UsbEndpointAddress endpoint) {
        return endpoint.number() + (endpoint.is_in() ? 16U : 0U);
    }

    std::array<std::optional<Fault>, 32> next_;
    std::array<bool, 32> is_held_{};
    bool is_hanging_ = false;
    uint16_t left_until_detach_ = 0;  // 0: stays
};

}  // namespace opendext::models::usb_loopback
