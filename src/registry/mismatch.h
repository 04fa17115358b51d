// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace opendext::registry {

/// Why an entry is not selected: the key, what it asks for and what the entry has, in one line.
struct Mismatch {
    std::string key;
    std::string reason;
};

}  // namespace opendext::registry
