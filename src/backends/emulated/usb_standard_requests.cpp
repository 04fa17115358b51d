// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "backends/emulated/usb_model_state.h"
#include "backends/emulated/usb_string_text.h"

namespace opendext::backends {
namespace {

// bmRequestType without the direction: type and recipient.
constexpr uint8_t kTypeAndRecipient = 0x7F;
constexpr uint8_t kTypeBits = 0x60;
enum : uint8_t { kDevice = 0x00, kInterface = 0x01, kEndpoint = 0x02 };

enum : uint8_t {
    kGetStatus = 0,
    kClearFeature = 1,
    kSetFeature = 3,
    kSetAddress = 5,
    kGetDescriptor = 6,
    kGetConfiguration = 8,
    kSetConfiguration = 9,
    kGetInterface = 10,
    kSetInterface = 11,
};

enum : uint16_t {
    kEndpointHalt = 0,
    kRemoteWakeup = 1,
    kU1Enable = 48,
    kU2Enable = 49,
    kLatencyTolerance = 50,
};

enum : uint8_t {
    kDeviceDescriptor = 1,
    kConfigurationDescriptor = 2,
    kStringDescriptor = 3,
    kBosDescriptor = 15,
};

constexpr uint16_t kUsEnglish = 0x0409;
constexpr uint8_t kSelfPowered = 0x40;   // of a configuration's attributes
constexpr uint8_t kWakesTheHost = 0x20;  // of a configuration's attributes

using Reply = std::optional<UsbControlReply>;

/// Serves one request.
class StandardRequest {
public:
    StandardRequest(UsbModelState &state, UsbStandardEffects &effects, const UsbSetup &setup,
                    std::span<std::byte> data)
        : state_(state), effects_(effects), setup_(setup), data_(data) {}

    Reply Serve() {
        switch (setup_.request) {
            case kGetStatus:
                return GetStatus();
            case kClearFeature:
                return ChangeFeature(false);
            case kSetFeature:
                return ChangeFeature(true);
            case kSetAddress:
                return UsbControlReply::Stall();  // the wire's own business
            case kGetDescriptor:
                return GetDescriptor();
            case kGetConfiguration:
                return Is(kDevice, true) ? Reply(Send({state_.configuration()})) : std::nullopt;
            case kSetConfiguration:
                return Is(kDevice, false) ? Reply(SelectConfiguration()) : std::nullopt;
            case kGetInterface:
                return GetInterface();
            case kSetInterface:
                return Is(kInterface, false) ? Reply(SelectAlternateSetting()) : std::nullopt;
            default:
                return std::nullopt;
        }
    }

private:
    static uint8_t Low(uint16_t value) { return static_cast<uint8_t>(value & 0xFF); }

    [[nodiscard]] uint8_t recipient() const { return setup_.request_type & kTypeAndRecipient; }
    [[nodiscard]] bool Is(uint8_t wanted, bool is_in) const {
        return recipient() == wanted && setup_.is_in() == is_in;
    }
    [[nodiscard]] UsbEndpointAddress endpoint() const { return {Low(setup_.index)}; }

    static UsbControlReply Answer(bool is_done) {
        return is_done ? UsbControlReply::Success() : UsbControlReply::Stall();
    }

    [[nodiscard]] UsbControlReply Send(std::span<const std::byte> bytes) const {
        const size_t num_bytes = std::min(bytes.size(), data_.size());
        std::copy_n(bytes.begin(), num_bytes, data_.begin());
        return UsbControlReply::Success(num_bytes);
    }
    [[nodiscard]] UsbControlReply Send(std::initializer_list<uint8_t> bytes) const {
        return Send(std::as_bytes(std::span(bytes.begin(), bytes.size())));
    }
    [[nodiscard]] UsbControlReply SendStatus(unsigned bits) const {
        return Send({static_cast<uint8_t>(bits), 0});
    }

    [[nodiscard]] uint8_t Attributes() const {
        const UsbConfiguration *configuration = state_.current();
        return configuration == nullptr ? uint8_t{0} : configuration->attributes;
    }

    [[nodiscard]] Reply GetStatus() const {
        if (Is(kDevice, true)) {
            return SendStatus(((Attributes() & kSelfPowered) != 0 ? 1U : 0U) | state_.features());
        }
        if (Is(kInterface, true) && state_.AlternateSetting(Low(setup_.index))) {
            return SendStatus(0);
        }
        if (Is(kEndpoint, true) && (endpoint().number() == 0 || state_.Find(endpoint()))) {
            return SendStatus(state_.IsHalted(endpoint()) ? 1 : 0);
        }
        return std::nullopt;
    }

