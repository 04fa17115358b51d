// SPDX-License-Identifier: Apache-2.0
#include "base/property_value.h"

#include <gtest/gtest.h>

namespace opendext {
namespace {

TEST(PropertyValueTest, Default_IsNull) {
    EXPECT_TRUE(PropertyValue().is_null());
    EXPECT_EQ(PropertyValue().kind(), PropertyValue::Kind::kNull);
}

TEST(PropertyValueTest, EachKind_GivesOnlyItsOwnContents) {
    const PropertyValue text = "abc";
    EXPECT_EQ(*text.IfString(), "abc");
    EXPECT_EQ(text.IfBool(), nullptr);
    EXPECT_EQ(text.IfData(), nullptr);
    EXPECT_EQ(*PropertyValue(true).IfBool(), true);
    EXPECT_EQ(PropertyValue(PropertyValue::Data{1, 2}).IfData()->size(), 2u);
    EXPECT_EQ(PropertyKindName(PropertyValue(PropertyValue::Array{}).kind()), "array");
}

TEST(PropertyValueTest, NarrowInteger_LosesTheBitsAbove) {
    EXPECT_EQ(PropertyValue::FromInteger(0x1FF, 8).IfInteger()->value, 0xFFu);
    EXPECT_EQ(PropertyValue::FromInteger(~0ULL, 64).IfInteger()->value, ~0ULL);
}

TEST(PropertyValueTest, SameNumberOfAnotherWidth_IsNotEqual) {
    EXPECT_NE(PropertyValue::FromInteger(1, 32), PropertyValue::FromInteger(1, 64));
    EXPECT_EQ(PropertyValue::FromInteger(1, 32), PropertyValue::FromInteger(1, 32));
}

TEST(PropertyValueTest, Copy_SharesNothing) {
    PropertyValue original = PropertyValue::Dictionary{{"a", "x"}};
    const PropertyValue copy = original;
    (*original.IfDictionary())["a"] = "y";
    EXPECT_EQ(*copy.Find("a"), "x");
    EXPECT_NE(original, copy);
}

TEST(PropertyValueTest, FindInWhatIsNoDictionary_IsNothing) {
    EXPECT_EQ(PropertyValue("a").Find("a"), nullptr);
    EXPECT_EQ(PropertyValue(PropertyValue::Dictionary{}).Find("a"), nullptr);
}

TEST(PropertyValueTest, ToString_IsOneLineWithEverything) {
    const PropertyValue value = PropertyValue::Dictionary{
        {"list", PropertyValue::Array{true, PropertyValue(), PropertyValue::FromInteger(31)}},
        {"bytes", PropertyValue::Data{0, 255}},
        {"text", "say \"hi\"\n"},
        {"none", PropertyValue::Array{}},
        {"empty", PropertyValue::Dictionary{}},
    };
    EXPECT_EQ(value.ToString(),
              R"({"bytes" = <00ff>, "empty" = {}, "list" = (true, null, 0x1f), "none" = (), )"
              R"("text" = "say \"hi\"\x0a"})");
}

}  // namespace
}  // namespace opendext
