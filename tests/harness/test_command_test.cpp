// SPDX-License-Identifier: Apache-2.0
// `opendext test`: what it builds and runs, and what it says of what is missing.
#include <unistd.h>
#include <chrono>
#include <filesystem>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

#include "tests/system/command_line.h"

namespace opendext::rig {

namespace {

const std::filesystem::path kSource = OPENDEXT_SOURCE_DIR;

// They compile a driver and its tests, which takes its time on a busy machine.
constexpr std::chrono::seconds kBuildGuard{140};
constexpr unsigned kHangGuardSeconds = 290;

class TestCommandTest : public CommandLineTest {
protected:
    void SetUp() override {
        CommandLineTest::SetUp();
        alarm(kHangGuardSeconds);
    }

    /// Any program.
    [[nodiscard]] static CommandResult RunLong(const std::vector<std::string> &command) {
        CommandResult result;
        auto child =
            ChildProcess::Start({.command = command, .environment = SanitizerEnvironment()});
        if (!child) {
            result.text = child.error();
            return result;
        }
        result.status = (*child)->WaitForExit(kBuildGuard).value_or(-1);
        result.text = (*child)->output().Text();
        return result;
    }

    /// `opendext test` of a folder of the repository.
    [[nodiscard]] CommandResult Test(const std::string &place,
                                     std::vector<std::string> more = {}) const {
        std::vector<std::string> words = {BuiltProgram("opendext"), "test",
                                          (kSource / place).string(), "-o",
                                          (folder_.path() / "out").string()};
        words.insert(words.end(), more.begin(), more.end());
        return RunLong(words);
    }

