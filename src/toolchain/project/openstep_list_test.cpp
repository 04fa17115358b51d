// SPDX-License-Identifier: Apache-2.0
#include "toolchain/project/openstep_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace opendext::toolchain {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

OpenStepValue Parsed(std::string_view text) {
    return ParseOpenStepList(text, "p").value();
}

std::string ErrorOf(std::string_view text) {
    const auto parsed = ParseOpenStepList(text, "p");
    return parsed ? "no error" : parsed.error();
}

TEST(OpenStepList, StringsAreUnquotedOrQuoted) {
    EXPECT_EQ(*Parsed("a_b.c/d:e-$f").IfString(), "a_b.c/d:e-$f");
    EXPECT_EQ(*Parsed("\"a b;\"").IfString(), "a b;");
    EXPECT_EQ(*Parsed("'a \"b\"'").IfString(), "a \"b\"");
}

TEST(OpenStepList, EscapesAreResolved) {
    EXPECT_EQ(*Parsed(R"("a\"b\\c\n\t")").IfString(), "a\"b\\c\n\t");
    EXPECT_EQ(*Parsed(R"("\U00e9\101")").IfString(),
              "\xc3\xa9"
              "A");
}

TEST(OpenStepList, CommentsAreSpace) {
    const OpenStepValue value = Parsed("// !$*UTF8*$!\n{ /* a */ key /* b */ = /* c */ value; }\n");
    EXPECT_EQ(value.Text("key"), "value");
}

TEST(OpenStepList, ArrayMayEndInAComma) {
    EXPECT_EQ(Parsed("(a, b, )").IfArray()->size(), 2U);
    EXPECT_EQ(Parsed("(a, b)").IfArray()->size(), 2U);
    EXPECT_TRUE(Parsed("()").IfArray()->empty());
}

TEST(OpenStepList, ValuesKnowTheirLine) {
    const OpenStepValue value = Parsed("{\n a = {\n  b = c;\n };\n}");
    EXPECT_EQ(value.Find("a")->line(), 2);
    EXPECT_EQ(value.Find("a")->Find("b")->line(), 3);
}

TEST(OpenStepList, OfAKeyThatComesTwice_TheLastCounts) {
    EXPECT_EQ(Parsed("{ a = b; a = c; }").Text("a"), "c");
}

TEST(OpenStepList, WhatIsNotThere_IsEmpty) {
    const OpenStepValue value = Parsed("{ a = (); }");
    EXPECT_EQ(value.Find("b"), nullptr);
    EXPECT_EQ(value.Text("a"), "");
    EXPECT_EQ(value.Find("a")->Find("c"), nullptr);
}

TEST(OpenStepList, MissingPunctuation_ErrorHasItsLine) {
    EXPECT_THAT(ErrorOf("{\n a = b\n c = d;\n}"),
                StartsWith("p:3: error: expected ';' after the value of 'a'"));
    EXPECT_THAT(ErrorOf("{\n a b;\n}"), StartsWith("p:2: error: expected '=' after the key 'a'"));
    EXPECT_THAT(ErrorOf("(a b)"), HasSubstr("expected ',' or ')'"));
}

TEST(OpenStepList, CutOff_ErrorSaysSo) {
    EXPECT_THAT(ErrorOf(""), HasSubstr("not complete"));
    EXPECT_THAT(ErrorOf("{\n a = {\n"), StartsWith("p:3: error: the file ends within a list"));
    EXPECT_THAT(ErrorOf("\n\"abc\n"), StartsWith("p:2: error: a quoted text begins here"));
    EXPECT_THAT(ErrorOf("/* abc"), HasSubstr("a comment begins here"));
}

TEST(OpenStepList, MergeConflict_ErrorAsksForIt) {
    EXPECT_THAT(ErrorOf("{\n<<<<<<< HEAD\n}"), HasSubstr("merge conflict"));
}

TEST(OpenStepList, XmlAndData_AreErrors) {
    EXPECT_THAT(ErrorOf("<?xml version=\"1.0\"?>"), HasSubstr("save the project with Xcode"));
    EXPECT_THAT(ErrorOf("<0f>"), HasSubstr("data"));
}

TEST(OpenStepList, MoreAfterTheEnd_IsAnError) {
    EXPECT_THAT(ErrorOf("{}\n{}"), StartsWith("p:2: error: something follows"));
}

TEST(OpenStepList, VeryDeep_IsAnErrorAndNoCrash) {
    EXPECT_THAT(ErrorOf(std::string(100'000, '(')), HasSubstr("64 deep"));
}

}  // namespace
}  // namespace opendext::toolchain
