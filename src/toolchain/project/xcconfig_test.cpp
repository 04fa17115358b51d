// SPDX-License-Identifier: Apache-2.0
#include "toolchain/project/xcconfig.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "toolchain/testing/temporary_folder.h"

namespace opendext::toolchain {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Xcconfig : public ::testing::Test {
protected:
    std::string ValueOf(const std::string &name) {
        const auto read = ReadXcconfig(folder.path() / "a.xcconfig", warnings);
        EXPECT_TRUE(read) << read.error();
        SettingLevels settings({.sdk = "driverkit24.0", .arch = "", .configuration = "Debug"});
        settings.Add(read.value());
        return settings.Text(name).value();
    }
    std::string ErrorOf(const std::string &text) {
        folder.Write("a.xcconfig", text);
        const auto read = ReadXcconfig(folder.path() / "a.xcconfig", warnings);
        return read ? "no error" : read.error();
    }

    testing::TemporaryFolder folder;
    std::vector<std::string> warnings;
};

TEST_F(Xcconfig, CommentsAndSemicolonsAreNoPartOfAValue) {
    folder.Write("a.xcconfig",
                 "\xef\xbb\xbf// first\r\nA = x y; // no http://url\r\n\r\n  B=$(A)\r\nC =\n");
    EXPECT_EQ(ValueOf("A"), "x y");
    EXPECT_EQ(ValueOf("B"), "x y");
    EXPECT_EQ(ValueOf("C"), "");
}

TEST_F(Xcconfig, ConditionsAreRead) {
    folder.Write("a.xcconfig", "A[sdk=driverkit*][config=Debug] = yes\nA = no\n");
    EXPECT_EQ(ValueOf("A"), "yes");
}

TEST_F(Xcconfig, IncludedFileIsOverridden) {
    folder.Write("sub/b.xcconfig", "#include \"../c.xcconfig\"\nA = b\nB = b\n");
    folder.Write("c.xcconfig", "C = c\n");
    folder.Write("a.xcconfig", "#include \"sub/b.xcconfig\"\nA = $(inherited) a\n");
    EXPECT_EQ(ValueOf("A"), "b a");
    EXPECT_EQ(ValueOf("B"), "b");
    EXPECT_EQ(ValueOf("C"), "c");
}

TEST_F(Xcconfig, AbsentInclude_IsAWarningUnlessOptional) {
    folder.Write("a.xcconfig", "#include? \"none.xcconfig\"\n#include \"gone.xcconfig\"\nA = a\n");
    EXPECT_EQ(ValueOf("A"), "a");
    EXPECT_THAT(warnings, ElementsAre(HasSubstr("a.xcconfig:2: warning: gone.xcconfig")));
}

TEST_F(Xcconfig, Circle_ErrorHasItsPlace) {
    folder.Write("b.xcconfig", "\n#include \"a.xcconfig\"\n");
    EXPECT_THAT(ErrorOf("#include \"b.xcconfig\"\n"),
                HasSubstr("b.xcconfig:2: error: a.xcconfig includes this file itself"));
}

TEST_F(Xcconfig, FilesThatIncludeManyTimesMany_AreAnErrorAndNoHang) {
    for (int i = 0; i < 30; ++i) {
        const std::string next = "#include \"" + std::to_string(i + 1) + ".xcconfig\"\n";
        folder.Write(std::to_string(i) + ".xcconfig", next + next);
    }
    folder.Write("30.xcconfig", "A = a\n");
    EXPECT_THAT(ErrorOf("#include \"0.xcconfig\"\n"), HasSubstr("files are included"));
}

TEST_F(Xcconfig, NonsenseIsAnErrorWithItsLine) {
    EXPECT_THAT(ErrorOf("A = a\nwhat is this\n"), HasSubstr("a.xcconfig:2: error: expected NAME"));
    EXPECT_THAT(ErrorOf("#define A\n"), HasSubstr(":1: error: '#' begins #include"));
    EXPECT_THAT(ErrorOf("#include b\n"), HasSubstr("write #include"));
    EXPECT_THAT(ErrorOf("A[sdk] = a\n"), HasSubstr("has no '='"));
    EXPECT_THAT(warnings, IsEmpty());
}

TEST_F(Xcconfig, MissingFile_IsAnError) {
    const auto read = ReadXcconfig(folder.path() / "none.xcconfig", warnings);
    ASSERT_FALSE(read);
    EXPECT_THAT(read.error(), HasSubstr("none.xcconfig: error: no such file"));
}

}  // namespace
}  // namespace opendext::toolchain
