// SPDX-License-Identifier: Apache-2.0
#include "toolchain/project/project.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "toolchain/testing/temporary_folder.h"

namespace opendext::toolchain {
namespace {

using ::testing::HasSubstr;

/// A project that has nothing but targets.
class ListedTargets final : public Project {
public:
    explicit ListedTargets(std::vector<TargetSummary> targets) : targets_(std::move(targets)) {}
    [[nodiscard]] std::vector<TargetSummary> Targets() const override { return targets_; }
    [[nodiscard]] std::expected<ProjectTarget, std::string> Load(
        const std::string &, const ProjectRequest &) const override {
        return std::unexpected("not loaded");
    }

private:
    std::vector<TargetSummary> targets_;
};

const TargetSummary kDext = {.name = "driver", .product_type = std::string(kDextProduct)};
const TargetSummary kOther = {.name = "driver two", .product_type = std::string(kDextProduct)};
const TargetSummary kTool = {.name = "tool", .product_type = "com.apple.product-type.tool"};

std::string Chosen(std::vector<TargetSummary> targets, TargetPurpose purpose,
                   const std::string &name = {}) {
    const auto chosen =
        ChooseTarget(ListedTargets(std::move(targets)), "X.xcodeproj", purpose, name);
    return chosen ? *chosen : chosen.error();
}

TEST(TargetChoice, OnlyOneThatServes_IsChosen) {
    EXPECT_EQ(Chosen({kTool, kDext}, TargetPurpose::kDext), "driver");
    EXPECT_EQ(Chosen({kTool, kDext}, TargetPurpose::kProgram), "tool");
    EXPECT_EQ(Chosen({kDext, kOther}, TargetPurpose::kDext, "driver two"), "driver two");
}

TEST(TargetChoice, Several_ErrorNamesThemAndTheOption) {
    EXPECT_EQ(Chosen({kDext, kOther}, TargetPurpose::kDext),
              "X.xcodeproj: error: several targets are a driver extension: 'driver', 'driver two'; "
              "choose one with --target 'driver'");
}

TEST(TargetChoice, None_ErrorNamesWhatThereIs) {
    EXPECT_THAT(Chosen({kTool}, TargetPurpose::kDext),
                HasSubstr("no target is a driver extension"));
    EXPECT_THAT(Chosen({kTool}, TargetPurpose::kDext), HasSubstr("it has 'tool'"));
    EXPECT_THAT(Chosen({}, TargetPurpose::kDext), HasSubstr("it has none at all"));
    EXPECT_THAT(Chosen({kDext}, TargetPurpose::kProgram),
                HasSubstr("no target is a tool or an application"));
}

TEST(TargetChoice, WrongName_ErrorNamesTheRightOnes) {
    EXPECT_THAT(
        Chosen({kTool, kDext}, TargetPurpose::kDext, "tool"),
        HasSubstr("target 'tool' is no driver extension; choose one with --target: 'driver'"));
    EXPECT_THAT(Chosen({kTool, kDext}, TargetPurpose::kDext, "none"),
                HasSubstr("target 'none' does not exist"));
}

TEST(ProjectSearch, FolderOfOneProject_IsTheProject) {
    const testing::TemporaryFolder folder;
    folder.Write("project.yml", "");
    EXPECT_EQ(FindProject(folder.path()).value(), folder.path() / "project.yml");
    folder.Write("X.xcodeproj/project.pbxproj", "");
    EXPECT_EQ(FindProject(folder.path()).value(), folder.path() / "X.xcodeproj");
    EXPECT_EQ(FindProject(folder.path() / "X.xcodeproj/").value(), folder.path() / "X.xcodeproj");
}

TEST(ProjectSearch, FolderOfSources_IsNone) {
    const testing::TemporaryFolder folder;
    folder.Write("project.yml", "");
    folder.Write("a.iig", "");
    EXPECT_EQ(FindProject(folder.path()).value(), std::nullopt);
    EXPECT_EQ(FindProject(folder.path() / "nowhere").value(), std::nullopt);
}

TEST(ProjectSearch, SeveralProjects_ErrorNamesThem) {
    const testing::TemporaryFolder folder;
    folder.Write("A.xcodeproj/project.pbxproj", "");
    folder.Write("B.xcodeproj/project.pbxproj", "");
    const auto found = FindProject(folder.path());
    ASSERT_FALSE(found);
    EXPECT_THAT(found.error(), HasSubstr("several projects (A.xcodeproj, B.xcodeproj)"));
}

TEST(ProjectSearch, ProjectThatIsNotThere_IsAnError) {
    EXPECT_FALSE(FindProject("/nowhere/X.xcodeproj"));
}

TEST(Override, IsNameAndValue) {
    EXPECT_EQ(ParseOverride("A=b=c")->value, "b=c");
    EXPECT_EQ(ParseOverride("A[sdk=x]=b")->conditions.size(), 1U);
    EXPECT_EQ(ParseOverride("A=")->value, "");
    EXPECT_FALSE(ParseOverride("A"));
    EXPECT_FALSE(ParseOverride("=b"));
}

}  // namespace
}  // namespace opendext::toolchain
