// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <string>

#include <gtest/gtest.h>

namespace opendext::toolkit {
namespace {

// So that the same headers compile in Xcode: no C++ library, nothing of OpenDext's own.
TEST(ToolkitHeaders, IncludeDriverKitAndEachOtherOnly) {
    const std::regex include(R"(^\s*#\s*include\s*(\S+))");
    const std::regex allowed(
        R"(<(stddef\.h|stdint\.h|string\.h|DriverKit/\w+\.h|opendext/toolkit/\w+\.h)>)");
    size_t num_headers = 0;
    for (const auto &entry : std::filesystem::recursive_directory_iterator(OPENDEXT_TOOLKIT_DIR)) {
        if (!entry.is_regular_file()) {
            continue;
        }
        ++num_headers;
        std::ifstream file(entry.path());
        for (std::string line; std::getline(file, line);) {
            std::smatch match;
            if (std::regex_search(line, match, include)) {
                EXPECT_TRUE(std::regex_match(match[1].str(), allowed)) << entry.path() << line;
            }
        }
    }
    EXPECT_GE(num_headers, 2U);
}

}  // namespace
}  // namespace opendext::toolkit