    [[nodiscard]] static bool IsInstrumented() {
        return !std::string_view(OPENDEXT_SANITIZE).empty();
    }
};

TEST_F(TestCommandTest, WorkedExample_Passes) {
    const CommandResult result = Test("samples/metronome");
    EXPECT_EQ(result.status, 0) << result.text;
    EXPECT_TRUE(result.text.contains("[  PASSED  ] 7 tests.")) << result.text;
}

TEST_F(TestCommandTest, Race_IsReportedWithItsSeedAndReplayed) {
    const std::string test = "TicketTest.TakenAtOnce_AreDifferent";
    const CommandResult found = Test("tests/harness/tickets", {"--filter", test});
    EXPECT_NE(found.status, 0) << found.text;
    std::smatch seed;
    ASSERT_TRUE(std::regex_search(found.text, seed, std::regex("OPENDEXT_SEED=([0-9]+)")))
        << found.text;
    const CommandResult replayed =
        Test("tests/harness/tickets", {"--filter", test, "--seed", seed[1].str()});
    EXPECT_NE(replayed.status, 0) << replayed.text;
    EXPECT_TRUE(replayed.text.contains("OPENDEXT_SEED=" + seed[1].str())) << replayed.text;
}

TEST_F(TestCommandTest, Filter_RunsThoseOnly) {
    const CommandResult result =
        Test("tests/harness/tickets", {"--filter", "*TakenInTurn*:*TakenLockedAtOnce_*"});
    EXPECT_EQ(result.status, 0) << result.text;
    EXPECT_TRUE(result.text.contains("[  PASSED  ] 2 tests.")) << result.text;
}

TEST_F(TestCommandTest, Repeat_RunsThemAgain) {
    const CommandResult result =
        Test("tests/harness/tickets", {"--filter", "*TakenInTurn*", "--repeat", "3"});
    EXPECT_EQ(result.status, 0) << result.text;
    EXPECT_TRUE(result.text.contains("Repeating all tests (iteration 3)")) << result.text;
}

TEST_F(TestCommandTest, Coverage_SummarisesTheDriversOwnSources) {
    if (IsInstrumented()) {
        GTEST_SKIP() << "this OpenDext is built with a sanitizer";
    }
    const CommandResult result = Test("samples/metronome", {"--coverage"});
    EXPECT_EQ(result.status, 0) << result.text;
    EXPECT_TRUE(result.text.contains("MetronomeClient.cpp")) << result.text;
    EXPECT_FALSE(result.text.contains("MetronomeClient.iig.cpp")) << result.text;
    EXPECT_FALSE(result.text.contains("OSObject.h")) << result.text;
    EXPECT_TRUE(std::filesystem::exists(folder_.path() / "out/html/index.html"));
}

TEST_F(TestCommandTest, AddressSanitizer_CleanDriverPasses) {
    if (IsInstrumented()) {
        GTEST_SKIP() << "this OpenDext is built with a sanitizer";
    }
    const CommandResult result = Test("samples/metronome", {"--asan"});
    EXPECT_EQ(result.status, 0) << result.text;
}

TEST_F(TestCommandTest, ThreadSanitizer_CleanDriverPasses) {
    if (IsInstrumented()) {
        GTEST_SKIP() << "this OpenDext is built with a sanitizer";
    }
    const CommandResult result = Test("samples/metronome", {"--tsan"});
    EXPECT_EQ(result.status, 0) << result.text;
}

TEST_F(TestCommandTest, ThreadSanitizer_RaceIsReported) {
    if (IsInstrumented()) {
        GTEST_SKIP() << "this OpenDext is built with a sanitizer";
    }
    const CommandResult result =
        Test("tests/harness/tickets", {"--tsan", "--filter", "*ForReal*", "--repeat", "20"});
    EXPECT_GT(result.status, 0);
    const std::string &text = result.text;
    EXPECT_TRUE(text.contains("data race")) << text;
    EXPECT_TRUE(text.contains("TicketService::Take")) << text;
    EXPECT_FALSE(text.contains("TakeLocked")) << text;
}

TEST_F(TestCommandTest, NoTests_SaysWhatToWrite) {
    folder_.Write("lonely/driver/Lonely.cpp", "");
    const CommandResult result = Run({"test", (folder_.path() / "lonely").string()});
    EXPECT_EQ(result.status, 1);
    EXPECT_TRUE(result.text.contains("lonely/tests: error: no such folder of tests; write"))
        << result.text;
    EXPECT_TRUE(result.text.contains("--tests DIR")) << result.text;
}

TEST_F(TestCommandTest, DriverThatDoesNotBuild_NoTestIsRun) {
    std::filesystem::copy(kSource / "tests/harness/tickets", folder_.path() / "broken",
                          std::filesystem::copy_options::recursive);
    folder_.Write("broken/driver/Broken.cpp", "int broken(\n");
    const CommandResult result =
        RunLong({BuiltProgram("opendext"), "test", (folder_.path() / "broken").string(), "-o",
                 (folder_.path() / "out").string()});
    EXPECT_EQ(result.status, 1);
    EXPECT_TRUE(result.text.contains("Broken.cpp:")) << result.text;
    EXPECT_FALSE(result.text.contains("RUN")) << result.text;
}

TEST_F(TestCommandTest, Project_IsBuiltAndTested) {
    const CommandResult result =
        Test("samples/echo", {"--tests", (kSource / "tests/harness/echo").string()});
    EXPECT_EQ(result.status, 0) << result.text;
    EXPECT_TRUE(result.text.contains("[  PASSED  ] 2 tests.")) << result.text;
}

TEST_F(TestCommandTest, CMakeProject_LinksTheHarness) {
    const std::string build = (folder_.path() / "cmake-build").string();
    const CommandResult configured = RunLong(
        {"cmake", "-S", (kSource / "tests/harness/cmake").string(), "-B", build, "-G", "Ninja",
         "-DCMAKE_CXX_COMPILER=clang++-19", "-DCMAKE_PREFIX_PATH=" OPENDEXT_BUILD_DIR});
    ASSERT_EQ(configured.status, 0) << configured.text;
    const CommandResult built = RunLong({"cmake", "--build", build});
    ASSERT_EQ(built.status, 0) << built.text;
    const CommandResult tested = RunLong({"ctest", "--test-dir", build, "--output-on-failure"});
    EXPECT_EQ(tested.status, 0) << tested.text;
}

TEST_F(TestCommandTest, MissingPackages_AreNamed) {
    // A compiler that finds no file.
    const auto compiler = folder_.Write(
        "bin/clang++-19", "#!/bin/sh\nfor word; do echo \"${word#-print-file-name=}\"; done\n");
    std::filesystem::permissions(compiler, std::filesystem::perms::owner_all);
    const auto test = [&](const std::vector<std::string> &more) {
        std::vector<std::string> command = {
            "/usr/bin/env", "PATH=" + compiler.parent_path().string() + ":/usr/bin:/bin",
            BuiltProgram("opendext"), "test", (kSource / "samples/metronome").string()};
        command.insert(command.end(), more.begin(), more.end());
        return RunProgram(command);
    };
    const CommandResult plain = test({});
    EXPECT_EQ(plain.status, 1);
    EXPECT_EQ(plain.text,
              "opendext test: error: GoogleTest is not installed; install libgtest-dev (and "
              "libgmock-dev)\n");
    if (!IsInstrumented()) {
        EXPECT_TRUE(test({"--asan"}).text.contains("install libclang-rt-19-dev"));
        EXPECT_TRUE(test({"--tsan"}).text.contains("install libclang-rt-19-dev"));
    }
}

TEST_F(TestCommandTest, TwoSanitizers_AreRefused) {
    EXPECT_NE(Test("samples/metronome", {"--asan", "--tsan"}).status, 0);
}

}  // namespace

}  // namespace opendext::rig
