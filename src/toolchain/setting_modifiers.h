// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace opendext::toolchain {

/// `value` with one of the operators that follow a build setting's name, as in $(NAME:lower): rfc1034identifier,
/// c99extidentifier, identifier, lower, upper, quote, standardizepath, dir, file, base, suffix. One that is not
/// known changes nothing.
[[nodiscard]] std::string WithModifier(std::string value, std::string_view modifier);

}  // namespace opendext::toolchain
