// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/property_value.h"

namespace opendext::registry {

/// One dictionary of a bundle's IOKitPersonalities (semantics.md 3.1).
struct Personality {
    std::string name;  ///< Its key in IOKitPersonalities.
    std::string provider_class;
    std::string kernel_class;  ///< IOClass.
    std::string user_class;    ///< IOUserClass.
    std::string server_name;   ///< IOUserServerName.
    std::string category = "IODefaultMatchCategory";
    int64_t probe_score = 0;
    bool one_process = false;              ///< IOUserServerOneProcess is present.
    PropertyValue::Dictionary properties;  ///< The dictionary itself.
};

/// A .dext folder as the registry knows it: what its Info.plist and entitlements say. Immutable.
struct Bundle {
    std::filesystem::path path;
    std::string identifier;  ///< CFBundleIdentifier.
    std::vector<Personality> personalities;
    /// Nothing when the folder has no entitlements.plist: it was built without any.
    std::optional<PropertyValue::Dictionary> entitlements;
};

/// Reads `path`/Info.plist and `path`/entitlements.plist.
/// @return an error is one line: the file, the line when there is one, what is wrong and what to do.
std::expected<Bundle, std::string> ReadBundle(const std::filesystem::path &path);

/// Whether the .dext folder `path` holds code to run: it is neither a folder of sources nor a bundle without its
/// shared object. @return as above. A folder that is not there, or has no readable Info.plist, is ReadBundle's to tell.
std::expected<void, std::string> CheckIsBuilt(const std::filesystem::path &path);

}  // namespace opendext::registry
