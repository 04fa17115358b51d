// SPDX-License-Identifier: Apache-2.0
// `opendext build` and `opendext cc` with projects: of Xcode, for XcodeGen and for CMake. Each is built, and its
// driver runs.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "tests/system/command_line.h"

namespace opendext::rig {

namespace {

using std::filesystem::path;

class ProjectBuildTest : public CommandLineTest {
protected:
    // A copy of a project of tests/projects, which a test may change.
    [[nodiscard]] path Copied(const std::string &name) const {
        const path copy = folder_.path() / name;
        std::filesystem::copy(path(OPENDEXT_SOURCE_DIR) / "tests/projects" / name, copy,
                              std::filesystem::copy_options::recursive);
        return copy;
    }
    [[nodiscard]] std::string Output() const { return (folder_.path() / "Ring.dext").string(); }

    static std::string Text(const path &file) {
        std::ifstream stream(file, std::ios::binary);
        return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
    }
    static void Replace(const path &file, const std::string &from, const std::string &to) {
        std::string text = Text(file);
        ASSERT_TRUE(text.contains(from));
        text.replace(text.find(from), from.size(), to);
        std::ofstream(file, std::ios::binary) << text;
    }
    // The driver is loaded and started, and a program finds it.
    void ExpectRuns(const std::string &program = "/bin/true") {
        const CommandResult run = Run({"run", Output(), "--app", program});
        EXPECT_EQ(run.status, 0) << run.text;
    }
};

TEST_F(ProjectBuildTest, ProjectWithListedFiles_IsBuiltAndItsClientFindsIt) {
    const path project = Copied("listed") / "Ring.xcodeproj";
    const CommandResult built = Run({"build", project.string(), "-o", Output()});
    ASSERT_EQ(built.status, 0) << built.text;
    EXPECT_EQ(built.text, "");
    const std::string info = Text(path(Output()) / "Info.plist");
    EXPECT_TRUE(info.contains("<string>org.opendext.test.ring.driver</string>")) << info;
    EXPECT_TRUE(info.contains("<string>org_opendext_test_ring_driver</string>")) << info;
    EXPECT_TRUE(info.contains("<string>plain-release</string>")) << info;
    EXPECT_TRUE(std::filesystem::exists(path(Output()) / "entitlements.plist"));
    const std::string client = (folder_.path() / "client").string();
    const CommandResult compiled = Run({"cc", project.string(), "-o", client});
    ASSERT_EQ(compiled.status, 0) << compiled.text;
    const CommandResult run = Run({"run", Output(), "--app", client});
    EXPECT_EQ(run.status, 0) << run.text;
    EXPECT_TRUE(run.text.contains("ring client: found")) << run.text;
}

TEST_F(ProjectBuildTest, ProjectWithSynchronizedFolders_IsBuiltAndRuns) {
    const CommandResult built = Run({"build", Copied("folders").string(), "-o", Output()});
    ASSERT_EQ(built.status, 0) << built.text;
    ExpectRuns();
}

TEST_F(ProjectBuildTest, SpecificationForXcodeGen_IsBuiltAndItsClientFindsIt) {
    const path project = Copied("generated") / "project.yml";
    const CommandResult built = Run({"build", project.string(), "-o", Output()});
    ASSERT_EQ(built.status, 0) << built.text;
    EXPECT_TRUE(Text(path(Output()) / "Info.plist").contains("org.opendext.test.RingDriver"));
    const std::string client = (folder_.path() / "client").string();
    const CommandResult compiled =
        Run({"cc", project.string(), "--target", "ring-client", "-o", client});
    ASSERT_EQ(compiled.status, 0) << compiled.text;
    ExpectRuns(client);
}

TEST_F(ProjectBuildTest, CMakeProject_IsBuiltAndRuns) {
    const path project = Copied("cmake");
    const std::string build = (folder_.path() / "cmake-build").string();
    const CommandResult configured = RunProgram(
        {"cmake", "-S", project.string(), "-B", build, "-G", "Ninja", "-DCMAKE_C_COMPILER=clang-19",
         std::string("-DCMAKE_PREFIX_PATH=") + OPENDEXT_BUILD_DIR});
    ASSERT_EQ(configured.status, 0) << configured.text;
    const CommandResult built = RunProgram({"cmake", "--build", build});
    ASSERT_EQ(built.status, 0) << built.text;
    const CommandResult run =
        Run({"run", build + "/RingDriver.dext", "--app", build + "/ring-client"});
    EXPECT_EQ(run.status, 0) << run.text;
}

TEST_F(ProjectBuildTest, ProjectWithoutADriver_IsToldWithItsTargets) {
    const path project = Copied("listed");
    Replace(project / "Ring.xcodeproj/project.pbxproj", "product-type.driver-extension",
            "product-type.framework");
    const CommandResult result = Run({"build", project.string(), "-o", Output()});
    EXPECT_EQ(result.status, 1);
    EXPECT_TRUE(result.text.contains("no target is a driver extension")) << result.text;
    EXPECT_TRUE(result.text.contains("'Ring Driver', 'ring', 'ring-client'")) << result.text;
}

TEST_F(ProjectBuildTest, ProjectWithTwoDrivers_IsToldTheOption) {
    const path project = Copied("listed");
    Replace(project / "Ring.xcodeproj/project.pbxproj", "product-type.tool",
            "product-type.driver-extension");
    const CommandResult result = Run({"build", project.string(), "-o", Output()});
    EXPECT_EQ(result.status, 1);
    EXPECT_TRUE(result.text.contains("choose one with --target 'Ring Driver'")) << result.text;
    const CommandResult chosen =
        Run({"build", project.string(), "--target", "Ring Driver", "-o", Output()});
    EXPECT_EQ(chosen.status, 0) << chosen.text;
}

TEST_F(ProjectBuildTest, MissingSource_IsToldWithThePlaceOfItsEntry) {
    const path project = Copied("listed");
    std::filesystem::remove(project / "Driver/ring_next.c");
    const CommandResult result = Run({"build", project.string(), "-o", Output()});
    EXPECT_EQ(result.status, 1);
    EXPECT_TRUE(result.text.contains("project.pbxproj:23: error: target 'Ring Driver' lists"))
        << result.text;
}

TEST_F(ProjectBuildTest, BrokenProject_IsToldWithItsLine) {
    folder_.Write("X.xcodeproj/project.pbxproj", "{\n  objects = {\n");
    const CommandResult result =
        Run({"build", (folder_.path() / "X.xcodeproj").string(), "-o", Output()});
    EXPECT_EQ(result.status, 1);
    EXPECT_TRUE(result.text.contains("project.pbxproj:3: error: ")) << result.text;
}

TEST_F(ProjectBuildTest, FrameworkThatIsNotHere_IsNamed) {
    const path project = Copied("listed");
    folder_.Write("listed/Driver/ring_next.c", "#include <AudioDriverKit/AudioDriverKit.h>\n");
    const CommandResult result = Run({"build", project.string(), "-o", Output()});
    EXPECT_EQ(result.status, 1);
    EXPECT_TRUE(result.text.contains("OpenDext does not have AudioDriverKit yet")) << result.text;
}

TEST_F(ProjectBuildTest, FrameworkThatIsNotHere_IsNamedWhenAnInterfaceIncludesIt) {
    const path project = Copied("listed");
    Replace(project / "Driver/RingDriver.iig", "#include <DriverKit/IOService.iig>",
            "#include <DriverKit/IOService.iig>\n#include <HIDDriverKit/IOUserHIDDevice.iig>");
    const CommandResult result = Run({"build", project.string(), "-o", Output()});
    EXPECT_EQ(result.status, 1);
    EXPECT_TRUE(result.text.contains("OpenDext does not have HIDDriverKit yet")) << result.text;
    EXPECT_TRUE(result.text.contains("RingDriver.iig:")) << result.text;
}

TEST_F(ProjectBuildTest, Program_IsOptimisedAsItsTargetSays) {
    const path project = Copied("listed") / "Ring.xcodeproj";
    folder_.Write("listed/Client/main.cpp",
                  "#ifdef __OPTIMIZE__\n#error optimised\n#endif\nint main() {}\n");
    const std::string client = (folder_.path() / "client").string();
    const auto compile = [&](const std::string &level) {
        return Run(
            {"cc", project.string(), "--set", "GCC_OPTIMIZATION_LEVEL=" + level, "-o", client});
    };
    EXPECT_EQ(compile("0").status, 0);
    EXPECT_TRUE(compile("s").text.contains("optimised"));
    EXPECT_TRUE(Run({"cc", project.string(), "-o", client}).text.contains("optimised"));
}

TEST_F(ProjectBuildTest, FolderOptionsWithAProject_AreToldTheRightOnes) {
    const path project = Copied("listed");
    const CommandResult added = Run({"build", project.string(), "--add", "x.cpp", "-o", Output()});
    EXPECT_TRUE(added.text.contains("--add and --info-plist are for folders")) << added.text;
    const CommandResult target =
        Run({"build", (project / "Driver").string(), "--target", "x", "-o", Output()});
    EXPECT_TRUE(target.text.contains("are for projects")) << target.text;
}

}  // namespace

}  // namespace opendext::rig
