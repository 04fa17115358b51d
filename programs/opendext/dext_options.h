// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <filesystem>
#include <string>
#include <vector>

#include "toolchain/dext_builder.h"

namespace CLI {
class App;
}

namespace opendext::cli {

/// What the command line says about the dext that is to be built.
struct DextOptions {
    std::string place;
    std::string target;
    std::string configuration;
    std::string output;
    std::string bundle_id;
    std::string entitlements;
    std::string info_plist;
    std::vector<std::string> additional;
    std::vector<std::string> include_dirs;
    std::vector<std::string> settings;
    std::vector<std::string> flags;
    std::string standard;
    bool debug = false;
    bool verbose = false;
};

/// Adds the options that say how a dext is built, without the place and the output.
void AddDextOptions(CLI::App &command, DextOptions &options);

/// What is to be built. The error is one line.
[[nodiscard]] std::expected<toolchain::DextBuildRequest, std::string> DextRequest(
    const DextOptions &options);

/// The folder's own name, of a path that may end in '/' or be "..".
[[nodiscard]] std::string NameOfFolder(const std::string &place);

}  // namespace opendext::cli
