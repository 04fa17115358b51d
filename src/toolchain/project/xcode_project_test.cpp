// SPDX-License-Identifier: Apache-2.0
#include "toolchain/project/xcode_project.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "toolchain/project/project_build.h"
#include "toolchain/testing/temporary_folder.h"

namespace opendext::toolchain {
namespace {

using std::filesystem::path;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

path Fixture(const char *name) {
    return path(OPENDEXT_SOURCE_DIR) / "tests/projects" / name;
}

std::vector<std::string> SourceNames(const ProjectTarget &target) {
    std::vector<std::string> names;
    for (const ProjectSource &source : target.sources) {
        names.push_back(source.file.lexically_relative(target.directory).string());
    }
    return names;
}

ProjectTarget LoadFixture(const char *name, const std::string &target,
                          const std::string &configuration = {}) {
    const auto project = XcodeProject::Open(Fixture(name) / "Ring.xcodeproj").value();
    auto loaded = project->Load(target, {.configuration = configuration, .overrides = {}});
    EXPECT_TRUE(loaded) << loaded.error();
    return std::move(loaded).value();
}

TEST(XcodeProject, ListedFilesLieWhereTheirGroupsSay) {
    const ProjectTarget target = LoadFixture("listed", "Ring Driver");
    EXPECT_THAT(SourceNames(target), ElementsAre("Driver/RingDriver.iig", "Driver/RingDriver.cpp",
                                                 "Driver/ring_next.c"));
    EXPECT_EQ(target.sources.back().type, SourceType::kCxx);
    EXPECT_THAT(target.headers, Contains(Fixture("listed") / "Driver/Shared/ring_size.h"));
}

TEST(XcodeProject, StaticLibraryOfTheProjectComesWithItsOwnSettings) {
    const ProjectTarget target = LoadFixture("listed", "Ring Driver");
    ASSERT_EQ(target.libraries.size(), 1U);
    EXPECT_THAT(SourceNames(target.libraries[0]), ElementsAre("Library/library.c"));
    EXPECT_EQ(target.libraries[0].settings.Text("GCC_PREPROCESSOR_DEFINITIONS").value(),
              "RING_LIBRARY_VERSION=7");
}

TEST(XcodeProject, SettingsComeFromAllLevels) {
    const SettingLevels settings = LoadFixture("listed", "Ring Driver").settings;
    EXPECT_EQ(settings.Text("PRODUCT_NAME").value(), "org.opendext.test.ring.driver");
    EXPECT_EQ(settings.Text("RING_FLAVOUR").value(), "plain-release");
    EXPECT_THAT(settings.Words("GCC_PREPROCESSOR_DEFINITIONS").value(),
                ElementsAre("RING_KIND=3", "PROJECT_LEVEL", "RING_SLOTS=16"));
}

TEST(XcodeProject, OtherConfigurationHasOtherSettings) {
    const SettingLevels settings = LoadFixture("listed", "Ring Driver", "Debug").settings;
    EXPECT_EQ(settings.Text("RING_FLAVOUR").value(), "plain-other");
    EXPECT_THAT(settings.Words("GCC_PREPROCESSOR_DEFINITIONS").value(), Contains("DEBUG=1"));
}

TEST(XcodeProject, UnknownConfiguration_ErrorNamesThem) {
    const auto project = XcodeProject::Open(Fixture("listed") / "Ring.xcodeproj").value();
    const auto target = project->Load("Ring Driver", {.configuration = "Beta", .overrides = {}});
    ASSERT_FALSE(target);
    EXPECT_THAT(target.error(), HasSubstr("no configuration 'Beta'; choose with --configuration: "
                                          "Debug, Release"));
}

TEST(XcodeProject, SynchronizedFolderIsTakenLessItsExceptions) {
    const ProjectTarget target = LoadFixture("folders", "RingDriver");
    EXPECT_THAT(SourceNames(target),
                ElementsAre("Ring Driver/Parts/ring_parts.cpp", "Ring Driver/RingDriver.cpp",
                            "Ring Driver/RingDriver.iig", "Extra/ring_more_parts.cpp"));
    EXPECT_THAT(target.sources[0].flags, ElementsAre("-DRING_PARTS=3"));
    EXPECT_THAT(target.headers, Contains(Fixture("folders") / "Ring Driver/Parts/ring_parts.h"));
}

TEST(XcodeProject, Overrides_AreAboveAll) {
    const auto project = XcodeProject::Open(Fixture("listed") / "Ring.xcodeproj").value();
    const auto target =
        project->Load("Ring Driver", {.configuration = {},
                                      .bundle_id = "com.example.other",
                                      .overrides = {ParseOverride("RING_FLAVOUR=a=b").value()}});
    ASSERT_TRUE(target);
    EXPECT_EQ(target->settings.Text("PRODUCT_NAME").value(), "com.example.other");
    EXPECT_EQ(target->settings.Text("RING_FLAVOUR").value(), "a=b");
}

/// A project of one target, whose parts a test replaces.
class BrokenProject : public ::testing::Test {
protected:
    BrokenProject() {
        folder.Write("a.cpp", "");
        folder.Write("a.iig", "");
        folder.Write("Info.plist", "<plist/>");
    }

