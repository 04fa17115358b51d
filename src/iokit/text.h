// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <CoreFoundation/CFString.h>
#include <mach/kern_return.h>

namespace opendext::iokit {

/// Copies `text` with its NUL. kIOReturnBadArgument when it does not fit.
[[nodiscard]] kern_return_t CopyText(std::string_view text, char *buffer, size_t capacity);

/// +1.
[[nodiscard]] CFStringRef CreateString(std::string_view text);

/// The text of a CFString.
[[nodiscard]] std::string TextOf(CFStringRef string);

}  // namespace opendext::iokit
