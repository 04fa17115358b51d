// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "backends/emulated/usb_description.h"
#include "backends/recorded/captured_transfers.h"

namespace opendext::backends {

/// [replay:]FILE or [replay:]FILE@BUS.ADDRESS. An '@' that no two numbers follow belongs to the file's name.
struct ReplaySpecification {
    std::string path;
    std::string device;  ///< "BUS.ADDRESS"; empty: the only one.
};

[[nodiscard]] ReplaySpecification ParseReplaySpecification(std::string_view text);

struct ReplayedDevice {
    CapturedDevice device;
    UsbDescription description;
};

/// Which devices of a capture are played back, one after the other: the wanted one; without `wanted`, all of a recording
/// of OpenDext's own, else the only device that is described in full and is no hub. @return in one line why there is
/// none, or which ones there are.
[[nodiscard]] std::expected<std::vector<ReplayedDevice>, std::string> ChooseReplayedDevices(
    std::vector<CapturedDevice> devices, std::string_view wanted);

}  // namespace opendext::backends
