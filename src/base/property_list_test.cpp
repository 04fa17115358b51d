// SPDX-License-Identifier: Apache-2.0
#include "base/property_list.h"

#include <fstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace opendext {
namespace {

std::string Document(std::string_view body) {
    return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
           "<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"plist.dtd\">\n"
           "<plist version=\"1.0\">\n" +
           std::string(body) + "\n</plist>\n";
}

PropertyValue Read(std::string_view body) {
    const auto value = ReadPropertyList(Document(body));
    EXPECT_TRUE(value.has_value()) << value.error().ToString("Info.plist");
    return value.value_or(PropertyValue());
}

// "LINE: MESSAGE" of the failure; lines of `body` count from 4.
std::string Error(std::string_view body, const PropertyListLimits &limits = {}) {
    const auto value = ReadPropertyList(Document(body), limits);
    return value ? "no error: " + value->ToString()
                 : fmt::format("{}: {}", value.error().line, value.error().message);
}

PropertyValue Integer(uint64_t value, uint8_t num_bits = 64) {
    return PropertyValue::FromInteger(value, num_bits);
}

TEST(ReadXmlPropertyListTest, EveryElement_BecomesItsValue) {
    EXPECT_EQ(Read("<true/>"), PropertyValue(true));
    EXPECT_EQ(Read("<false/>"), PropertyValue(false));
    EXPECT_EQ(Read("<string>a &amp; b</string>"), PropertyValue("a & b"));
    EXPECT_EQ(Read("<string/>"), PropertyValue(""));
    EXPECT_EQ(Read("<data>AAH/</data>"), PropertyValue(PropertyValue::Data{0, 1, 255}));
    EXPECT_EQ(Read("<data></data>"), PropertyValue(PropertyValue::Data{}));
    EXPECT_EQ(Read("<array><true/><string>x</string></array>"),
              PropertyValue(PropertyValue::Array{true, "x"}));
    EXPECT_EQ(Read("<dict><key>k</key><dict/></dict>"),
              PropertyValue(PropertyValue::Dictionary{{"k", PropertyValue::Dictionary{}}}));
}

TEST(ReadXmlPropertyListTest, Integers_KeepAll64Bits) {
    EXPECT_EQ(Read("<integer>42</integer>"), Integer(42));
    EXPECT_EQ(Read("<integer>-1</integer>"), Integer(~0ULL));
    EXPECT_EQ(Read("<integer>18446744073709551615</integer>"), Integer(~0ULL));
    EXPECT_EQ(Read("<integer>0x1F</integer>"), Integer(31));
    EXPECT_EQ(Read("<integer> 7 </integer>"), Integer(7));
}

TEST(ReadXmlPropertyListTest, Real_BecomesAWholeNumber) {
    EXPECT_EQ(Read("<real>2.9</real>"), Integer(2));
    EXPECT_EQ(Read("<real>-2.9</real>"), Integer(static_cast<uint64_t>(-2)));
    EXPECT_EQ(Read("<real>1e300</real>").IfInteger()->value >> 62, 1u);
}

TEST(ReadXmlPropertyListTest, TextOutsideAscii_IsKept) {
    EXPECT_EQ(Read("<string>Grüße 🚀</string>"), PropertyValue("Grüße 🚀"));
}

TEST(ReadXmlPropertyListTest, CommentsAndByteOrderMark_AreSkipped) {
    const auto value =
        ReadPropertyList("\xEF\xBB\xBF" + Document("<!-- a --><dict><!-- b --></dict>"));
    ASSERT_TRUE(value.has_value()) << value.error().message;
    EXPECT_EQ(*value, PropertyValue(PropertyValue::Dictionary{}));
}

TEST(ReadXmlPropertyListTest, KeyWithoutValue_IsNamedWithItsLine) {
    EXPECT_EQ(Error("<dict>\n<key>IOClass</key>\n<key>IOMatch</key>\n<true/></dict>"),
              "6: the key \"IOClass\" has no value");
    EXPECT_EQ(Error("<dict>\n<key>IOClass</key>\n</dict>"), "4: the key \"IOClass\" has no value");
}

TEST(ReadXmlPropertyListTest, ValueWithoutKey_IsNamedWithItsLine) {
    EXPECT_EQ(Error("<dict>\n<string>x</string></dict>"),
              "5: <string> where <key> must come: in <dict>, each value needs a key before it");
}

TEST(ReadXmlPropertyListTest, WrongContents_AreShown) {
    EXPECT_EQ(Error("<integer>ten</integer>"), "4: \"ten\" is not an integer");
    EXPECT_EQ(Error("<data>$$</data>"), "4: \"$$\" is not base64");
    EXPECT_EQ(Error("<array>\nloose</array>"),
              "5: the text \"loose\" stands in <array> without an element");
    EXPECT_EQ(Error("<dikt/>"), "4: <dikt> is not an element of property lists");
    EXPECT_EQ(Error("<true/><true/>"), "4: <plist> holds more than one value");
    EXPECT_EQ(Error(""), "3: <plist> holds no value");
    EXPECT_EQ(Error("<string><true/></string>"), "4: <true> inside <string>");
    EXPECT_EQ(Error("<date>2020-01-01T00:00:00Z</date>"),
              "4: <date> has no meaning to a driver; use <string> or <integer>");
}

TEST(ReadXmlPropertyListTest, BrokenXml_IsReportedWithItsLine) {
    const auto value = ReadPropertyList(Document("<dict>\n<key>a</kee>\n</dict>"));
    ASSERT_FALSE(value.has_value());
    EXPECT_EQ(value.error().line, 5);
    EXPECT_NE(value.error().message.find("key"), std::string::npos) << value.error().message;
}

TEST(ReadXmlPropertyListTest, WrongEndTag_IsNamedWithTheRightOne) {
    EXPECT_EQ(Error("<dict>\n<key>a</string>\n</dict>"),
              "5: </string> where the <key> of line 5 must be closed with </key>");
}

TEST(ReadXmlPropertyListTest, CutFile_IsToldWithWhatIsOpen) {
    const std::string whole = Document("<dict>\n<key>a</key>\n<string>b</string>\n</dict>");
    const auto value = ReadPropertyList(whole.substr(0, whole.find("<string>")));
    ASSERT_FALSE(value.has_value());
    EXPECT_EQ(value.error().message,
              "the file ends inside the <dict> of line 4; is the rest lost? It ends with </plist>");
}

TEST(ReadXmlPropertyListTest, WhatIsNoPropertyList_IsToldHowOneBegins) {
    for (const char *text : {"", "hello", "{ a = b; }"}) {
        const auto value = ReadPropertyList(text);
        ASSERT_FALSE(value.has_value());
        EXPECT_TRUE(value.error().message.starts_with("no property list; one begins with <?xml"))
            << value.error().message;
    }
}

TEST(ReadXmlPropertyListTest, TextThatIsNotXml_IsAnError) {
    for (const char *text : {"", "hello", "{ a = b; }", "<", "<plist>", "bplist", "\xFF\xFE<\0"}) {
        EXPECT_FALSE(ReadPropertyList(text).has_value()) << text;
    }
}

TEST(ReadXmlPropertyListTest, EntityBomb_IsRefused) {
    const auto value = ReadPropertyList(
        "<!DOCTYPE plist [<!ENTITY a \"aaaa\"><!ENTITY b "
        "\"&a;&a;\">]><plist><string>&b;</string></plist>");
    ASSERT_FALSE(value.has_value());
}

TEST(ReadXmlPropertyListTest, BeyondALimit_IsAnError) {
    const PropertyListLimits limits = {.max_num_bytes = 1000, .max_num_values = 5, .max_depth = 2};
    EXPECT_EQ(Error("<array><array/></array>", limits), "no error: (())");
    EXPECT_EQ(Error("<array><array><array/></array></array>", limits),
              "4: nested deeper than 2 levels");
    EXPECT_EQ(Error("<array><true/><true/><true/><true/><true/></array>", limits),
              "4: more than 5 values");
    EXPECT_EQ(Error("<string>" + std::string(2000, 'x') + "</string>", limits).substr(0, 3), "0: ");
}

TEST(ReadXmlPropertyListTest, TensOfThousandsOfOpenElements_CostNoStack) {
    std::string text = "<plist>";
    for (int i = 0; i < 100'000; ++i) {
        text += "<array>";
    }
    EXPECT_FALSE(ReadPropertyList(text).has_value());
}

TEST(PropertyListErrorTest, ToString_NamesFileAndLine) {
    EXPECT_EQ((PropertyListError{"bad", 3}).ToString("Info.plist"), "Info.plist:3: error: bad");
    EXPECT_EQ((PropertyListError{"bad", 0}).ToString("Info.plist"), "Info.plist: error: bad");
}

TEST(ReadPropertyListFileTest, MissingFile_IsAnError) {
    const auto value = ReadPropertyListFile("/nonexistent/Info.plist");
    ASSERT_FALSE(value.has_value());
    EXPECT_EQ(value.error().message, "cannot be read: No such file or directory");
}

TEST(ReadPropertyListFileTest, Folder_IsAnError) {
    const auto value = ReadPropertyListFile("/");
    ASSERT_FALSE(value.has_value());
    EXPECT_EQ(value.error().message, "cannot be read: Is a directory");
}

TEST(ReadPropertyListFileTest, EndlessFile_IsAnError) {
    const auto value = ReadPropertyListFile("/dev/zero", {.max_num_bytes = 100});
    ASSERT_FALSE(value.has_value());
    EXPECT_EQ(value.error().message, "more than 100 bytes");
}

TEST(ReadPropertyListFileTest, BinaryFile_IsRead) {
    const auto bytes = EncodePropertyValue(PropertyValue::Dictionary{{"a", true}});
    ASSERT_TRUE(bytes.has_value());
    const std::filesystem::path path = std::filesystem::path(testing::TempDir()) / "binary.plist";
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char *>(bytes->data()),
               static_cast<std::streamsize>(bytes->size()));
    const auto value = ReadPropertyListFile(path);
    std::filesystem::remove(path);
    ASSERT_TRUE(value.has_value()) << value.error().message;
    EXPECT_EQ(*value, PropertyValue(PropertyValue::Dictionary{{"a", true}}));
}

