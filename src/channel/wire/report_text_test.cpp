// SPDX-License-Identifier: Apache-2.0
#include "channel/wire/report_text.h"

#include <array>
#include <cstring>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace opendext::channel {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

using Dictionary = PropertyValue::Dictionary;
using Array = PropertyValue::Array;

constexpr uint64_t kBytesUnit = (uint64_t{9} << 56) | (uint64_t{3 + 127} << 40);
constexpr uint64_t kNanoseconds = (uint64_t{1} << 56) | (uint64_t{127 - 9} << 32) | 1;

PropertyValue Number(uint64_t value) {
    return PropertyValue::FromInteger(value);
}

// One channel of that id and unit, named in a group.
PropertyValue Legend(uint64_t id, uint64_t unit, const PropertyValue &config = {}) {
    Dictionary information = {{"IOReportChannelUnit", Number(unit)}};
    if (!config.is_null()) {
        information.insert_or_assign("IOReportChannelConfig", config);
    }
    return Array{PropertyValue(
        Dictionary{{"IOReportGroupName", PropertyValue("Link")},
                   {"IOReportChannelInfo", PropertyValue(information)},
                   {"IOReportChannels", PropertyValue(Array{PropertyValue(Array{
                                            Number(id), Number(0), PropertyValue("channel")})})}})};
}

struct Element {
    uint64_t provider = 1;
    uint64_t channel = 5;
    uint8_t format = 1;
    uint8_t reserved = 0;
    uint16_t categories = 0;
    uint16_t num_elements = 1;
    int16_t index = 0;
    uint64_t timestamp = 0;
    std::array<uint64_t, 4> values = {};
};

std::vector<uint8_t> Bytes(const std::vector<Element> &elements) {
    std::vector<uint8_t> bytes(elements.size() * sizeof(Element));
    std::memcpy(bytes.data(), elements.data(), bytes.size());
    return bytes;
}

TEST(ReportText, SimpleValue_HasItsNameAndUnit) {
    Element element;
    element.values[0] = static_cast<uint64_t>(-12);
    EXPECT_THAT(DescribeReports(Legend(5, kBytesUnit), Bytes({element})),
                ElementsAre("Link/channel: -12 B"));
}

TEST(ReportText, States_TellWhichIsCurrent) {
    Element idle{.format = 2, .num_elements = 2};
    idle.values = {0, 1, 300, 100};
    Element up{.format = 2, .num_elements = 2, .index = 1};
    up.values = {uint64_t{'u'} << 56 | uint64_t{'p'} << 48, 2, 700, 200};
    EXPECT_THAT(DescribeReports(Legend(5, kNanoseconds), Bytes({idle, up})),
                ElementsAre("Link/channel:", "  0: entered 1 time, 300 ns",
                            "  up: entered 2 times, 700 ns, now"));
}

TEST(ReportText, Buckets_HaveTheBoundsOfTheLegend) {
    const std::array<uint32_t, 4> segment = {10, 1, 0, 3};
    PropertyValue::Data config(sizeof segment);
    std::memcpy(config.data(), segment.data(), sizeof segment);
    Element first{.format = 3, .num_elements = 3};
    first.values = {2, 3, 7, 10};
    const Element second{.format = 3, .num_elements = 3, .index = 1};
    const Element third{.format = 3, .num_elements = 3, .index = 2};
    EXPECT_THAT(DescribeReports(Legend(5, kNanoseconds, PropertyValue(config)),
                                Bytes({first, second, third})),
                ElementsAre("Link/channel:", "  up to 10: 2, from 3 to 7, sum 10 ns",
                            "  up to 100: 0", "  more than 100: 0"));
}

TEST(ReportText, WhatMakesNoSense_IsLeftOutAndTold) {
    const Element known;
    const Element unknown{.channel = 6};
    const Element cut_off{.format = 2, .num_elements = 2};
    const Element out_of_order{.format = 2, .num_elements = 2, .index = 1};
    const Element formless{.format = 9};
    for (const Element &wrong : {unknown, cut_off, out_of_order, formless}) {
        EXPECT_THAT(DescribeReports(Legend(5, 0), Bytes({wrong, known})),
                    ElementsAre("Link/channel: 0", HasSubstr("no report")));
    }
    std::vector<uint8_t> bytes = Bytes({known});
    bytes.push_back(0);
    EXPECT_THAT(DescribeReports(Legend(5, 0), bytes),
                ElementsAre("Link/channel: 0", HasSubstr("no report")));
}

TEST(ReportText, Units_AreNamed) {
    EXPECT_EQ(ReportUnitName(0), "");
    EXPECT_EQ(ReportUnitName(kBytesUnit), "B");
    EXPECT_EQ(ReportUnitName((uint64_t{9} << 56) | (uint64_t{23 + 127} << 40)), "MiB");
    EXPECT_EQ(ReportUnitName(uint64_t{9} << 56), "b");
    EXPECT_EQ(ReportUnitName((uint64_t{1} << 56) | (uint64_t{127 - 6} << 32)), "us");
    EXPECT_EQ(ReportUnitName(uint64_t{101} << 56), "packets");
    EXPECT_EQ(ReportUnitName((uint64_t{1} << 56) | (uint64_t{127 - 6} << 32) | (1U << 31) | 24),
              "1/24 us");
    EXPECT_EQ(ReportUnitName(uint64_t{77} << 56), "");
    EXPECT_EQ(ReportUnitName(~uint64_t{0}), "");
}

TEST(ReportText, Ids_AreTheirCharactersOrNumbers) {
    EXPECT_EQ(ReportIdName(0), "0");
    EXPECT_EQ(ReportIdName(7), "7");
    EXPECT_EQ(ReportIdName(0x6279746573000000), "bytes");
}

}  // namespace
}  // namespace opendext::channel
