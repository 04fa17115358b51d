// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <vector>

namespace opendext::toolchain {

/// Headers that are found by their names alone, wherever they lie, as in Xcode; of two of one name, the first.
struct ProjectHeaders {
    std::vector<std::filesystem::path> all;  ///< By #include "Name.h".
    std::vector<std::filesystem::path> own;  ///< By #include <Name.h> too.
};

}  // namespace opendext::toolchain
