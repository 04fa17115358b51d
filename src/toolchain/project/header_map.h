// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace opendext::toolchain {

/// A header map, as Xcode gives it to clang: #include "Name.h" finds a header of the project by its name alone,
/// wherever it lies. Passed as a folder is, with -iquote or -I. Of two headers of one name, the first is found.
/// @return the bytes of an .hmap file.
[[nodiscard]] std::string HeaderMap(const std::vector<std::filesystem::path> &headers);

}  // namespace opendext::toolchain
