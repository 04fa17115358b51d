// SPDX-License-Identifier: Apache-2.0
#include <clocale>
#include <cmath>
#include <cstdlib>
#include <cwctype>
#include <limits>
#include <optional>

#include "iokit/corefoundation/string.h"

using opendext::cf::CheckType;
using opendext::cf::ToUnits;

namespace {

locale_t PlainLocale() {
    static const locale_t locale = newlocale(LC_ALL_MASK, "C.UTF-8", nullptr);
    return locale;
}

std::u16string FoldCase(std::u16string units) {
    for (char16_t &unit : units) {
        if (unit >= u'A' && unit <= u'Z') {
            unit = static_cast<char16_t>(unit + 0x20);
        } else if (unit >= 0x80 && PlainLocale() != nullptr) {
            unit = static_cast<char16_t>(towlower_l(unit, PlainLocale()));
        }
    }
    return units;
}

std::u16string Comparable(CFStringRef string, CFStringCompareFlags options) {
    std::u16string units = ToUnits(string);
    return (options & kCFCompareCaseInsensitive) != 0 ? FoldCase(std::move(units)) : units;
}

bool IsDigit(char16_t unit) {
    return unit >= u'0' && unit <= u'9';
}

// Takes the run of digits at the front of `units`, without its leading zeros.
std::u16string_view TakeDigits(std::u16string_view &units) {
    std::size_t count = 0;
    while (count < units.size() && IsDigit(units[count])) {
        ++count;
    }
    std::u16string_view digits = units.substr(0, count);
    units.remove_prefix(count);
    digits.remove_prefix(std::min(digits.find_first_not_of(u'0'), digits.size()));
    return digits;
}

int Sign(int order) {
    return (order > 0) - (order < 0);
}

int CompareNumerically(std::u16string_view left, std::u16string_view right) {
    while (!left.empty() && !right.empty()) {
        if (IsDigit(left[0]) && IsDigit(right[0])) {
            const std::u16string_view left_digits = TakeDigits(left);
            const std::u16string_view right_digits = TakeDigits(right);
            if (left_digits.size() != right_digits.size()) {
                return left_digits.size() < right_digits.size() ? -1 : 1;
            }
            if (const int order = left_digits.compare(right_digits); order != 0) {
                return Sign(order);
            }
            continue;
        }
        if (left[0] != right[0]) {
            return left[0] < right[0] ? -1 : 1;
        }
        left.remove_prefix(1);
        right.remove_prefix(1);
    }
    return static_cast<int>(!left.empty()) - static_cast<int>(!right.empty());
}

// The position of `wanted`, as `options` say, or npos.
std::size_t Locate(std::u16string_view text, std::u16string_view wanted,
                   CFStringCompareFlags options) {
    const bool backwards = (options & kCFCompareBackwards) != 0;
    if (wanted.empty() || wanted.size() > text.size()) {
        return std::u16string_view::npos;
    }
    if ((options & kCFCompareAnchored) == 0) {
        return backwards ? text.rfind(wanted) : text.find(wanted);
    }
    const std::size_t anchor = backwards ? text.size() - wanted.size() : 0;
    return text.substr(anchor).starts_with(wanted) ? anchor : std::u16string_view::npos;
}

}  // namespace

CFComparisonResult CFStringCompare(CFStringRef theString1, CFStringRef theString2,
                                   CFStringCompareFlags compareOptions) {
    CheckType(__func__, theString1, CFStringGetTypeID());
    CheckType(__func__, theString2, CFStringGetTypeID());
    const std::u16string left = Comparable(theString1, compareOptions);
    const std::u16string right = Comparable(theString2, compareOptions);
    const bool numerically = (compareOptions & kCFCompareNumerically) != 0;
    const int order = numerically ? CompareNumerically(left, right) : Sign(left.compare(right));
    return static_cast<CFComparisonResult>(order);
}

CFRange CFStringFind(CFStringRef theString, CFStringRef stringToFind,
                     CFStringCompareFlags compareOptions) {
    CheckType(__func__, theString, CFStringGetTypeID());
    CheckType(__func__, stringToFind, CFStringGetTypeID());
    const std::u16string wanted = Comparable(stringToFind, compareOptions);
    const std::size_t position =
        Locate(Comparable(theString, compareOptions), wanted, compareOptions);
    return position == std::u16string_view::npos
               ? CFRangeMake(kCFNotFound, 0)
               : CFRangeMake(static_cast<CFIndex>(position), static_cast<CFIndex>(wanted.size()));
}

Boolean CFStringHasPrefix(CFStringRef theString, CFStringRef prefix) {
    CheckType(__func__, theString, CFStringGetTypeID());
    CheckType(__func__, prefix, CFStringGetTypeID());
    return ToUnits(theString).starts_with(ToUnits(prefix));
}

Boolean CFStringHasSuffix(CFStringRef theString, CFStringRef suffix) {
    CheckType(__func__, theString, CFStringGetTypeID());
    CheckType(__func__, suffix, CFStringGetTypeID());
    return ToUnits(theString).ends_with(ToUnits(suffix));
}

SInt32 CFStringGetIntValue(CFStringRef str) {
    CheckType(__func__, str, CFStringGetTypeID());
    // strtoll saturates, so clamping its result saturates at 32 bits.
    const long long value = std::strtoll(opendext::cf::ToUtf8(str).c_str(), nullptr, 10);
    if (value > std::numeric_limits<SInt32>::max()) {
        return std::numeric_limits<SInt32>::max();
    }
    return value < std::numeric_limits<SInt32>::min() ? std::numeric_limits<SInt32>::min()
                                                      : static_cast<SInt32>(value);
}

double CFStringGetDoubleValue(CFStringRef str) {
    CheckType(__func__, str, CFStringGetTypeID());
    const std::string text = opendext::cf::ToUtf8(str);
    // strtod also reads hexadecimal, "inf" and "nan", which are no decimal numbers.
    const std::size_t start = text.find_first_not_of(" \t\n\r\f\v");
    const std::size_t end =
        text.find_first_not_of("+-.0123456789eE", start == std::string::npos ? 0 : start);
    const std::string number = start == std::string::npos ? "" : text.substr(start, end - start);
    return strtod_l(number.c_str(), nullptr, PlainLocale());
}
