// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace opendext::backends {

/// Signalling rate of a device.
enum class UsbSpeed : uint8_t { kLow, kFull, kHigh, kSuper, kSuperPlus };

/// The low bits of an endpoint's bmAttributes.
enum class UsbTransferType : uint8_t {
    kControl = 0,
    kIsochronous = 1,
    kBulk = 2,
    kInterrupt = 3,
};

/// bEndpointAddress: number in the low four bits, and the direction.
struct UsbEndpointAddress {
    uint8_t value = 0;  ///< 0: the default control endpoint.

    [[nodiscard]] constexpr bool is_in() const { return (value & 0x80) != 0; }
    [[nodiscard]] constexpr uint8_t number() const { return value & 0x0F; }
    auto operator<=>(const UsbEndpointAddress &) const = default;
};

/// Frames of one isochronous transfer: so many that no frame number of a bus reaches them are a mistake.
inline constexpr uint32_t kMostUsbFrames = 1 << 16;

/// The eight bytes that begin a control transfer, in host byte order.
struct UsbSetup {
    uint8_t request_type =
        0;  ///< bmRequestType: bit 7 direction in, bits 6..5 type, bits 4..0 recipient.
    uint8_t request = 0;
    uint16_t value = 0;
    uint16_t index = 0;
    uint16_t length = 0;

    [[nodiscard]] constexpr bool is_in() const { return (request_type & 0x80) != 0; }
    bool operator==(const UsbSetup &) const = default;
};

/// How a transfer ended.
enum class UsbStatus : uint8_t {
    kSuccess,        ///< All bytes, or a short packet ended it early.
    kStalled,        ///< The endpoint is halted (a control endpoint: refused this request).
    kTimedOut,       ///< Its time was over; what had moved by then counts.
    kAborted,        ///< Ended by Abort, by a change of setting, or with its session.
    kRemoved,        ///< The device is gone.
    kBabble,         ///< The device sent more than was asked for.
    kNotResponding,  ///< The device does not answer, or errors of the bus were repeated.
    kNotOpen,  ///< The session may not use that endpoint (not claimed, or not in this setting).
    kInvalidArgument,  ///< The request makes no sense: too long, wrong direction, a bad stream.
    kNoResources,      ///< Memory or a limit.
    kUnsupported,      ///< The backend cannot do such transfers.
    kTooLate,          ///< Isochronous: the first frame has passed.
    kTooEarly,         ///< Isochronous: the first frame is too far ahead.
    kUnderrun,         ///< Isochronous frame: no or less data came in time.
};

/// "stalled", "timed out": for log lines.
[[nodiscard]] std::string_view NameOf(UsbStatus status);

/// One device's stay at its port, until it is unplugged or comes back as another device. Never reused by a port.
enum class UsbDeviceId : uint64_t { kNone = 0 };

/// The bus's frame counter at an instant. Frames are 1 ms.
struct UsbFrameTime {
    uint64_t frame = 0;
    uint64_t mach_time = 0;  ///< mach_absolute_time at which that frame began.
};

}  // namespace opendext::backends
