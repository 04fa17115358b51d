// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "base/property_value.h"
#include "toolchain/dext_folder.h"

namespace opendext::toolchain {

/// Whether something can be started from each personality: there is one, it has IOProviderClass and IOUserClass,
/// and an .iig of the folder names that class. `text` is the Info.plist that `info` was read from.
/// The error is `file:line: error: ...` with the fix.
[[nodiscard]] std::expected<void, std::string> CheckPersonalities(
    const DextFolder &folder, const std::string &text, const PropertyValue::Dictionary &info);

/// One `file:line: warning: ...` for each key of a personality that begins with IO and that OpenDext does not know:
/// a typing error, or a key of a family that is not here. Such a key only becomes a property of the service. One
/// for each dictionary in a personality that has an IOUserClass which no .iig of the folder names.
[[nodiscard]] std::vector<std::string> PersonalityWarnings(const DextFolder &folder,
                                                           const std::string &text,
                                                           const PropertyValue::Dictionary &info);

}  // namespace opendext::toolchain
