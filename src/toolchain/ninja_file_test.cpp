// SPDX-License-Identifier: Apache-2.0
#include "toolchain/ninja_file.h"

#include <gtest/gtest.h>

namespace opendext::toolchain {
namespace {

TEST(NinjaFile, PathsAreEscaped) {
    EXPECT_EQ(NinjaFile::Escaped("a b:c$d"), "a$ b$:c$$d");
}

TEST(NinjaFile, WordsAreQuotedForTheShellAndNinja) {
    EXPECT_EQ(NinjaFile::Quoted("plain"), "'plain'");
    EXPECT_EQ(NinjaFile::Quoted("it's $HOME"), "'it'\\''s $$HOME'");
    EXPECT_EQ(NinjaFile::Quoted(""), "''");
}

TEST(NinjaFile, RuleWithDepfile) {
    NinjaFile file;
    file.AddRule("cxx", "c++ $in", "compile $in", "$out.d");
    EXPECT_TRUE(
        file.text().ends_with("rule cxx\n  command = c++ $in\n  description = compile $in\n"
                              "  depfile = $out.d\n  deps = gcc\n"));
}

TEST(NinjaFile, RuleWithoutDepfile) {
    NinjaFile file;
    file.AddRule("link", "ld $in", "link $out", "");
    EXPECT_EQ(file.text().find("depfile"), std::string::npos);
}

TEST(NinjaFile, StepHasItsInputsByKind) {
    NinjaFile file;
    file.AddStep({.rule = "cxx",
                  .outputs = {"a b.o"},
                  .inputs = {"a.cpp", "b.cpp"},
                  .implicit = {"tool"},
                  .order_only = {"gen.h"}});
    file.AddVariable("flags", "-O2");
    EXPECT_TRUE(
        file.text().ends_with("build a$ b.o: cxx a.cpp b.cpp | tool || gen.h\n  flags = -O2\n"));
}

TEST(NinjaFile, StepWithoutExtrasHasNoBars) {
    NinjaFile file;
    file.AddStep(
        {.rule = "cxx", .outputs = {"a.o"}, .inputs = {"a.cpp"}, .implicit = {}, .order_only = {}});
    EXPECT_EQ(file.text().find('|'), std::string::npos);
}

}  // namespace
}  // namespace opendext::toolchain
