// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace opendext::toolchain {

/// Whether a relative path fits a pattern as of a shell with globstar: `*`, `?` and `[...]` within one folder,
/// `**` for any number of folders, none too. A pattern that fits a folder fits all that is in it.
[[nodiscard]] bool FitsPathPattern(std::string_view path, std::string_view pattern);

}  // namespace opendext::toolchain
