// SPDX-License-Identifier: Apache-2.0
#include "iokit/corefoundation/property_conversion.h"

#include <CoreFoundation/CoreFoundation.h>
#include <gtest/gtest.h>

#include "iokit/corefoundation/object.h"

namespace {

using opendext::PropertyValue;
using opendext::cf::CreateObject;
using opendext::cf::Ref;
using opendext::cf::ToPropertyValue;

Ref<CFTypeRef> Converted(const PropertyValue &value) {
    return Ref<CFTypeRef>::Adopt(CreateObject(value));
}

TEST(PropertyConversion, NestedValues_ComeBackTheSame) {
    const PropertyValue value(PropertyValue::Dictionary{
        {"name", "fpga \u00fc"},
        {"on", true},
        {"none", PropertyValue()},
        {"bytes", PropertyValue::Data{1, 2, 3}},
        {"list", PropertyValue::Array{PropertyValue::FromInteger(5, 32), false,
                                      PropertyValue::Dictionary{}}},
        {"wide", PropertyValue::FromInteger(~0ULL, 64)},
    });
    const auto back = ToPropertyValue(Converted(value).Get());
    ASSERT_TRUE(back.has_value()) << back.error();
    EXPECT_EQ(*back, value);
}

// semantics.md 7.4
TEST(PropertyConversion, IntegersUpTo32Bits_BecomeSignedInt32) {
    const auto number = Converted(PropertyValue::FromInteger(0xFFFFFFFF, 32));
    EXPECT_EQ(CFNumberGetType(static_cast<CFNumberRef>(number.Get())), kCFNumberSInt32Type);
    std::int64_t read = 0;
    EXPECT_TRUE(
        CFNumberGetValue(static_cast<CFNumberRef>(number.Get()), kCFNumberSInt64Type, &read));
    EXPECT_EQ(read, -1);
    const auto small = Converted(PropertyValue::FromInteger(0xFF, 8));
    EXPECT_TRUE(
        CFNumberGetValue(static_cast<CFNumberRef>(small.Get()), kCFNumberSInt64Type, &read));
    EXPECT_EQ(read, 0xFF);
    const auto wide = Converted(PropertyValue::FromInteger(0x80000000, 64));
    EXPECT_EQ(CFNumberGetType(static_cast<CFNumberRef>(wide.Get())), kCFNumberSInt64Type);
}

TEST(PropertyConversion, NumbersKeepTheirWidth) {
    const short value = -1;
    const auto number =
        Ref<CFNumberRef>::Adopt(CFNumberCreate(nullptr, kCFNumberShortType, &value));
    EXPECT_EQ(ToPropertyValue(number.Get()), PropertyValue::FromInteger(0xFFFF, 16));
}

TEST(PropertyConversion, WhatHasNoPropertyForm_IsAnErrorThatSaysWhere) {
    const auto array =
        Ref<CFMutableArrayRef>::Adopt(CFArrayCreateMutable(nullptr, 0, &kCFTypeArrayCallBacks));
    CFArrayAppendValue(array.Get(), kCFNull);
    CFArrayAppendValue(array.Get(), kCFNumberNaN);
    EXPECT_TRUE(ToPropertyValue(array.Get()).error().starts_with("[1]: a floating-point number"));
    EXPECT_FALSE(ToPropertyValue(CFRunLoopGetMain()).has_value());
    EXPECT_FALSE(ToPropertyValue(nullptr).has_value());
}

TEST(PropertyConversion, ArrayThatHoldsItself_IsAnError) {
    const auto array = Ref<CFMutableArrayRef>::Adopt(CFArrayCreateMutable(nullptr, 0, nullptr));
    CFArrayAppendValue(array.Get(), array.Get());
    EXPECT_FALSE(ToPropertyValue(array.Get()).has_value());
}

}  // namespace
