// SPDX-License-Identifier: Apache-2.0
// The program as its users run it: exit status, files, dependencies.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <sys/wait.h>

#include "iig/output_files.h"

namespace opendext::iig {
namespace {

class Program : public testing::Test {
protected:
    void SetUp() override {
        std::string pattern = (std::filesystem::temp_directory_path() / "iig_test.XXXXXX").string();
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        folder_ = pattern;
        std::ofstream(folder_ / "Good.iig") << "#include <DriverKit/IOService.iig>\n"
                                               "#include \"Base.iig\"\n"
                                               "class Good : public Base\n{\n};\n";
        std::ofstream(folder_ / "Base.iig") << "class Base : public IOService\n{\n};\n";
        std::ofstream(folder_ / "Bad.iig") << "class Bad : public Nothing\n{\n};\n";
    }

    void TearDown() override { std::filesystem::remove_all(folder_); }

    // Exit status; what was printed is in Output().
    int Run(const std::string &arguments) {
        const std::string tests = std::string(OPENDEXT_SOURCE_DIR) + "/iig/tests/sdk";
        const std::string command =
            "cd '" + folder_.string() + "' && '" OPENDEXT_BUILD_DIR "/bin/iig' " + arguments +
            " -isystem '" + tests + "' -isystem '" OPENDEXT_SOURCE_DIR "/sdk' > out.txt 2>&1";
        const int status = std::system(command.c_str());
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }

    std::string Read(const std::string &name) {
        return ReadWholeFile((folder_ / name).string()).value_or("");
    }
    std::string Output() { return Read("out.txt"); }
    bool Exists(const std::string &name) { return std::filesystem::exists(folder_ / name); }

    std::filesystem::path folder_;
};

TEST_F(Program, GoodFile_WritesBothFilesAndNothingElse) {
    EXPECT_EQ(Run("--def Good.iig --header Good.h --impl Good.iig.cpp"), 0) << Output();
    EXPECT_TRUE(Read("Good.h").contains("class Good : public Base"));
    EXPECT_TRUE(Read("Good.iig.cpp").contains("#include \"Good.h\""));
    EXPECT_EQ(Output(), "");
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 6);
}

TEST_F(Program, DependencyFile_NamesEveryFileThatWasRead) {
    EXPECT_EQ(Run("--def Good.iig --header Good.h --impl Good.iig.cpp --depfile Good.d"), 0)
        << Output();
    const std::string rule = Read("Good.d");
    EXPECT_TRUE(rule.starts_with("Good.h Good.iig.cpp: \\\n  Good.iig")) << rule;
    EXPECT_TRUE(rule.contains("Base.iig")) << rule;
    EXPECT_TRUE(rule.contains("IOService.iig")) << rule;
    EXPECT_FALSE(rule.contains("annotations")) << rule;
    EXPECT_EQ(Run("--def Good.iig --header Good.h --impl Good.iig.cpp -MD"), 0) << Output();
    EXPECT_EQ(Read("Good.h.d"), rule);
}

TEST_F(Program, DependencyFileWithATarget_NamesThatInsteadOfTheOutputs) {
    EXPECT_EQ(Run("--def Good.iig --header Good.h --impl Good.iig.cpp -MF Good.d -MT sdk/Good.h"),
              0)
        << Output();
    EXPECT_TRUE(Read("Good.d").starts_with("sdk/Good.h: \\\n  Good.iig")) << Read("Good.d");
}

// A path through a link to a folder names the file it leads to, so that `..` may be dropped from it.
TEST_F(Program, DependencyBehindALink_IsResolved) {
    std::filesystem::create_directories(folder_ / "deep/down");
    std::ofstream(folder_ / "deep/Point.h") << "struct Point { int x; };\n";
    std::filesystem::create_directory_symlink(folder_ / "deep/down", folder_ / "link");
    std::ofstream(folder_ / "Linked.iig") << "#include <Point.h>\n" << Read("Good.iig");
    EXPECT_EQ(Run("--def Linked.iig --header L.h --impl L.iig.cpp -MF L.d -isystem link/.."), 0)
        << Output();
    EXPECT_TRUE(Read("L.d").contains("deep/Point.h")) << Read("L.d");
}

TEST_F(Program, BadFile_ExitsWithOneAndLeavesOldOutputsAlone) {
    std::ofstream(folder_ / "Bad.h") << "old";
    EXPECT_EQ(Run("--def Bad.iig --header Bad.h --impl Bad.iig.cpp"), 1);
    EXPECT_TRUE(Output().starts_with("Bad.iig:1:20: error: ")) << Output();
    EXPECT_EQ(Read("Bad.h"), "old");
    EXPECT_FALSE(Exists("Bad.iig.cpp"));
}

TEST_F(Program, PlaceThatCannotBeWritten_ExitsWithOneAndLeavesNothing) {
    EXPECT_EQ(Run("--def Good.iig --header Good.h --impl missing/Good.iig.cpp"), 1);
    EXPECT_TRUE(Output().contains("cannot write 'missing/Good.iig.cpp'")) << Output();
    EXPECT_FALSE(Exists("Good.h"));
}

TEST_F(Program, MissingInput_IsNamed) {
    EXPECT_EQ(Run("--def None.iig --header None.h --impl None.iig.cpp"), 1);
    EXPECT_EQ(Output(), "iig: error: cannot read 'None.iig': No such file or directory\n");
}

TEST_F(Program, WrongUsage_ExitsWithTwo) {
    EXPECT_EQ(Run(""), 2);
    EXPECT_TRUE(Output().contains("--def FILE is missing")) << Output();
    EXPECT_EQ(Run("--def Good.iig --header"), 2);
    EXPECT_EQ(Run("--def Good.iig --header a --impl b --wrong"), 2);
    EXPECT_TRUE(Output().contains("unknown argument '--wrong'")) << Output();
}

TEST_F(Program, Help_ShowsAnExample) {
    EXPECT_EQ(Run("--help"), 0);
    EXPECT_TRUE(Output().contains("example:")) << Output();
}

}  // namespace
}  // namespace opendext::iig
