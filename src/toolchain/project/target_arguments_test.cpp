// SPDX-License-Identifier: Apache-2.0
#include "toolchain/project/target_arguments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

#include "toolchain/testing/temporary_folder.h"

namespace opendext::toolchain {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Arguments : public ::testing::Test {
protected:
    Arguments() { target.directory = "/p"; }

    void Set(const std::string &name, const std::string &value) {
        target.settings.Add(
            {{.name = name, .conditions = {}, .value = value, .place = {.file = "f", .line = 1}}});
    }
    [[nodiscard]] SourceOptions Of(SourceType type, std::vector<std::string> flags = {}) const {
        return TargetArguments::Of(target)
            .value()
            .ForSource({.file = "/p/a", .type = type, .flags = std::move(flags), .place = {}})
            .value();
    }

    ProjectTarget target;
};

TEST_F(Arguments, StandardsAreOfTheLanguage) {
    Set("CLANG_CXX_LANGUAGE_STANDARD", "c++23");
    Set("GCC_C_LANGUAGE_STANDARD", "gnu11");
    EXPECT_EQ(Of(SourceType::kCxx).standard, "c++23");
    EXPECT_EQ(Of(SourceType::kInterface).standard, "c++23");
    EXPECT_EQ(Of(SourceType::kC).standard, "gnu11");
    EXPECT_EQ(Of(SourceType::kC).language, SourceOptions::Language::kC);
}

TEST_F(Arguments, OldAndUnknownStandards_AreWhatOurHeadersNeed) {
    EXPECT_EQ(Of(SourceType::kCxx).standard, "gnu++20");
    Set("CLANG_CXX_LANGUAGE_STANDARD", "gnu++14");
    EXPECT_EQ(Of(SourceType::kCxx).standard, "gnu++17");
    Set("CLANG_CXX_LANGUAGE_STANDARD", "compiler-default");
    EXPECT_EQ(Of(SourceType::kCxx).standard, "gnu++20");
}

TEST_F(Arguments, DefinitionsAndSearchPaths_AreAbsoluteAndInOrder) {
    Set("GCC_PREPROCESSOR_DEFINITIONS", "A=1 'B=\"x y\"'");
    Set("HEADER_SEARCH_PATHS", "include '$(inherited)' /abs/dir");
    Set("USER_HEADER_SEARCH_PATHS", "../mine");
    EXPECT_THAT(Of(SourceType::kCxx).arguments,
                ElementsAre("-DA=1", "-DB=\"x y\"", "-iquote", "/mine", "-I", "/p/include", "-I",
                            "/abs/dir"));
}

TEST_F(Arguments, StarsAreTheFoldersBelow) {
    const testing::TemporaryFolder folder;
    folder.Write("include/deep/er/x.h", "");
    target.directory = folder.path();
    Set("HEADER_SEARCH_PATHS", "include/**");
    const auto arguments = Of(SourceType::kCxx).arguments;
    EXPECT_THAT(arguments, Contains((folder.path() / "include").string()));
    EXPECT_THAT(arguments, Contains((folder.path() / "include/deep/er").string()));
}

TEST_F(Arguments, FlagsOfTheSourceComeLast) {
    Set("WARNING_CFLAGS", "-Wall");
    Set("OTHER_CFLAGS", "-DC=1");
    Set("OTHER_CPLUSPLUSFLAGS", "$(OTHER_CFLAGS) -DCXX=1");
    Set("KIND", "own");
    EXPECT_THAT(Of(SourceType::kCxx, {"-DX=$(KIND) -Iown"}).arguments,
                ElementsAre("-Wall", "-DC=1", "-DCXX=1", "-DX=own", "-I/p/own"));
    EXPECT_THAT(Of(SourceType::kC).arguments, ElementsAre("-Wall", "-DC=1"));
}

TEST_F(Arguments, InterfaceReader_GetsDefinitionsAndPathsAlone) {
    Set("OTHER_CPLUSPLUSFLAGS", "-Wall -DX=1 -I inc -O2");
    EXPECT_THAT(TargetArguments::Of(target)->ForInterfaces().arguments,
                ElementsAre("-DX=1", "-I", "/p/inc"));
}

TEST_F(Arguments, WhatOnlyTheOriginalKnows_IsLeftOut) {
    EXPECT_THAT(PortableFlags({"-framework", "X", "-fmodules", "-arch", "arm64", "-Wall", "-F/x",
                               "-mmacosx-version-min=11"},
                              "/p"),
                ElementsAre("-Wall"));
}

TEST_F(Arguments, ExcludedNamesArePatterns) {
    Set("EXCLUDED_SOURCE_FILE_NAMES", "*.md old_*.cpp Parts/*");
    Set("INCLUDED_SOURCE_FILE_NAMES", "old_but_good.cpp");
    EXPECT_TRUE(IsExcluded(target.settings, "/p/old_x.cpp").value());
    EXPECT_TRUE(IsExcluded(target.settings, "/p/Parts/a.cpp").value());
    EXPECT_FALSE(IsExcluded(target.settings, "/p/old_but_good.cpp").value());
    EXPECT_FALSE(IsExcluded(target.settings, "/p/new.cpp").value());
}

TEST_F(Arguments, Circle_ErrorHasThePlaceOfTheSetting) {
    Set("HEADER_SEARCH_PATHS", "$(X)");
    Set("X", "$(HEADER_SEARCH_PATHS)");
    const auto arguments = TargetArguments::Of(target);
    ASSERT_FALSE(arguments);
    EXPECT_THAT(arguments.error(), HasSubstr("f:1: error: build setting HEADER_SEARCH_PATHS"));
}

}  // namespace
}  // namespace opendext::toolchain
