// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "backends/api/usb_descriptors.h"
#include "base/shared_region.h"
#include "base/unique_fd.h"

namespace opendext::backends::remote {

/// A device's descriptors as SessionWelcome describes them, in a region to be sent.
struct PackedDescriptors {
    std::shared_ptr<SharedRegion> region;
    uint64_t num_bytes = 0;
    uint32_t num_configurations = 0;
};

/// @return errno of SharedRegion::Create.
[[nodiscard]] std::expected<PackedDescriptors, int> PackDescriptors(
    const UsbDescriptors &descriptors);

/// Reads what another process packed, from a copy, and as if it came from a device.
/// @return why it was refused.
[[nodiscard]] std::expected<UsbDescriptors, UsbDescriptorError> UnpackDescriptors(
    UniqueFd fd, uint64_t num_bytes, uint32_t num_configurations);

}  // namespace opendext::backends::remote
