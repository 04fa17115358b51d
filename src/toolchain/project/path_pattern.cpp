// SPDX-License-Identifier: Apache-2.0
#include "toolchain/project/path_pattern.h"

#include <fnmatch.h>
#include <algorithm>
#include <string>
#include <vector>

namespace opendext::toolchain {

namespace {

std::vector<std::string> Parts(std::string_view text) {
    std::vector<std::string> parts;
    while (!text.empty()) {
        const size_t end = std::min(text.find('/'), text.size());
        if (end != 0) {
            parts.emplace_back(text.substr(0, end));
        }
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return parts;
}

}  // namespace

bool FitsPathPattern(std::string_view path, std::string_view pattern) {
    const std::vector<std::string> names = Parts(path);
    const std::vector<std::string> wanted = Parts(pattern);
    // fits[n]: the first n names fit the part of the pattern that has been looked at.
    std::vector<bool> fits(names.size() + 1, false);
    fits[0] = true;
    for (const std::string &part : wanted) {
        std::vector<bool> next(names.size() + 1, false);
        if (part == "**") {
            bool reached = false;
            for (size_t n = 0; n <= names.size(); ++n) {
                reached = reached || fits[n];
                next[n] = reached;
            }
        } else {
            for (size_t n = 0; n < names.size(); ++n) {
                next[n + 1] = fits[n] && fnmatch(part.c_str(), names[n].c_str(), FNM_PERIOD) == 0;
            }
        }
        fits = std::move(next);
    }
    // Fewer names than the path has: a folder that holds it.
    return !wanted.empty() && std::find(fits.begin() + 1, fits.end(), true) != fits.end();
}

}  // namespace opendext::toolchain
