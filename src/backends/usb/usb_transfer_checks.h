// SPDX-License-Identifier: Apache-2.0
/// @file usb_transfer_checks.h
/// What a port checks of transfers before a wire sees them, and of outcomes before anybody else does. Pure.
#pragma once

#include <optional>

#include "backends/api/usb_transfer.h"
#include "backends/usb/usb_claims.h"

namespace opendext::backends {

/// Why a transfer of `session` cannot start: kInvalidArgument, kNotOpen, kUnsupported. nullopt: it can.
[[nodiscard]] std::optional<UsbStatus> FindUsbTransferFault(const UsbTransfer &transfer,
                                                            const UsbClaims &claims,
                                                            UsbSessionId session);

/// What `outcome`, as a wire reported it, means to whoever submitted: never more bytes than were asked for, and, where
/// the transfer was to end for a `reason` of the port's and ended because of that, this reason. Corrects the frames of an
/// isochronous transfer as well.
[[nodiscard]] UsbOutcome SettleUsbOutcome(UsbTransfer &transfer, const UsbOutcome &outcome,
                                          std::optional<UsbStatus> reason);

}  // namespace opendext::backends
