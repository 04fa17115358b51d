// SPDX-License-Identifier: Apache-2.0
/// @file dext_bundle.h
/// A dext on disk: the folder X.dext with Info.plist, entitlements.plist (may be missing: no entitlements)
/// and the driver's code, named by CFBundleExecutable: EXECUTABLE.so.
#pragma once

#include <expected>
#include <filesystem>
#include <memory>
#include <string>

#include "base/property_value.h"

namespace opendext::host {

/// A dext whose code is in this process. Immutable, any thread.
struct LoadedDext {
    virtual ~LoadedDext() = default;

    std::string identifier;       ///< CFBundleIdentifier, for diagnostics.
    PropertyValue info;           ///< Info.plist; a dictionary.
    PropertyValue entitlements;   ///< A dictionary.
    const void *image = nullptr;  ///< An address in the code.
};

/// Loads a bundle's code. The code is unloaded with the returned object, unless objects of its classes are
/// left: then it stays, and a log line names them.
/// @return one line that names the file, what is wrong with it and what to do.
[[nodiscard]] std::expected<std::shared_ptr<const LoadedDext>, std::string> LoadDextBundle(
    const std::filesystem::path &folder);

}  // namespace opendext::host
