// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "backends/api/usb_types.h"

namespace opendext::backends {

/// What no packet of usbmon tells: a comment on the first packet of each stay of a device at the port, such as
/// "OpenDext: attached at high speed". Its presence says, too, that the devices of the file were at one port, one after
/// the other.
[[nodiscard]] std::string MakeRecordingNote(UsbSpeed speed);
[[nodiscard]] bool IsRecordingNote(std::string_view comment);
/// nullopt when it tells none.
[[nodiscard]] std::optional<UsbSpeed> SpeedOfRecordingNote(std::string_view comment);

}  // namespace opendext::backends
