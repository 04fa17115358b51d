// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <utility>

#include "backends/emulated/usb_description.h"
#include "backends/emulated/usb_device_model.h"
#include "backends/usb/usb_claims.h"

namespace opendext::backends {

/// What the standard has every device remember, of a model's: its description, what is configured, which endpoints are
/// halted. Guarded by the model's mutex.
class UsbModelState {
public:
    explicit UsbModelState(UsbDescription description) : description_(std::move(description)) {}

    /// After power-on, as this.
    void PowerOn(UsbDescription description);

    [[nodiscard]] const UsbDescription &description() const { return description_; }
    [[nodiscard]] uint8_t configuration() const { return configuration_; }
    [[nodiscard]] const UsbConfiguration *current() const {
        return description_.descriptors.FindConfiguration(configuration_);
    }
    /// nullopt: no such interface.
    [[nodiscard]] std::optional<uint8_t> AlternateSetting(uint8_t interface_number) const;
    [[nodiscard]] const std::map<uint8_t, uint8_t> &alternates() const { return alternates_; }

    /// An endpoint of a setting in effect, or NULL.
    [[nodiscard]] const UsbEndpoint *Find(UsbEndpointAddress endpoint) const {
        return endpoints_[IndexOf(endpoint)];
    }

    /// @return false when there is no such configuration. Every halt ends.
    [[nodiscard]] bool SetConfiguration(uint8_t value);

    /// @return false when there is no such setting. Halts of the interface's endpoints end.
    [[nodiscard]] bool SetAlternateSetting(uint8_t interface_number, uint8_t alternate);

    [[nodiscard]] bool IsHalted(UsbEndpointAddress endpoint) const {
        return (halted_ & SetOf(endpoint)) != 0;
    }
    void SetHalted(UsbEndpointAddress endpoint, bool is_halted);

    /// Bits of GET_STATUS that software sets: 1 remote wake-up; at SuperSpeed 2 U1, 3 U2, 4 LTM.
    [[nodiscard]] uint16_t features() const { return features_; }
    void SetFeature(uint8_t bit, bool is_set);

private:
    void FindEndpoints();

    UsbDescription description_;
    uint8_t configuration_ = 0;
    std::map<uint8_t, uint8_t> alternates_;  // of each interface of the configuration
    std::array<const UsbEndpoint *, 32> endpoints_{};
    UsbEndpointSet halted_ = 0;
    uint16_t features_ = 0;
};

/// What some standard requests have done, besides answering. Implemented by ModelUsbWire.
class UsbStandardEffects {
public:
    virtual ~UsbStandardEffects() = default;
    /// @return false when there is no such configuration or setting.
    virtual bool SelectConfiguration(uint8_t value) = 0;
    virtual bool SelectAlternateSetting(uint8_t interface_number, uint8_t alternate) = 0;
    virtual void HaltForHost(UsbEndpointAddress endpoint) = 0;
};

/// Answers a standard request from the state. `data`: OUT, the data stage; IN, room of setup.length.
/// @return nullopt when the description does not say: the model may know.
[[nodiscard]] std::optional<UsbControlReply> ServeStandardRequest(UsbModelState &state,
                                                                  UsbStandardEffects &effects,
                                                                  const UsbSetup &setup,
                                                                  std::span<std::byte> data);

}  // namespace opendext::backends
