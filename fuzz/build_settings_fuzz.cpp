// SPDX-License-Identifier: Apache-2.0
// An .xcconfig file from anyone: every setting of it has a value, or an error, within bounds.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <variant>

#include "toolchain/project/xcconfig.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t num_bytes) {
    using namespace opendext::toolchain;
    const auto lines = ParseXcconfig({reinterpret_cast<const char *>(data), num_bytes}, "f");
    if (!lines) {
        if (!lines.error().starts_with("f:")) {
            std::abort();
        }
        return 0;
    }
    std::vector<SettingAssignment> level;
    for (const XcconfigLine &line : *lines) {
        if (const auto *assignment = std::get_if<SettingAssignment>(&line)) {
            level.push_back(*assignment);
        }
    }
    SettingLevels settings({.sdk = "driverkit24.0", .arch = "x86_64", .configuration = "Release"});
    settings.AddText("SRCROOT", "/my project");
    settings.Add(level);
    settings.Add(level);
    size_t num_names = 0;
    for (const std::string &name : settings.Names()) {
        const auto text = settings.Text(name);
        if (text && text->size() > size_t{1} << 20) {
            std::abort();
        }
        static_cast<void>(settings.Words(name));
        if (++num_names == 16) {
            break;
        }
    }
    return 0;
}
