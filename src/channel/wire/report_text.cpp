// SPDX-License-Identifier: Apache-2.0
#include "channel/wire/report_text.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>
#include <map>
#include <optional>
#include <string_view>

#include <fmt/format.h>

namespace opendext::channel {

namespace {

/// As IOReportElement: on one machine, so in its byte order.
struct Element {
    uint64_t provider;
    uint64_t channel;
    uint8_t format;
    uint8_t reserved;
    uint16_t categories;
    uint16_t num_elements;
    int16_t index;
    uint64_t timestamp;
    std::array<uint64_t, 4> values;
};
static_assert(sizeof(Element) == 64);

enum Format : uint8_t { kSimple = 1, kState = 2, kHistogram = 3, kSimpleArray = 4 };

/// What the legend says of a channel.
struct Channel {
    std::string name;  ///< With the names of its groups.
    std::string unit;
    std::vector<uint64_t> bounds;  ///< Of a histogram's buckets; empty when they are not known.
};

constexpr size_t kMostBuckets = 4096;

std::string_view TextOf(const PropertyValue *value) {
    const std::string *text = value != nullptr ? value->IfString() : nullptr;
    return text != nullptr ? *text : std::string_view();
}

const PropertyValue::Array &ListOf(const PropertyValue *value) {
    static const PropertyValue::Array kNone;
    const auto *array = value != nullptr ? value->IfArray() : nullptr;
    return array != nullptr ? *array : kNone;
}

// Upper bounds of IOHistogramSegmentConfigs; none when they are not what they should be.
std::vector<uint64_t> BoundsOf(const PropertyValue *config) {
    struct Segment {
        uint32_t width;
        uint32_t is_exponential;
        uint32_t index;
        uint32_t num_buckets;
    };
    const auto *data = config != nullptr ? config->IfData() : nullptr;
    std::vector<uint64_t> bounds;
    for (size_t at = 0; data != nullptr && data->size() - at >= sizeof(Segment);
         at += sizeof(Segment)) {
        Segment segment = {};
        std::memcpy(&segment, data->data() + at, sizeof segment);
        if (segment.num_buckets > kMostBuckets - bounds.size()) {
            return {};
        }
        uint64_t bound = segment.is_exponential != 0 ? 1 : 0;
        for (uint32_t i = 0; i < segment.num_buckets; ++i) {
            const bool is_too_large =
                segment.is_exponential != 0
                    ? __builtin_mul_overflow(bound, uint64_t{segment.width}, &bound)
                    : __builtin_add_overflow(bound, uint64_t{segment.width}, &bound);
            if (is_too_large) {
                return {};
            }
            bounds.push_back(bound);
        }
    }
    return bounds;
}

// The channels of a legend, by id.
std::map<uint64_t, Channel> ChannelsOf(const PropertyValue &legend) {
    std::map<uint64_t, Channel> channels;
    for (const PropertyValue &entry : ListOf(&legend)) {
        const PropertyValue *information = entry.Find("IOReportChannelInfo");
        const PropertyValue *unit =
            information != nullptr ? information->Find("IOReportChannelUnit") : nullptr;
        const auto *unit_number = unit != nullptr ? unit->IfInteger() : nullptr;
        Channel common{
            .name = {},
            .unit = unit_number != nullptr ? ReportUnitName(unit_number->value) : std::string(),
            .bounds = BoundsOf(information != nullptr ? information->Find("IOReportChannelConfig")
                                                      : nullptr)};
        for (const std::string_view key : {"IOReportGroupName", "IOReportSubGroupName"}) {
            if (const std::string_view group = TextOf(entry.Find(key)); !group.empty()) {
                common.name.append(group).append("/");
            }
        }
        for (const PropertyValue &channel : ListOf(entry.Find("IOReportChannels"))) {
            const PropertyValue::Array &words = ListOf(&channel);
            const auto *id = words.empty() ? nullptr : words[0].IfInteger();
            if (id == nullptr) {
                continue;
            }
            const std::string_view name = words.size() > 2 ? TextOf(&words[2]) : "";
            Channel named = common;
            named.name += name.empty() ? ReportIdName(id->value) : std::string(name);
            channels.insert_or_assign(id->value, std::move(named));
        }
    }
    return channels;
}

std::string WithUnit(auto value, const std::string &unit) {
    return unit.empty() ? fmt::format("{}", value) : fmt::format("{} {}", value, unit);
}

std::string StateLine(const Element &element, const std::string &unit, bool is_current) {
    const uint64_t transitions = element.values[1];
    return fmt::format("  {}: entered {} time{}, {}{}", ReportIdName(element.values[0]),
                       transitions, transitions == 1 ? "" : "s", WithUnit(element.values[2], unit),
                       is_current ? ", now" : "");
}

std::string BucketLine(const Element &element, const Channel &channel, size_t index, size_t count) {
    std::string range = fmt::format("bucket {}", index);
    if (channel.bounds.size() == count) {
        range = index + 1 < count
                    ? fmt::format("up to {}", channel.bounds[index])
                    : fmt::format("more than {}", index == 0 ? 0 : channel.bounds[index - 1]);
    }
    const uint64_t hits = element.values[0];
    if (hits == 0) {
        return fmt::format("  {}: 0", range);
    }
    return fmt::format("  {}: {}, from {} to {}, sum {}", range, hits,
                       static_cast<int64_t>(element.values[1]),
                       static_cast<int64_t>(element.values[2]),
                       WithUnit(static_cast<int64_t>(element.values[3]), channel.unit));
}

std::string ArrayLine(std::span<const Element> elements, const Channel &channel) {
    std::vector<int64_t> values;
    for (const Element &element : elements) {
        for (const uint64_t value : element.values) {
            values.push_back(static_cast<int64_t>(value));
        }
    }
    return fmt::format("{}: {} {}", channel.name, fmt::join(values, ", "), channel.unit);
}

void AddStateLines(std::span<const Element> elements, const Channel &channel,
                   std::vector<std::string> &lines) {
    lines.push_back(channel.name + ":");
    const auto latest = std::ranges::max_element(
        elements, {}, [](const Element &element) { return element.values[3]; });
    for (const Element &element : elements) {
        const bool is_current = &element == &*latest && element.values[3] != 0;
        lines.push_back(StateLine(element, channel.unit, is_current));
    }
}

void AddLines(std::span<const Element> elements, const Channel &channel,
              std::vector<std::string> &lines) {
    const Element &first = elements.front();
    switch (first.format) {
        case kSimple:
            lines.push_back(
                fmt::format("{}: {}", channel.name,
                            WithUnit(static_cast<int64_t>(first.values[0]), channel.unit)));
            return;
        case kSimpleArray:
            lines.push_back(ArrayLine(elements, channel));
            return;
        case kState:
            AddStateLines(elements, channel, lines);
            return;
        default:
            lines.push_back(channel.name + ":");
            for (size_t i = 0; i < elements.size(); ++i) {
                lines.push_back(BucketLine(elements[i], channel, i, elements.size()));
            }
    }
}

// Whether these are all elements of one channel, in order.
bool BelongTogether(std::span<const Element> elements) {
    const Element &first = elements.front();
    for (size_t i = 0; i < elements.size(); ++i) {
        if (elements[i].channel != first.channel || elements[i].format != first.format ||
            elements[i].index != static_cast<int>(i)) {
            return false;
        }
    }
    return first.format >= kSimple && first.format <= kSimpleArray;
}

}  // namespace

std::string ReportIdName(uint64_t id) {
    std::string text;
    for (int shift = 56; shift >= 0; shift -= 8) {
        const auto character = static_cast<unsigned char>(id >> shift);
        if (character == 0) {
            continue;
        }
        if (std::isprint(character) == 0) {
            return fmt::format("{}", id);
        }
        text.push_back(static_cast<char>(character));
    }
    return text.empty() ? "0" : text;
}

std::string ReportUnitName(uint64_t unit) {
    constexpr std::array<std::string_view, 11> kQuantities = {"",  "s", "W",  "J", "A", "V",
                                                              "F", "H", "Hz", "b", "C"};
    constexpr std::array<std::string_view, 3> kCounts = {"events", "packets", "instructions"};
    constexpr std::array<std::string_view, 5> kBinary = {"", "Ki", "Mi", "Gi", "Ti"};
    constexpr uint64_t kBytes = 3 + 127;  // 2 to the power of 3, as it is stored
    const uint64_t quantity = unit >> 56;
    const uint64_t decimal = (unit >> 32) & 0xff;
    const uint64_t binary = (unit >> 40) & 0xff;
    const uint64_t constant = unit & 0xffffffff;
    std::string name;
    switch (decimal) {
        case 0:
            break;
        case 127 - 12:
            name = "p";
            break;
        case 127 - 9:
            name = "n";
            break;
        case 127 - 6:
            name = "u";
            break;
        case 127 - 3:
            name = "m";
            break;
        case 127 + 3:
            name = "k";
            break;
        case 127 + 6:
            name = "M";
            break;
        case 127 + 9:
            name = "G";
            break;
        case 127 + 12:
            name = "T";
            break;
        default:
            return {};
    }
    if (binary >= 127) {
        const bool has_bytes = binary % 10 == kBytes % 10;
        const uint64_t step = (binary - 127) / 10;
        if (quantity != 9 || (!has_bytes && binary % 10 != 127 % 10) || step >= kBinary.size()) {
            return {};
        }
        name = fmt::format("{}{}", kBinary[step], has_bytes ? "B" : "b");
    } else if (quantity < kQuantities.size()) {
        name += kQuantities[quantity];
    } else if (quantity >= 100 && quantity - 100 < kCounts.size()) {
        name += kCounts[quantity - 100];
    } else {
        return {};
    }
    if (constant <= 1) {
        return name;
    }
    const bool is_part = (constant >> 31) != 0;
    return fmt::format("{}{} {}", is_part ? "1/" : "", constant & 0x7fffffff, name);
}

std::vector<std::string> DescribeReports(const PropertyValue &legend,
                                         std::span<const uint8_t> bytes) {
    const std::map<uint64_t, Channel> channels = ChannelsOf(legend);
    std::vector<Element> elements(bytes.size() / sizeof(Element));
    if (!elements.empty()) {
        std::memcpy(elements.data(), bytes.data(), elements.size() * sizeof(Element));
    }
    bool is_sound = bytes.size() % sizeof(Element) == 0;
    std::vector<std::string> lines;
    for (size_t at = 0; at < elements.size();) {
        const size_t count = std::max<size_t>(elements[at].num_elements, 1);
        const auto channel = channels.find(elements[at].channel);
        if (count > elements.size() - at || channel == channels.end() ||
            !BelongTogether(std::span(elements).subspan(at, count))) {
            is_sound = false;
            ++at;
            continue;
        }
        AddLines(std::span(elements).subspan(at, count), channel->second, lines);
        at += count;
    }
    if (!is_sound) {
        lines.emplace_back(
            "(there is more that is no report; let UpdateReport end in "
            "IOReporter::updateAllReports)");
    }
    return lines;
}

}  // namespace opendext::channel
