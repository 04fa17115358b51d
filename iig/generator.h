// SPDX-License-Identifier: Apache-2.0
// From the text of an .iig file to the text of the generated files, without touching either on disk.
#pragma once

#include <string>
#include <vector>

#include "iig/frontend/interface_reader.h"

namespace opendext::iig {

struct Generated {
    bool is_good = false;
    std::string header;  // Empty unless good, as is the next.
    std::string implementation;
    std::string diagnostics;         // As printed, lines ended.
    std::vector<std::string> files;  // What was read.
};

Generated Generate(InterfaceRequest request);

}  // namespace opendext::iig
