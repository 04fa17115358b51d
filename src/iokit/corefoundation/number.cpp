// SPDX-License-Identifier: Apache-2.0
#include <CoreFoundation/CFNumber.h>

#include <cmath>
#include <compare>
#include <cstring>
#include <limits>
#include <type_traits>

#include "iokit/corefoundation/object.h"

using opendext::cf::CheckType;
using opendext::cf::ClassInfo;
using opendext::cf::kImmortalReferences;
using opendext::cf::Misuse;
using opendext::cf::Object;

// A boolean; there are only the two constants.
struct __CFBoolean : Object {
    constexpr __CFBoolean(const ClassInfo &type, bool boolean)
        : Object(type, 0, kImmortalReferences), value(boolean) {}
    bool value;
};

// A number: an integer or a double, by its type. Immutable.
struct __CFNumber : Object {
    constexpr __CFNumber(const ClassInfo &class_type, std::uint32_t refs, CFNumberType number_type,
                         std::int64_t integer_value, double float_value)
        : Object(class_type, 0, refs),
          type(number_type),
          integer(integer_value),
          real(float_value) {}

    [[nodiscard]] bool IsFloat() const {
        return type == kCFNumberFloat32Type || type == kCFNumberFloat64Type;
    }
    [[nodiscard]] double AsDouble() const {
        return IsFloat() ? real : static_cast<double>(integer);
    }

    CFNumberType type;     // One of the first six.
    std::int64_t integer;  // The value if it is an integer.
    double real;           // The value if it is a float.
};

namespace {

void DestroyNumber(const Object *object) {
    delete static_cast<const __CFNumber *>(object);
}

bool EqualNumbers(const Object *left, const Object *right) {
    return CFNumberCompare(static_cast<const __CFNumber *>(left),
                           static_cast<const __CFNumber *>(right), nullptr) == kCFCompareEqualTo;
}

CFHashCode HashNumber(const Object *object) {
    const double value = static_cast<const __CFNumber *>(object)->AsDouble();
    // -0.0 equals 0.0, and all NaNs equal each other.
    const double canonical = value == 0.0 ? 0.0 : std::isnan(value) ? std::nan("") : value;
    return opendext::cf::HashBytes(&canonical, sizeof(canonical));
}

std::string DescribeNumber(const Object *object) {
    const auto &number = *static_cast<const __CFNumber *>(object);
    return number.IsFloat() ? fmt::format("{{{}}}", number.real)
                            : fmt::format("{{{}}}", number.integer);
}

std::string DescribeBoolean(const Object *object) {
    return static_cast<const __CFBoolean *>(object)->value ? "{true}" : "{false}";
}

constexpr ClassInfo kBooleanClass = {
    "CFBoolean", opendext::cf::kTypeBoolean, nullptr, nullptr, nullptr, DescribeBoolean};
constexpr ClassInfo kNumberClass = {
    "CFNumber", opendext::cf::kTypeNumber, DestroyNumber, EqualNumbers, HashNumber, DescribeNumber};

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constinit const __CFBoolean true_object(kBooleanClass, true);
constinit const __CFBoolean false_object(kBooleanClass, false);
constinit const __CFNumber positive_infinity(kNumberClass, kImmortalReferences,
                                             kCFNumberFloat64Type, 0, kInfinity);
constinit const __CFNumber negative_infinity(kNumberClass, kImmortalReferences,
                                             kCFNumberFloat64Type, 0, -kInfinity);
constinit const __CFNumber not_a_number(kNumberClass, kImmortalReferences, kCFNumberFloat64Type, 0,
                                        std::numeric_limits<double>::quiet_NaN());

// Calls `use` with a zero of the C type that a number type stands for.
template <typename Use>
auto WithType(const char *function, CFNumberType type, Use use) {
    switch (type) {
        case kCFNumberSInt8Type:
        case kCFNumberCharType:
            return use(std::int8_t{}, kCFNumberSInt8Type);
        case kCFNumberSInt16Type:
        case kCFNumberShortType:
            return use(std::int16_t{}, kCFNumberSInt16Type);
        case kCFNumberSInt32Type:
        case kCFNumberIntType:
            return use(std::int32_t{}, kCFNumberSInt32Type);
        case kCFNumberSInt64Type:
        case kCFNumberLongType:
        case kCFNumberLongLongType:
        case kCFNumberCFIndexType:
        case kCFNumberNSIntegerType:
            return use(std::int64_t{}, kCFNumberSInt64Type);
        case kCFNumberFloat32Type:
        case kCFNumberFloatType:
            return use(float{}, kCFNumberFloat32Type);
        case kCFNumberFloat64Type:
        case kCFNumberDoubleType:
        case kCFNumberCGFloatType:
            return use(double{}, kCFNumberFloat64Type);
    }
    Misuse(function, "number type {} is not one of CFNumberType", static_cast<CFIndex>(type));
}

template <typename T>
struct Converted {
    T value;
    bool exact;
};

template <typename T>
Converted<T> FromInteger(std::int64_t integer) {
    const T value = static_cast<T>(integer);
    if constexpr (std::is_floating_point_v<T>) {
        // 2^63 itself does not fit back.
        const bool in_range = static_cast<double>(value) < 0x1p63;
        return {value, in_range && static_cast<std::int64_t>(value) == integer};
    } else {
        return {value, static_cast<std::int64_t>(value) == integer};
    }
}

template <typename T>
Converted<T> FromReal(double real) {
    if constexpr (std::is_floating_point_v<T>) {
        const T value = static_cast<T>(real);
        return {value, std::isnan(real) || static_cast<double>(value) == real};
    } else {
        if (std::isnan(real)) {
            return {0, false};
        }
        // Both ends are powers of two (one of them as max + 1), so these comparisons are exact.
        constexpr double kEnd =
            2.0 * static_cast<double>(T{1} << (std::numeric_limits<T>::digits - 1));
        if (real >= kEnd || real < -kEnd) {
            return {real < 0 ? std::numeric_limits<T>::min() : std::numeric_limits<T>::max(),
                    false};
        }
        return {static_cast<T>(real), std::trunc(real) == real};
    }
}

CFComparisonResult FromOrdering(std::partial_ordering order) {
    return order < 0 ? kCFCompareLessThan : order > 0 ? kCFCompareGreaterThan : kCFCompareEqualTo;
}

// Orders an integer and a float exactly.
CFComparisonResult CompareMixed(std::int64_t integer, double real) {
    if (real >= 0x1p63) {
        return kCFCompareLessThan;
    }
    if (real < -0x1p63) {
        return kCFCompareGreaterThan;
    }
    const auto whole = static_cast<std::int64_t>(real);
    return integer != whole ? FromOrdering(integer <=> whole)
                            : FromOrdering(0.0 <=> real - std::trunc(real));
}

bool IsNan(CFNumberRef number) {
    return number->IsFloat() && std::isnan(number->real);
}

// NaN against a number: above the negative ones, below the others.
CFComparisonResult NanAgainst(CFNumberRef other) {
    return other->AsDouble() < 0 ? kCFCompareGreaterThan : kCFCompareLessThan;
}

CFComparisonResult Reversed(CFComparisonResult order) {
    return static_cast<CFComparisonResult>(-static_cast<CFIndex>(order));
}

}  // namespace

