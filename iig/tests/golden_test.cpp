// SPDX-License-Identifier: Apache-2.0
// What iig writes for good files, and says about bad ones, compared with golden/. After a wanted change:
// OPENDEXT_UPDATE_GOLDEN=1 build/debug/tests/opendext_iig_test, then read the difference.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "iig/generator.h"
#include "iig/output_files.h"

namespace opendext::iig {
namespace {

const std::filesystem::path kTests = std::filesystem::path(OPENDEXT_SOURCE_DIR) / "iig/tests";

bool IsUpdating() {
    return std::getenv("OPENDEXT_UPDATE_GOLDEN") != nullptr;
}

std::vector<std::string> Cases(const std::string &folder) {
    std::vector<std::string> names;
    for (const auto &entry : std::filesystem::directory_iterator(kTests / "golden" / folder)) {
        if (entry.path().extension() == ".iig") {
            names.push_back(entry.path().stem().string());
        }
    }
    std::ranges::sort(names);
    return names;
}

Generated GenerateFrom(const std::filesystem::path &path) {
    InterfaceRequest request;
    request.path = path.filename().string();
    request.text = ReadWholeFile(path.string()).value_or("");
    request.arguments = {"-isystem", (kTests / "sdk").string(), "-isystem",
                         (std::filesystem::path(OPENDEXT_SOURCE_DIR) / "sdk").string(),
                         "-std=gnu++20"};
    return Generate(request);
}

void ExpectGolden(const std::filesystem::path &path, const std::string &actual) {
    if (IsUpdating()) {
        std::ofstream(path, std::ios::binary) << actual;
        return;
    }
    EXPECT_EQ(actual, ReadWholeFile(path.string()).value_or("(no such file)")) << path;
}

class GoodInterface : public testing::TestWithParam<std::string> {};

TEST_P(GoodInterface, GivesTheGoldenFiles) {
    const std::filesystem::path path = kTests / "golden/good" / (GetParam() + ".iig");
    const Generated generated = GenerateFrom(path);
    ASSERT_TRUE(generated.is_good) << generated.diagnostics;
    ExpectGolden(std::filesystem::path(path).replace_extension(".h.golden"), generated.header);
    ExpectGolden(std::filesystem::path(path).replace_extension(".iig.cpp.golden"),
                 generated.implementation);
}

INSTANTIATE_TEST_SUITE_P(Golden, GoodInterface, testing::ValuesIn(Cases("good")),
                         [](const auto &info) { return info.param; });

class BadInterface : public testing::TestWithParam<std::string> {};

TEST_P(BadInterface, GivesTheGoldenErrors) {
    const std::filesystem::path path = kTests / "golden/errors" / (GetParam() + ".iig");
    const Generated generated = GenerateFrom(path);
    EXPECT_FALSE(generated.is_good);
    EXPECT_TRUE(generated.header.empty());
    ExpectGolden(std::filesystem::path(path).replace_extension(".txt.golden"),
                 generated.diagnostics);
}

INSTANTIATE_TEST_SUITE_P(Golden, BadInterface, testing::ValuesIn(Cases("errors")),
                         [](const auto &info) { return info.param; });

}  // namespace
}  // namespace opendext::iig
