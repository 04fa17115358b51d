// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace opendext::backends {

/// UTF-16 as string descriptors have it. Bytes that are no UTF-8 become U+FFFD. Pure.
[[nodiscard]] std::u16string Utf16Of(std::string_view utf8);

}  // namespace opendext::backends