constinit const CFBooleanRef kCFBooleanTrue = &true_object;
constinit const CFBooleanRef kCFBooleanFalse = &false_object;
constinit const CFNumberRef kCFNumberPositiveInfinity = &positive_infinity;
constinit const CFNumberRef kCFNumberNegativeInfinity = &negative_infinity;
constinit const CFNumberRef kCFNumberNaN = &not_a_number;

CFTypeID CFBooleanGetTypeID(void) {
    return opendext::cf::kTypeBoolean;
}

Boolean CFBooleanGetValue(CFBooleanRef boolean) {
    CheckType(__func__, boolean, CFBooleanGetTypeID());
    return boolean->value;
}

CFTypeID CFNumberGetTypeID(void) {
    return opendext::cf::kTypeNumber;
}

CFNumberRef CFNumberCreate(CFAllocatorRef /*allocator*/, CFNumberType theType,
                           const void *valuePtr) {
    if (valuePtr == nullptr) {
        Misuse(__func__, "the value pointer is NULL");
    }
    return WithType(__func__, theType, [valuePtr](auto value, CFNumberType type) -> CFNumberRef {
        std::memcpy(&value, valuePtr, sizeof(value));
        if constexpr (std::is_floating_point_v<decltype(value)>) {
            return new __CFNumber(kNumberClass, 1, type, 0, value);
        } else {
            return new __CFNumber(kNumberClass, 1, type, value, 0);
        }
    });
}

CFNumberType CFNumberGetType(CFNumberRef number) {
    CheckType(__func__, number, CFNumberGetTypeID());
    return number->type;
}

CFIndex CFNumberGetByteSize(CFNumberRef number) {
    return WithType(__func__, CFNumberGetType(number),
                    [](auto value, CFNumberType) { return static_cast<CFIndex>(sizeof(value)); });
}

Boolean CFNumberIsFloatType(CFNumberRef number) {
    CheckType(__func__, number, CFNumberGetTypeID());
    return number->IsFloat();
}

Boolean CFNumberGetValue(CFNumberRef number, CFNumberType theType, void *valuePtr) {
    CheckType(__func__, number, CFNumberGetTypeID());
    if (valuePtr == nullptr) {
        Misuse(__func__, "the value pointer is NULL");
    }
    return WithType(__func__, theType, [number, valuePtr](auto zero, CFNumberType) -> Boolean {
        using T = decltype(zero);
        const Converted<T> converted =
            number->IsFloat() ? FromReal<T>(number->real) : FromInteger<T>(number->integer);
        std::memcpy(valuePtr, &converted.value, sizeof(T));
        return converted.exact;
    });
}

CFComparisonResult CFNumberCompare(CFNumberRef number, CFNumberRef otherNumber,
                                   void * /*context*/) {
    CheckType(__func__, number, CFNumberGetTypeID());
    CheckType(__func__, otherNumber, CFNumberGetTypeID());
    if (IsNan(number) || IsNan(otherNumber)) {
        if (IsNan(number) && IsNan(otherNumber)) {
            return kCFCompareEqualTo;
        }
        return IsNan(number) ? NanAgainst(otherNumber) : Reversed(NanAgainst(number));
    }
    if (number->IsFloat() && otherNumber->IsFloat()) {
        return FromOrdering(number->real <=> otherNumber->real);
    }
    if (number->IsFloat()) {
        return Reversed(CompareMixed(otherNumber->integer, number->real));
    }
    return otherNumber->IsFloat() ? CompareMixed(number->integer, otherNumber->real)
                                  : FromOrdering(number->integer <=> otherNumber->integer);
}
