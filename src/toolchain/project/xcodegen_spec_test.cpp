// SPDX-License-Identifier: Apache-2.0
#include "toolchain/project/xcodegen_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "toolchain/testing/temporary_folder.h"

namespace opendext::toolchain {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

class Specification : public ::testing::Test {
protected:
    Specification() {
        folder.Write("src/a.cpp", "");
        folder.Write("src/a.iig", "");
        folder.Write("src/a.h", "");
        folder.Write("src/Info.plist", "");
        folder.Write("src/old/b.cpp", "");
        folder.Write("lib/c.c", "");
    }

    std::expected<ProjectTarget, std::string> Load(const std::string &text,
                                                   const std::string &configuration = {}) {
        folder.Write("project.yml", text);
        const auto project = XcodeGenSpec::Open(folder.path() / "project.yml");
        if (!project) {
            return std::unexpected(project.error());
        }
        return (*project)->Load("T", {.configuration = configuration, .overrides = {}});
    }
    std::string ErrorOf(const std::string &text) {
        const auto target = Load(text);
        return target ? "no error" : target.error();
    }
    static std::vector<std::string> SourceNames(const ProjectTarget &target) {
        std::vector<std::string> names;
        for (const ProjectSource &source : target.sources) {
            names.push_back(source.file.lexically_relative(target.directory).string());
        }
        return names;
    }

    testing::TemporaryFolder folder;
};

TEST_F(Specification, FoldersAreTakenLessWhatIsExcluded) {
    const auto target = Load(
        "targets:\n  T:\n    type: driver-extension\n    sources:\n      - path: src\n"
        "        excludes: [\"old/**\"]\n        compilerFlags: -Wall -Wextra\n");
    ASSERT_TRUE(target) << target.error();
    EXPECT_THAT(SourceNames(*target), ElementsAre("src/a.cpp", "src/a.iig"));
    EXPECT_EQ(target->product_type, kDextProduct);
    EXPECT_THAT(target->sources[0].flags, ElementsAre("-Wall -Wextra"));
    EXPECT_EQ(target->settings.Text("INFOPLIST_FILE").value(),
              (folder.path() / "src/Info.plist").string());
}

TEST_F(Specification, SettingsOfGroupsBaseAndConfigurations) {
    const char *text =
        "settingGroups:\n  g:\n    A: group\n    B: group\n"
        "settings:\n  C: project\n"
        "targets:\n  T:\n    type: tool\n    settings:\n      groups: [g]\n"
        "      base: {B: base, C: \"$(inherited) target\"}\n"
        "      configs:\n        release: {D: [r1, r2]}\n        Debug: {D: d}\n";
    const auto debug = Load(text);
    ASSERT_TRUE(debug) << debug.error();
    EXPECT_EQ(debug->settings.Text("A").value(), "group");
    EXPECT_EQ(debug->settings.Text("B").value(), "base");
    EXPECT_EQ(debug->settings.Text("C").value(), "project target");
    EXPECT_EQ(debug->settings.Text("D").value(), "d");
    EXPECT_EQ(debug->settings.Text("GCC_PREPROCESSOR_DEFINITIONS").value(), "DEBUG=1");
    const auto release = Load(text, "Release");
    ASSERT_TRUE(release);
    EXPECT_THAT(release->settings.Words("D").value(), ElementsAre("r1", "r2"));
}

TEST_F(Specification, TemplatesAndIncludesAreMergedBelow) {
    folder.Write("more/base.yml",
                 "targetTemplates:\n  Base:\n    type: tool\n    sources: [../lib]\n"
                 "    settings: {NAME: \"${target_name}-${kind}\"}\n");
    const auto target = Load(
        "include: more/base.yml\ntargets:\n  T:\n    templates: [Base]\n"
        "    templateAttributes: {kind: x}\n    sources: [src/old]\n");
    ASSERT_TRUE(target) << target.error();
    EXPECT_THAT(SourceNames(*target), UnorderedElementsAre("lib/c.c", "src/old/b.cpp"));
    EXPECT_EQ(target->settings.Text("NAME").value(), "T-x");
}

TEST_F(Specification, StaticLibraryIsLinked) {
    const auto target = Load(
        "targets:\n  L:\n    type: library.static\n    sources: lib\n"
        "  T:\n    type: tool\n    sources: src/a.cpp\n    dependencies:\n      - target: L\n");
    ASSERT_TRUE(target) << target.error();
    ASSERT_EQ(target->libraries.size(), 1U);
    EXPECT_THAT(SourceNames(target->libraries[0]), ElementsAre("lib/c.c"));
}

TEST_F(Specification, BundleIdIsMadeOfThePrefix) {
    const auto target =
        Load("options: {bundleIdPrefix: org.example}\ntargets:\n  T: {type: driver-extension}\n");
    ASSERT_TRUE(target) << target.error();
    EXPECT_EQ(target->settings.Text("PRODUCT_BUNDLE_IDENTIFIER").value(), "org.example.T");
}

TEST_F(Specification, ScriptsAndGeneratedLists_AreTold) {
    const auto target = Load(
        "targets:\n  T:\n    type: tool\n    info: {path: Gen.plist}\n    preBuildScripts:\n"
        "      - name: Bump\n        script: x\n");
    ASSERT_TRUE(target) << target.error();
    EXPECT_THAT(target->warnings, UnorderedElementsAre(HasSubstr("run xcodegen once"),
                                                       HasSubstr("has the script 'Bump'")));
}

TEST_F(Specification, BrokenYaml_ErrorHasItsLine) {
    EXPECT_THAT(ErrorOf("targets:\n  T: [\n"),
                ::testing::ContainsRegex("project.yml:[23]: error: "));
    EXPECT_THAT(ErrorOf(""), HasSubstr("the document is empty"));
    EXPECT_THAT(ErrorOf("- a\n"), HasSubstr("a specification is a map"));
}

TEST_F(Specification, MissingSource_ErrorHasItsLine) {
    EXPECT_THAT(ErrorOf("targets:\n  T:\n    type: tool\n    sources:\n      - path: none\n"),
                HasSubstr("project.yml:5: error: source "));
}

TEST_F(Specification, Circles_AreErrors) {
    EXPECT_THAT(ErrorOf("include: project.yml\n"), HasSubstr("includes this file itself"));
    EXPECT_THAT(ErrorOf("targetTemplates:\n  A: {templates: [A]}\n"
                        "targets:\n  T: {type: tool, templates: [A]}\n"),
                HasSubstr("template 'A' uses itself"));
    EXPECT_THAT(ErrorOf("settingGroups:\n  g: {groups: [g]}\n"
                        "targets:\n  T: {type: tool, settings: {groups: [g]}}\n"),
                HasSubstr("in a circle"));
    EXPECT_THAT(ErrorOf("targets:\n  T: &t\n    sources: *t\n"), HasSubstr("error: "));
}

TEST_F(Specification, AnchorsThatMultiply_AreAnErrorAndNoHang) {
    std::string text = "a0: &a0 x\n";
    for (int i = 1; i < 30; ++i) {
        const std::string last = "*a" + std::to_string(i - 1);
        text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + last + ", " + last +
                "]\n";
    }
    EXPECT_THAT(ErrorOf(text), HasSubstr("the document is too large"));
}

}  // namespace
}  // namespace opendext::toolchain
