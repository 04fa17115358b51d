// SPDX-License-Identifier: Apache-2.0
/// @file register_manual.h
/// Reading the page of docs/devices that says what a model's registers.h says, for the tests that compare the two.
#pragma once

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>

#include <fmt/format.h>

namespace opendext::models {

struct NamedValue {
    const char *name;
    uint32_t value;
};

/// The text of docs/devices/NAME.md.
inline std::string ReadManual(const std::string &name) {
    std::ifstream file(OPENDEXT_SOURCE_DIR "/docs/devices/" + name + ".md");
    return {std::istreambuf_iterator<char>(file), {}};
}

/// Whether a table of the page has the register at its offset.
inline bool ListsRegister(const std::string &manual, const NamedValue &reg) {
    return manual.contains(fmt::format("\n| `0x{:02X}` | {} |", reg.value, reg.name));
}

/// Rows of its tables of registers.
inline size_t NumRegisterRows(const std::string &manual) {
    size_t num_rows = 0;
    for (size_t at = manual.find("\n| `0x"); at != std::string::npos;
         at = manual.find("\n| `0x", at + 1)) {
        ++num_rows;
    }
    return num_rows;
}

}  // namespace opendext::models
