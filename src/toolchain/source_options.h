// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace opendext::toolchain {

/// How one source is compiled.
struct SourceOptions {
    enum class Language { kC, kCxx, kAssembler };

    Language language = Language::kCxx;
    std::string standard;                ///< gnu++20, gnu17
    std::vector<std::string> arguments;  ///< After our own.
};

}  // namespace opendext::toolchain
