// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace opendext::backends {

/// The text of a string descriptor, as UTF-8. A length that is not true is cut to what is there; what is no UTF-16
/// becomes U+FFFD, and the text ends at a 0. nullopt when it is no string descriptor. Pure.
[[nodiscard]] std::optional<std::string> ReadUsbString(std::span<const std::byte> descriptor);

/// The languages that string descriptor 0 lists, in its order.
[[nodiscard]] std::vector<uint16_t> ReadUsbLanguages(std::span<const std::byte> descriptor);

}  // namespace opendext::backends