    [[nodiscard]] Reply ChangeFeature(bool is_set) {
        if (Is(kEndpoint, false) && setup_.value == kEndpointHalt) {
            return ChangeHalt(is_set);
        }
        if (!Is(kDevice, false)) {
            return std::nullopt;
        }
        const bool is_super = state_.description().speed >= UsbSpeed::kSuper;
        if (setup_.value == kRemoteWakeup && !is_super && (Attributes() & kWakesTheHost) != 0) {
            state_.SetFeature(1, is_set);
            return UsbControlReply::Success();
        }
        if (is_super && setup_.value >= kU1Enable && setup_.value <= kLatencyTolerance &&
            state_.configuration() != 0) {
            state_.SetFeature(static_cast<uint8_t>(2 + setup_.value - kU1Enable), is_set);
            return UsbControlReply::Success();
        }
        return std::nullopt;
    }

    [[nodiscard]] Reply ChangeHalt(bool is_set) {
        const UsbEndpoint *found = state_.Find(endpoint());
        if (endpoint().number() == 0) {
            return UsbControlReply::Success();  // each setup packet ends a halt of endpoint 0
        }
        if (found == nullptr || found->type == UsbTransferType::kIsochronous) {
            return UsbControlReply::Stall();
        }
        if (is_set) {
            effects_.HaltForHost(endpoint());
        } else {
            state_.SetHalted(endpoint(), false);
        }
        return UsbControlReply::Success();
    }

    [[nodiscard]] Reply GetDescriptor() const {
        if (!Is(kDevice, true)) {
            return std::nullopt;
        }
        const UsbDescriptors &descriptors = state_.description().descriptors;
        const uint8_t index = Low(setup_.value);
        switch (setup_.value >> 8) {
            case kDeviceDescriptor:
                return Send(descriptors.device_bytes);
            case kConfigurationDescriptor:
                return index < descriptors.configurations.size()
                           ? Send(descriptors.configurations[index].bytes)
                           : UsbControlReply::Stall();
            case kStringDescriptor:
                return GetString(index);
            case kBosDescriptor:
                return descriptors.capabilities.empty() ? UsbControlReply::Stall()
                                                        : Send(descriptors.capabilities);
            default:
                return std::nullopt;
        }
    }

    [[nodiscard]] Reply GetString(uint8_t index) const {
        const std::vector<std::string> &strings = state_.description().strings;
        if (index == 0 && !strings.empty()) {
            return Send({4, kStringDescriptor, Low(kUsEnglish), kUsEnglish >> 8});
        }
        if (index == 0 || index > strings.size() || setup_.index != kUsEnglish) {
            return std::nullopt;
        }
        const std::u16string text = Utf16Of(strings[index - 1]);
        std::vector<uint8_t> bytes = {static_cast<uint8_t>(2 + 2 * text.size()), kStringDescriptor};
        for (const char16_t unit : text) {
            bytes.push_back(static_cast<uint8_t>(unit & 0xFF));
            bytes.push_back(static_cast<uint8_t>(unit >> 8));
        }
        return Send(std::as_bytes(std::span(bytes)));
    }

    [[nodiscard]] UsbControlReply SelectConfiguration() {
        return Answer(setup_.value <= 0xFF && effects_.SelectConfiguration(Low(setup_.value)));
    }

    [[nodiscard]] UsbControlReply SelectAlternateSetting() {
        return Answer(setup_.index <= 0xFF && setup_.value <= 0xFF &&
                      effects_.SelectAlternateSetting(Low(setup_.index), Low(setup_.value)));
    }

    [[nodiscard]] Reply GetInterface() const {
        const auto alternate = state_.AlternateSetting(Low(setup_.index));
        return Is(kInterface, true) && alternate ? Reply(Send({*alternate})) : std::nullopt;
    }

    UsbModelState &state_;
    UsbStandardEffects &effects_;
    const UsbSetup &setup_;
    const std::span<std::byte> data_;
};

}  // namespace

std::optional<UsbControlReply> ServeStandardRequest(UsbModelState &state,
                                                    UsbStandardEffects &effects,
                                                    const UsbSetup &setup,
                                                    std::span<std::byte> data) {
    if ((setup.request_type & kTypeBits) != 0) {
        return std::nullopt;
    }
    return StandardRequest(state, effects, setup, data).Serve();
}

}  // namespace opendext::backends
