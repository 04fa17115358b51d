// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "backends/api/pci_types.h"

namespace opendext::models {

/// What an option says of a base address register.
struct BarOption {
    uint64_t num_bytes = 0;
    backends::BarKind kind = backends::BarKind::kMemory32;

    bool operator==(const BarOption &) const = default;
};

/// Reads "256m/64p": a number of bytes with k, m or g for KiB, MiB or GiB, then optionally 32, 64, 32p, 64p or io.
/// Whether a function can have such a BAR is for PciDeviceBuilder to say. @return nullopt when it is not of that form.
[[nodiscard]] std::optional<BarOption> ParseBarOption(std::string_view text);

}  // namespace opendext::models
