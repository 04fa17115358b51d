// SPDX-License-Identifier: Apache-2.0
#include "backends/api/usb_urb.h"

#include <algorithm>
#include <cerrno>

namespace opendext::backends {

namespace {

std::byte LowByte(uint16_t value) {
    return static_cast<std::byte>(value & 0xFF);
}

std::byte HighByte(uint16_t value) {
    return static_cast<std::byte>(value >> 8);
}

uint16_t Little(std::byte low, std::byte high) {
    return static_cast<uint16_t>(std::to_integer<uint16_t>(low) | std::to_integer<uint16_t>(high)
                                                                      << 8);
}

}  // namespace

UsbStatus UsbStatusFromUrb(int32_t status) {
    switch (status) {
        case 0:
        case -EREMOTEIO:  // short, where short was not allowed
        case -EXDEV:      // isochronous: the packets say more
            return UsbStatus::kSuccess;
        case -EPIPE:
            return UsbStatus::kStalled;
        case -ENOENT:
        case -ECONNRESET:
            return UsbStatus::kAborted;
        case -ENODEV:
        case -ESHUTDOWN:
            return UsbStatus::kRemoved;
        case -EOVERFLOW:
            return UsbStatus::kBabble;
        case -EINVAL:
        case -EMSGSIZE:
            return UsbStatus::kInvalidArgument;
        case -ENOMEM:
        case -ENOSPC:
            return UsbStatus::kNoResources;
        case -EOPNOTSUPP:
            return UsbStatus::kUnsupported;
        default:
            return UsbStatus::kNotResponding;
    }
}

UsbStatus UsbFrameStatusFromUrb(int32_t status) {
    switch (status) {
        case -EXDEV:
        case -ECOMM:
        case -ENOSR:
            return UsbStatus::kUnderrun;
        default:
            return UsbStatusFromUrb(status);
    }
}

int32_t UrbStatusOf(UsbStatus status) {
    switch (status) {
        case UsbStatus::kSuccess:
            return 0;
        case UsbStatus::kStalled:
            return -EPIPE;
        case UsbStatus::kTimedOut:
        case UsbStatus::kAborted:
            return -ECONNRESET;
        case UsbStatus::kRemoved:
            return -ESHUTDOWN;
        case UsbStatus::kBabble:
            return -EOVERFLOW;
        case UsbStatus::kNotResponding:
            return -EPROTO;
        case UsbStatus::kNotOpen:
        case UsbStatus::kInvalidArgument:
        case UsbStatus::kTooEarly:
            return -EINVAL;
        case UsbStatus::kNoResources:
            return -ENOMEM;
        case UsbStatus::kUnsupported:
            return -EOPNOTSUPP;
        case UsbStatus::kTooLate:
        case UsbStatus::kUnderrun:
            return -EXDEV;
    }
    return -EPROTO;
}

uint32_t UrbInterval(UsbTransferType type, UsbSpeed speed, uint8_t interval) {
    const bool is_exponent = type == UsbTransferType::kIsochronous || speed >= UsbSpeed::kHigh;
    if (type != UsbTransferType::kIsochronous && type != UsbTransferType::kInterrupt) {
        return 0;
    }
    if (!is_exponent) {
        return std::max<uint32_t>(interval, 1);
    }
    return 1U << (std::clamp<uint32_t>(interval, 1, 16) - 1);
}

std::array<std::byte, 8> EncodeUsbSetup(const UsbSetup &setup) {
    return {std::byte{setup.request_type}, std::byte{setup.request}, LowByte(setup.value),
            HighByte(setup.value),         LowByte(setup.index),     HighByte(setup.index),
            LowByte(setup.length),         HighByte(setup.length)};
}

UsbSetup DecodeUsbSetup(std::span<const std::byte, 8> bytes) {
    return {.request_type = std::to_integer<uint8_t>(bytes[0]),
            .request = std::to_integer<uint8_t>(bytes[1]),
            .value = Little(bytes[2], bytes[3]),
            .index = Little(bytes[4], bytes[5]),
            .length = Little(bytes[6], bytes[7])};
}

}  // namespace opendext::backends
