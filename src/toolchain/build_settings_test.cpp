// SPDX-License-Identifier: Apache-2.0
#include "toolchain/build_settings.h"

#include <gtest/gtest.h>

namespace opendext::toolchain {
namespace {

class Settings : public ::testing::Test {
protected:
    Settings() {
        settings = BuildSettings::ForDext("com.example.my-driver");
        settings.Set("NAME", "My Driver_2");
    }
    [[nodiscard]] std::string Expand(std::string_view text) const {
        return settings.Expand(text).value();
    }

    BuildSettings settings;
};

TEST_F(Settings, PlainTextStays) {
    EXPECT_EQ(Expand(""), "");
    EXPECT_EQ(Expand("costs $5 $"), "costs $5 $");
}

TEST_F(Settings, BothBracketsAreReferences) {
    EXPECT_EQ(Expand("<$(NAME)|${NAME}>"), "<My Driver_2|My Driver_2>");
}

TEST_F(Settings, BracketsMustBePairs) {
    EXPECT_EQ(Expand("$(NAME"), "$(NAME");
    EXPECT_EQ(Expand("$(NAME}"), "$(NAME}");
    EXPECT_EQ(Expand("${NAME)"), "${NAME)");
}

TEST_F(Settings, DextHasXcodesValues) {
    EXPECT_EQ(Expand("$(PRODUCT_BUNDLE_IDENTIFIER)"), "com.example.my-driver");
    EXPECT_EQ(Expand("$(PRODUCT_BUNDLE_PACKAGE_TYPE)"), "DEXT");
    EXPECT_EQ(Expand("$(PRODUCT_MODULE_NAME)"), "com_example_my_driver");
}

TEST_F(Settings, ModifiersChangeTheValue) {
    EXPECT_EQ(Expand("$(NAME:rfc1034identifier)"), "My-Driver-2");
    EXPECT_EQ(Expand("$(NAME:c99extidentifier)"), "My_Driver_2");
    EXPECT_EQ(Expand("$(NAME:lower)"), "my driver_2");
    EXPECT_EQ(Expand("$(NAME:upper)"), "MY DRIVER_2");
}

TEST_F(Settings, SeveralModifiersApplyInOrder) {
    EXPECT_EQ(Expand("$(NAME:lower:rfc1034identifier)"), "my-driver-2");
}

TEST_F(Settings, DefaultIsForUnknownAndEmptySettings) {
    EXPECT_EQ(Expand("$(NONE:default=a b)"), "a b");
    EXPECT_EQ(Expand("$(NONE:default=)"), "");
    EXPECT_EQ(Expand("$(NAME:default=other)"), "My Driver_2");
    settings.Set("EMPTY", "");
    EXPECT_EQ(Expand("$(EMPTY:default=other)"), "other");
}

TEST_F(Settings, Unknown_ErrorHasNameAndLine) {
    const auto expanded = settings.Expand("one\ntwo\n$(NONE)");
    ASSERT_FALSE(expanded);
    EXPECT_EQ(expanded.error().name, "NONE");
    EXPECT_EQ(expanded.error().line, 3);
}

TEST_F(Settings, Unknown_StaysWhenKept) {
    EXPECT_EQ(settings.Expand("$(AppIdentifierPrefix)x", true).value(), "$(AppIdentifierPrefix)x");
}

TEST_F(Settings, ValuesAreNotExpandedAgain) {
    settings.Set("SELF", "$(SELF)");
    EXPECT_EQ(Expand("$(SELF)"), "$(SELF)");
}

TEST_F(Settings, GetOfUnknownIsEmpty) {
    EXPECT_EQ(settings.Get("NONE"), "");
}

}  // namespace
}  // namespace opendext::toolchain
