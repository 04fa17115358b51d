// SPDX-License-Identifier: Apache-2.0
#include <CoreFoundation/CFNumber.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>

#include "iokit/corefoundation/object.h"

namespace {

using Number = opendext::cf::Ref<CFNumberRef>;

template <typename T>
Number NewNumber(CFNumberType type, T value) {
    return Number::Adopt(CFNumberCreate(kCFAllocatorDefault, type, &value));
}

template <typename T>
struct Read {
    T value;
    bool exact;
    bool operator==(const Read &) const = default;
};

template <typename T>
Read<T> ReadAs(const Number &number, CFNumberType type) {
    T value = {};
    const bool exact = CFNumberGetValue(number.Get(), type, &value) != 0;
    return {value, exact};
}

// semantics.md 7.5
TEST(Number, EachType_KeepsItsWidth) {
    const auto expect = [](const Number &number, CFNumberType type, CFIndex size) {
        EXPECT_EQ(CFNumberGetType(number.Get()), type);
        EXPECT_EQ(CFNumberGetByteSize(number.Get()), size);
    };
    expect(NewNumber<char>(kCFNumberCharType, 1), kCFNumberSInt8Type, 1);
    expect(NewNumber<short>(kCFNumberShortType, 1), kCFNumberSInt16Type, 2);
    expect(NewNumber<int>(kCFNumberIntType, 1), kCFNumberSInt32Type, 4);
    expect(NewNumber<long>(kCFNumberLongType, 1), kCFNumberSInt64Type, 8);
    expect(NewNumber<long long>(kCFNumberLongLongType, 1), kCFNumberSInt64Type, 8);
    expect(NewNumber<CFIndex>(kCFNumberCFIndexType, 1), kCFNumberSInt64Type, 8);
    expect(NewNumber<long>(kCFNumberNSIntegerType, 1), kCFNumberSInt64Type, 8);
    expect(NewNumber<float>(kCFNumberFloatType, 1), kCFNumberFloat32Type, 4);
    expect(NewNumber<double>(kCFNumberDoubleType, 1), kCFNumberFloat64Type, 8);
    expect(NewNumber<double>(kCFNumberCGFloatType, 1), kCFNumberFloat64Type, 8);
}

TEST(Number, ConversionThatFits_IsExact) {
    const auto number = NewNumber<std::int32_t>(kCFNumberSInt32Type, -100);
    EXPECT_EQ(ReadAs<std::int8_t>(number, kCFNumberSInt8Type), (Read<std::int8_t>{-100, true}));
    EXPECT_EQ(ReadAs<std::int64_t>(number, kCFNumberSInt64Type), (Read<std::int64_t>{-100, true}));
    EXPECT_EQ(ReadAs<double>(number, kCFNumberDoubleType), (Read<double>{-100.0, true}));
    EXPECT_EQ(ReadAs<int>(NewNumber<double>(kCFNumberDoubleType, 7.0), kCFNumberIntType),
              (Read<int>{7, true}));
}

TEST(Number, LossyConversion_ReturnsFalseAndAnApproximation) {
    EXPECT_EQ(ReadAs<std::int8_t>(NewNumber<int>(kCFNumberIntType, 0x1FE), kCFNumberSInt8Type),
              (Read<std::int8_t>{-2, false}));
    EXPECT_EQ(ReadAs<int>(NewNumber<double>(kCFNumberDoubleType, 2.5), kCFNumberIntType),
              (Read<int>{2, false}));
    EXPECT_EQ(ReadAs<int>(NewNumber<double>(kCFNumberDoubleType, 1e300), kCFNumberIntType),
              (Read<int>{INT32_MAX, false}));
    EXPECT_EQ(
        ReadAs<std::int64_t>(NewNumber<double>(kCFNumberDoubleType, -1e300), kCFNumberSInt64Type),
        (Read<std::int64_t>{INT64_MIN, false}));
    EXPECT_EQ(ReadAs<int>(NewNumber<double>(kCFNumberDoubleType, std::nan("")), kCFNumberIntType),
              (Read<int>{0, false}));
    EXPECT_FALSE(
        ReadAs<float>(NewNumber<int>(kCFNumberIntType, 16777217), kCFNumberFloatType).exact);
    EXPECT_FALSE(
        ReadAs<double>(NewNumber<std::int64_t>(kCFNumberSInt64Type, INT64_MAX), kCFNumberDoubleType)
            .exact);
}

TEST(Number, Compare_GoesByValueWhateverTheTypes) {
    const auto compare = [](const Number &left, const Number &right) {
        const CFComparisonResult order = CFNumberCompare(left.Get(), right.Get(), nullptr);
        EXPECT_EQ(CFNumberCompare(right.Get(), left.Get(), nullptr), -order);
        return order;
    };
    const auto big = NewNumber<std::int64_t>(kCFNumberSInt64Type, INT64_MAX);
    EXPECT_EQ(
        compare(NewNumber<int>(kCFNumberIntType, 2), NewNumber<double>(kCFNumberDoubleType, 2.5)),
        kCFCompareLessThan);
    EXPECT_EQ(
        compare(NewNumber<int>(kCFNumberIntType, -2), NewNumber<double>(kCFNumberDoubleType, -2.5)),
        kCFCompareGreaterThan);
    EXPECT_EQ(
        compare(NewNumber<short>(kCFNumberShortType, 2), NewNumber<float>(kCFNumberFloatType, 2)),
        kCFCompareEqualTo);
    EXPECT_EQ(compare(big, NewNumber<double>(kCFNumberDoubleType, 0x1p63)), kCFCompareLessThan);
    EXPECT_EQ(compare(big, Number::Retain(kCFNumberPositiveInfinity)), kCFCompareLessThan);
    EXPECT_EQ(compare(big, Number::Retain(kCFNumberNegativeInfinity)), kCFCompareGreaterThan);
    EXPECT_EQ(compare(Number::Retain(kCFNumberNaN), big), kCFCompareLessThan);
    EXPECT_EQ(compare(Number::Retain(kCFNumberNaN), Number::Retain(kCFNumberNegativeInfinity)),
              kCFCompareGreaterThan);
}

TEST(Boolean, Constants_HaveTheirValues) {
    EXPECT_TRUE(CFBooleanGetValue(kCFBooleanTrue));
    EXPECT_FALSE(CFBooleanGetValue(kCFBooleanFalse));
}

}  // namespace