    [[nodiscard]] std::string Text() const {
        return "{ objects = {\n"
               "R = { isa = PBXProject; mainGroup = G; targets = (T); buildConfigurationList = L; "
               "};\n"
               "G = { isa = PBXGroup; children = (" +
               children +
               "); sourceTree = \"<group>\"; };\n"
               "F1 = { isa = PBXFileReference; path = a.cpp; sourceTree = \"<group>\"; };\n"
               "F2 = { isa = PBXFileReference; path = a.iig; sourceTree = \"<group>\"; };\n"
               "F3 = { isa = PBXFileReference; path = \"" +
               third_file +
               "\"; sourceTree = \"<group>\"; };\n"
               "B1 = { isa = PBXBuildFile; fileRef = F1; };\n"
               "B2 = { isa = PBXBuildFile; fileRef = F2; };\n"
               "B3 = { isa = PBXBuildFile; fileRef = F3; };\n"
               "P = { isa = PBXSourcesBuildPhase; files = (" +
               files +
               "); };\n"
               "T = { isa = PBXNativeTarget; name = T; buildPhases = (P); productType = "
               "\"com.apple.product-type.driver-extension\"; };\n"
               "L = { isa = XCConfigurationList; buildConfigurations = (C); };\n"
               "C = { isa = XCBuildConfiguration; name = Release; buildSettings = {\n" +
               settings + "}; };\n}; rootObject = R; }\n";
    }

    [[nodiscard]] std::string ErrorOf() const {
        const auto project =
            XcodeProject::Parse(Text(), folder.path() / "X.xcodeproj/project.pbxproj");
        if (!project) {
            return project.error();
        }
        const auto target = (*project)->Load("T", {});
        if (!target) {
            return target.error();
        }
        const auto request = DextRequestOf(*target);
        return request ? "no error" : request.error();
    }

    testing::TemporaryFolder folder;
    std::string children = "F1, F2, F3";
    std::string third_file = "b.cpp";
    std::string files = "B1, B2";
    std::string settings =
        "INFOPLIST_FILE = Info.plist;\nPRODUCT_BUNDLE_IDENTIFIER = org.example.t;\n";
};

TEST_F(BrokenProject, AsItIs_HasNoError) {
    EXPECT_EQ(ErrorOf(), "no error");
}

TEST_F(BrokenProject, MissingFile_ErrorNamesTheTargetAndTheFile) {
    files = "B1, B2, B3";
    EXPECT_THAT(ErrorOf(), HasSubstr("project.pbxproj:6: error: target 'T' lists " +
                                     (folder.path() / "b.cpp").string()));
}

TEST_F(BrokenProject, OtherLanguage_ErrorNamesIt) {
    files = "B1, B2, B3";
    third_file = "b.swift";
    EXPECT_THAT(ErrorOf(), HasSubstr("target 'T' has b.swift, which is Swift"));
}

TEST_F(BrokenProject, NoInterface_ErrorSaysSo) {
    files = "B1";
    EXPECT_THAT(ErrorOf(), HasSubstr("target 'T' has no .iig file"));
}

TEST_F(BrokenProject, GroupInItself_IsAnErrorAndNoHang) {
    children = "F1, G";
    EXPECT_THAT(ErrorOf(), HasSubstr(":3: error: group G is within itself"));
}

TEST_F(BrokenProject, MissingPlists_ErrorNamesTheSetting) {
    settings = "INFOPLIST_FILE = None.plist;\nPRODUCT_BUNDLE_IDENTIFIER = a.b;\n";
    EXPECT_THAT(ErrorOf(), HasSubstr("project.pbxproj:14: error: INFOPLIST_FILE of target 'T'"));
    settings = "PRODUCT_BUNDLE_IDENTIFIER = a.b;\n";
    EXPECT_THAT(ErrorOf(), HasSubstr("has no INFOPLIST_FILE"));
    settings =
        "INFOPLIST_FILE = Info.plist;\nPRODUCT_BUNDLE_IDENTIFIER = a.b;\n"
        "CODE_SIGN_ENTITLEMENTS = x.entitlements;\n";
    EXPECT_THAT(ErrorOf(), HasSubstr("CODE_SIGN_ENTITLEMENTS of target 'T'"));
}

TEST_F(BrokenProject, NoBundleId_ErrorSaysWhatToType) {
    settings = "INFOPLIST_FILE = Info.plist;\n";
    EXPECT_THAT(ErrorOf(), HasSubstr("--bundle-id"));
}

TEST_F(BrokenProject, CircleOfSettings_ErrorHasItsPlace) {
    settings += "A = \"$(B)\";\nB = \"$(A)\";\n";
    EXPECT_THAT(ErrorOf(),
                HasSubstr("project.pbxproj:16: error: build setting A refers to itself"));
}

TEST_F(BrokenProject, MissingConfigurationFile_ErrorNamesIt) {
    settings += "}; baseConfigurationReference = F3; x = {";
    EXPECT_THAT(ErrorOf(), HasSubstr("b.cpp, which does not exist"));
}

TEST(XcodeProjectText, NoProject_IsAnError) {
    for (const char *text : {"", "{}", "{ objects = (); }", "{ objects = {}; }",
                             "{ objects = { R = {}; }; rootObject = R; }"}) {
        EXPECT_FALSE(XcodeProject::Parse(text, "p")) << text;
    }
}

TEST(XcodeProjectText, ProjectWithoutAnything_HasNoTargets) {
    const auto project =
        XcodeProject::Parse("{ objects = { R = { isa = PBXProject; }; }; rootObject = R; }", "p");
    ASSERT_TRUE(project);
    EXPECT_THAT((*project)->Targets(), IsEmpty());
    EXPECT_FALSE((*project)->Load("T", {}));
}

}  // namespace
}  // namespace opendext::toolchain
