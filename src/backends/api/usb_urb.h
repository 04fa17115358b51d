// SPDX-License-Identifier: Apache-2.0
/// @file usb_urb.h
/// Transfers as Linux's USB stack counts and numbers them: USB/IP and the captures of usbmon carry its URBs. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "backends/api/usb_types.h"

namespace opendext::backends {

// Flags of an URB.
inline constexpr uint32_t kUrbIsoAsap = 0x0002;
inline constexpr uint32_t kUrbDirectionIn = 0x0200;

/// What a status of an URB (0, or minus an error number) means for a transfer. Numbers that nobody uses are
/// kNotResponding.
[[nodiscard]] UsbStatus UsbStatusFromUrb(int32_t status);

/// The same for one packet of an isochronous URB.
[[nodiscard]] UsbStatus UsbFrameStatusFromUrb(int32_t status);

/// The number that stands for it.
[[nodiscard]] int32_t UrbStatusOf(UsbStatus status);

/// bInterval of a periodic endpoint as an URB has it: frames at low and full speed, microframes above. 0 for the other
/// types.
[[nodiscard]] uint32_t UrbInterval(UsbTransferType type, UsbSpeed speed, uint8_t interval);

/// The eight bytes of a setup packet, which are little-endian everywhere.
[[nodiscard]] std::array<std::byte, 8> EncodeUsbSetup(const UsbSetup &setup);
[[nodiscard]] UsbSetup DecodeUsbSetup(std::span<const std::byte, 8> bytes);

}  // namespace opendext::backends