class EncodedValueTest : public testing::TestWithParam<PropertyValue> {};

TEST_P(EncodedValueTest, Decoded_IsEqual) {
    const auto bytes = EncodePropertyValue(GetParam());
    ASSERT_TRUE(bytes.has_value()) << bytes.error().message;
    const auto value = DecodePropertyValue(*bytes);
    ASSERT_TRUE(value.has_value()) << value.error().message;
    EXPECT_EQ(*value, GetParam()) << value->ToString();
}

PropertyValue NestedArrays(size_t depth) {
    PropertyValue value = Integer(1, 8);
    for (size_t i = 0; i < depth; ++i) {
        value = PropertyValue::Array{value};
    }
    return value;
}

INSTANTIATE_TEST_SUITE_P(
    Values, EncodedValueTest,
    testing::Values(PropertyValue(), PropertyValue(true), PropertyValue(false), Integer(0),
                    Integer(~0ULL), Integer(1ULL << 63), Integer(300), Integer(255, 8),
                    Integer(0xFFFF, 16), Integer(0xFFFFFFFF, 32), PropertyValue(""),
                    PropertyValue("plain"), PropertyValue("Grüße 🚀"),
                    PropertyValue(std::string("a\0b", 3)), PropertyValue("\xFF not UTF-8"),
                    PropertyValue("\xED\xA0\x80"), PropertyValue(std::string(100'000, 'x')),
                    PropertyValue(PropertyValue::Data{}),
                    PropertyValue(PropertyValue::Data(70'000, 7)),
                    PropertyValue(PropertyValue::Array{}),
                    PropertyValue(PropertyValue::Array(1000, PropertyValue("same"))),
                    PropertyValue(PropertyValue::Dictionary{}),
                    PropertyValue(PropertyValue::Dictionary{
                        {"", PropertyValue()}, {"$null", true}, {"ü", Integer(1, 32)}}),
                    NestedArrays(PropertyListLimits().max_depth)));

TEST(EncodePropertyValueTest, WhatCannotBeExpressed_IsAnError) {
    using Dictionary = PropertyValue::Dictionary;
    EXPECT_FALSE(EncodePropertyValue(Dictionary{{"$null", true}}).has_value());
    EXPECT_FALSE(EncodePropertyValue(Dictionary{{std::string("a\0b", 3), true}}).has_value());
    EXPECT_FALSE(EncodePropertyValue(Dictionary{{"\xFF", true}}).has_value());
    EXPECT_FALSE(EncodePropertyValue(NestedArrays(PropertyListLimits().max_depth + 1)).has_value());
}

std::vector<uint8_t> BinaryList(const std::vector<std::vector<uint8_t>> &objects) {
    std::vector<uint8_t> bytes = {'b', 'p', 'l', 'i', 's', 't', '0', '0'};
    std::vector<uint8_t> offsets;
    for (const auto &object : objects) {
        offsets.push_back(static_cast<uint8_t>(bytes.size()));
        bytes.insert(bytes.end(), object.begin(), object.end());
    }
    const auto table_offset = static_cast<uint8_t>(bytes.size());
    bytes.insert(bytes.end(), offsets.begin(), offsets.end());
    std::vector<uint8_t> trailer(32);
    trailer[6] = 1;
    trailer[7] = 1;
    trailer[15] = static_cast<uint8_t>(objects.size());
    trailer[31] = table_offset;
    bytes.insert(bytes.end(), trailer.begin(), trailer.end());
    return bytes;
}

TEST(DecodePropertyValueTest, HandMadeList_IsRead) {
    const auto value = DecodePropertyValue(BinaryList({{0xA2, 1, 1}, {0x09}}));
    ASSERT_TRUE(value.has_value()) << value.error().message;
    EXPECT_EQ(*value, PropertyValue(PropertyValue::Array{true, true}));
}

TEST(DecodePropertyValueTest, ListThatHoldsItself_IsAnError) {
    EXPECT_FALSE(DecodePropertyValue(BinaryList({{0xA1, 0}})).has_value());
}

TEST(DecodePropertyValueTest, ListThatUnfoldsToMillions_IsAnError) {
    std::vector<std::vector<uint8_t>> objects;
    for (uint8_t i = 0; i < 30; ++i) {
        objects.push_back({0xA2, static_cast<uint8_t>(i + 1), static_cast<uint8_t>(i + 1)});
    }
    objects.push_back({0x09});
    const auto value = DecodePropertyValue(BinaryList(objects));
    ASSERT_FALSE(value.has_value());
    EXPECT_NE(value.error().message.find("values"), std::string::npos) << value.error().message;
}

TEST(DecodePropertyValueTest, ContentsBeyondTheEnd_AreAnError) {
    EXPECT_FALSE(DecodePropertyValue(
                     BinaryList({{0x5F, 0x13, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}}))
                     .has_value());
    EXPECT_FALSE(
        DecodePropertyValue(BinaryList({{0xAF, 0x12, 0x7F, 0xFF, 0xFF, 0xFF}})).has_value());
    EXPECT_FALSE(DecodePropertyValue(BinaryList({{0xA1, 9}})).has_value());
}

TEST(DecodePropertyValueTest, DictionaryKeyThatIsNoString_IsAnError) {
    EXPECT_FALSE(DecodePropertyValue(BinaryList({{0xD1, 1, 1}, {0x09}})).has_value());
}

TEST(DecodePropertyValueTest, DictionaryKeyWithNul_IsAnError) {
    EXPECT_TRUE(DecodePropertyValue(BinaryList({{0xD1, 1, 2}, {0x51, 'a'}, {0x09}})).has_value());
    EXPECT_FALSE(DecodePropertyValue(BinaryList({{0xD1, 1, 2}, {0x51, 0}, {0x09}})).has_value());
    EXPECT_FALSE(
        DecodePropertyValue(BinaryList({{0xD1, 1, 2}, {0x62, 0, 'a', 0, 0}, {0x09}})).has_value());
}

TEST(DecodePropertyValueTest, EveryCutOfAList_IsAnError) {
    const auto bytes =
        EncodePropertyValue(PropertyValue::Dictionary{{"a", "b"}, {"c", Integer(3, 16)}});
    ASSERT_TRUE(bytes.has_value());
    for (size_t size = 0; size < bytes->size(); ++size) {
        EXPECT_FALSE(DecodePropertyValue(std::span(*bytes).first(size)).has_value()) << size;
    }
}

TEST(DecodePropertyValueTest, XmlText_IsNotAnEncodedValue) {
    const std::string text = Document("<true/>");
    EXPECT_FALSE(DecodePropertyValue({reinterpret_cast<const uint8_t *>(text.data()), text.size()})
                     .has_value());
}

}  // namespace
}  // namespace opendext
