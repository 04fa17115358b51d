// SPDX-License-Identifier: Apache-2.0
#include "iokit/corefoundation/string.h"

#include <CoreFoundation/CFNumber.h>
#include <gtest/gtest.h>

#include <array>
#include <cstring>

#include "iokit/corefoundation/format.h"

namespace {

using opendext::cf::Ref;
using opendext::cf::ToUtf8;
using String = Ref<CFStringRef>;
using MutableString = Ref<CFMutableStringRef>;

String NewString(const char *text, CFStringEncoding encoding = kCFStringEncodingUTF8) {
    return String::Adopt(CFStringCreateWithCString(kCFAllocatorDefault, text, encoding));
}

template <typename... Args>
std::string Formatted(CFStringRef format, Args... args) {
    return ToUtf8(
        String::Adopt(CFStringCreateWithFormat(kCFAllocatorDefault, nullptr, format, args...))
            .Get());
}

// semantics.md 7.5
TEST(String, ConstantAndMadeString_AreEqual) {
    for (const char *text : {"", "plain", "gr\u00fcn \U0001F40C"}) {
        EXPECT_TRUE(CFEqual(NewString(text).Get(), __CFStringMakeConstantString(text))) << text;
    }
    EXPECT_TRUE(CFEqual(NewString("gr\u00fcn").Get(), CFSTR("gr\u00fcn")));
    EXPECT_FALSE(CFEqual(CFSTR("a"), CFSTR("b")));
    EXPECT_EQ(__CFStringMakeConstantString("same"), __CFStringMakeConstantString("same"));
}

TEST(String, Length_CountsUtf16Units) {
    EXPECT_EQ(CFStringGetLength(CFSTR("abc")), 3);
    EXPECT_EQ(CFStringGetLength(CFSTR("\u00fc")), 1);
    EXPECT_EQ(CFStringGetLength(NewString("\U0001F40C").Get()), 2);
    EXPECT_EQ(CFStringGetCharacterAtIndex(CFSTR("a\u00fc"), 1), 0xFC);
}

TEST(String, GetCString_NeedsRoomForTheTerminator) {
    std::array<char, 4> buffer = {};
    EXPECT_TRUE(CFStringGetCString(CFSTR("abc"), buffer.data(), 4, kCFStringEncodingUTF8));
    EXPECT_STREQ(buffer.data(), "abc");
    EXPECT_FALSE(CFStringGetCString(CFSTR("abcd"), buffer.data(), 4, kCFStringEncodingUTF8));
    EXPECT_FALSE(CFStringGetCString(CFSTR("\u00fc"), buffer.data(), 4, kCFStringEncodingASCII));
    EXPECT_FALSE(CFStringGetCString(CFSTR("a"), buffer.data(), 0, kCFStringEncodingUTF8));
    EXPECT_FALSE(CFStringGetCString(CFSTR("a"), buffer.data(), 4, 0xdead));
}

TEST(String, CStringPtr_IsThereForAsciiOnly) {
    EXPECT_STREQ(CFStringGetCStringPtr(CFSTR("abc"), kCFStringEncodingUTF8), "abc");
    EXPECT_STREQ(CFStringGetCStringPtr(NewString("abc").Get(), kCFStringEncodingMacRoman), "abc");
    EXPECT_EQ(CFStringGetCStringPtr(CFSTR("\u00fc"), kCFStringEncodingUTF8), nullptr);
    EXPECT_EQ(CFStringGetCStringPtr(CFSTR("abc"), kCFStringEncodingUTF16), nullptr);
}

TEST(String, EachEncoding_RoundTrips) {
    for (const CFStringEncoding encoding :
         {CFStringEncoding{kCFStringEncodingMacRoman}, CFStringEncoding{kCFStringEncodingISOLatin1},
          CFStringEncoding{kCFStringEncodingUTF8}}) {
        std::array<char, 16> buffer = {};
        ASSERT_TRUE(
            CFStringGetCString(CFSTR("d\u00e9j\u00e0"), buffer.data(), buffer.size(), encoding));
        EXPECT_TRUE(CFEqual(NewString(buffer.data(), encoding).Get(), CFSTR("d\u00e9j\u00e0")))
            << encoding;
    }
    EXPECT_TRUE(CFEqual(NewString("caf\x8e", kCFStringEncodingMacRoman).Get(), CFSTR("caf\u00e9")));
}

TEST(String, Utf16Bytes_FollowTheByteOrderMark) {
    constexpr std::array<UInt8, 4> kBigEndian = {0xFE, 0xFF, 0x00, 0x41};
    const auto string = String::Adopt(CFStringCreateWithBytes(
        nullptr, kBigEndian.data(), kBigEndian.size(), kCFStringEncodingUnicode, true));
    ASSERT_TRUE(string);
    EXPECT_TRUE(CFEqual(string.Get(), CFSTR("A")));
    std::array<UInt8, 4> bytes = {};
    CFIndex used = 0;
    EXPECT_EQ(CFStringGetBytes(CFSTR("A"), CFRangeMake(0, 1), kCFStringEncodingUTF16BE, 0, false,
                               bytes.data(), 4, &used),
              1);
    EXPECT_EQ(used, 2);
    EXPECT_EQ(bytes[1], 'A');
}

TEST(String, InvalidBytes_MakeNoString) {
    for (const char *text :
         {"\xff", "\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "a\x80"}) {
        EXPECT_FALSE(NewString(text)) << text;
    }
    EXPECT_FALSE(NewString("\x80", kCFStringEncodingASCII));
    EXPECT_FALSE(NewString("a", 0xdead));
}

TEST(String, GetBytes_ReplacesOrStopsAtWhatTheEncodingLacks) {
    std::array<UInt8, 8> bytes = {};
    CFIndex used = 0;
    const CFRange all = CFRangeMake(0, 3);
    EXPECT_EQ(CFStringGetBytes(CFSTR("a\u4e00b"), all, kCFStringEncodingASCII, '?', false,
                               bytes.data(), 8, &used),
              3);
    EXPECT_EQ(std::memcmp(bytes.data(), "a?b", 3), 0);
    EXPECT_EQ(CFStringGetBytes(CFSTR("a\u4e00b"), all, kCFStringEncodingASCII, 0, false, nullptr, 0,
                               &used),
              1);
    EXPECT_EQ(used, 1);
    EXPECT_EQ(CFStringGetBytes(CFSTR("a\u4e00b"), all, kCFStringEncodingUTF8, 0, false,
                               bytes.data(), 3, &used),
              1);
    EXPECT_EQ(used, 1);
    EXPECT_GE(CFStringGetMaximumSizeForEncoding(3, kCFStringEncodingUTF8), 9);
}

TEST(String, Compare_OrdersAsItsOptionsSay) {
    EXPECT_EQ(CFStringCompare(CFSTR("abc"), CFSTR("abd"), 0), kCFCompareLessThan);
    EXPECT_EQ(CFStringCompare(CFSTR("b"), CFSTR("ab"), 0), kCFCompareGreaterThan);
    EXPECT_EQ(CFStringCompare(CFSTR("same"), CFSTR("same"), 0), kCFCompareEqualTo);
    EXPECT_EQ(CFStringCompare(CFSTR("\u00c4B"), CFSTR("\u00e4b"), kCFCompareCaseInsensitive),
              kCFCompareEqualTo);
    EXPECT_EQ(CFStringCompare(CFSTR("file10"), CFSTR("file9"), 0), kCFCompareLessThan);
    EXPECT_EQ(CFStringCompare(CFSTR("file10"), CFSTR("file9"), kCFCompareNumerically),
              kCFCompareGreaterThan);
    EXPECT_EQ(CFStringCompare(CFSTR("a007"), CFSTR("a7"), kCFCompareNumerically),
              kCFCompareEqualTo);
}

TEST(String, Find_LooksFromTheEndThatIsAsked) {
    EXPECT_EQ(CFStringFind(CFSTR("abcabc"), CFSTR("bc"), 0).location, 1);
    EXPECT_EQ(CFStringFind(CFSTR("abcabc"), CFSTR("bc"), kCFCompareBackwards).location, 4);
    EXPECT_EQ(CFStringFind(CFSTR("abcabc"), CFSTR("bc"), kCFCompareAnchored).location, kCFNotFound);
    EXPECT_EQ(CFStringFind(CFSTR("abcabc"), CFSTR("BC"), kCFCompareCaseInsensitive).length, 2);
    EXPECT_TRUE(CFStringHasPrefix(CFSTR("com.example.x"), CFSTR("com.")));
    EXPECT_FALSE(CFStringHasPrefix(CFSTR("c"), CFSTR("com.")));
    EXPECT_TRUE(CFStringHasSuffix(CFSTR("x.dext"), CFSTR(".dext")));
}

TEST(String, NumbersInText_AreRead) {
    EXPECT_EQ(CFStringGetIntValue(CFSTR("  -42 apples")), -42);
    EXPECT_EQ(CFStringGetIntValue(CFSTR("none")), 0);
    EXPECT_EQ(CFStringGetIntValue(CFSTR("99999999999999999999")), INT32_MAX);
    EXPECT_DOUBLE_EQ(CFStringGetDoubleValue(CFSTR("2.5e2x")), 250.0);
    EXPECT_DOUBLE_EQ(CFStringGetDoubleValue(CFSTR("0x10")), 0.0);
}

TEST(String, MutableString_ChangesAndItsCopyDoesNot) {
    const auto string = MutableString::Adopt(CFStringCreateMutable(nullptr, 0));
    CFStringAppend(string.Get(), CFSTR("one"));
    CFStringAppendCString(string.Get(), " tw\u00f6", kCFStringEncodingUTF8);
    CFStringAppendFormat(string.Get(), nullptr, CFSTR(" %d"), 3);
    const auto copy = String::Adopt(CFStringCreateCopy(nullptr, string.Get()));
    CFStringReplaceAll(string.Get(), CFSTR("abcdef"));
    CFStringDelete(string.Get(), CFRangeMake(1, 2));
    CFStringInsert(string.Get(), 1, CFSTR("-"));
    EXPECT_EQ(ToUtf8(string.Get()), "a-def");
    EXPECT_STREQ(CFStringGetCStringPtr(string.Get(), kCFStringEncodingUTF8), "a-def");
    EXPECT_EQ(ToUtf8(copy.Get()), "one tw\u00f6 3");
    EXPECT_TRUE(CFEqual(string.Get(), CFSTR("a-def")));
}

TEST(String, CopyOfImmutableString_IsTheSameObject) {
    const auto string = NewString("same");
    EXPECT_EQ(String::Adopt(CFStringCreateCopy(nullptr, string.Get())).Get(), string.Get());
    const auto part =
        String::Adopt(CFStringCreateWithSubstring(nullptr, string.Get(), CFRangeMake(1, 2)));
    EXPECT_TRUE(CFEqual(part.Get(), CFSTR("am")));
}

TEST(StringFormat, EachConversion_PrintsItsArgument) {
    EXPECT_EQ(
        Formatted(CFSTR("%d %5u|%-4d|%04x %ld %llu %hhd"), -1, 7U, 42, 255U, 1L, 1ULL << 40, 258),
        "-1     7|42  |00ff 1 1099511627776 2");
    EXPECT_EQ(Formatted(CFSTR("%.2f %g %Lg 100%%"), 1.005, 0.5, 2.5L), "1.00 0.5 2.5 100%");
    EXPECT_EQ(Formatted(CFSTR("%s %.2s %c %*d"), "te\u00efxt", "abc", 'z', 4, 5),
              "te\u00efxt ab z    5");
    EXPECT_EQ(Formatted(CFSTR("%p"), static_cast<void *>(nullptr)), "(nil)");
}

TEST(StringFormat, Objects_PrintContentsOrDescription) {
    EXPECT_EQ(Formatted(CFSTR("<%@> %@"), CFSTR("te\u00efxt"), static_cast<CFTypeRef>(nullptr)),
              "<te\u00efxt> (null)");
    EXPECT_NE(Formatted(CFSTR("%@"), kCFBooleanTrue).find("{true}"), std::string::npos);
    EXPECT_EQ(Formatted(CFSTR("%5@|%-5@|"), CFSTR("ab"), CFSTR("cd")), "   ab|cd   |");
}

TEST(StringFormat, Positions_ChooseTheArgument) {
    EXPECT_EQ(Formatted(CFSTR("%2$@ %1$d %1$d"), 7, CFSTR("x")), "x 7 7");
}

TEST(StringFormat, MalformedFormat_IsAnErrorThatNamesThePlace) {
    for (const char16_t *format :
         {u"%", u"a%", u"%y", u"%Ld", u"%1$d%1$s", u"%999$d", u"%99999999999d", u"%n"}) {
        EXPECT_FALSE(opendext::cf::ParseFormat(format).has_value());
    }
    EXPECT_EQ(opendext::cf::ParseFormat(u"ab%y").error(),
              "unknown conversion %y in the conversion at character 2 of \"ab%y\"");
}

}  // namespace
