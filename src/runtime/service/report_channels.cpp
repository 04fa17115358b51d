// SPDX-License-Identifier: Apache-2.0
#include "runtime/service/report_channels.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <utility>

#include <DriverKit/IOLib.h>

#include "base/log.h"

namespace opendext::service {

namespace {

// A sum that stays at the largest or smallest number.
int64_t AddSaturated(int64_t a, int64_t b) {
    int64_t sum = 0;
    if (__builtin_add_overflow(a, b, &sum)) {
        return b > 0 ? std::numeric_limits<int64_t>::max() : std::numeric_limits<int64_t>::min();
    }
    return sum;
}

// The tick of mach_absolute_time is a nanosecond here.
IOReportUnit UnitOfThisMachine(IOReportUnit unit) {
    return unit == kIOReportUnitHWTicks ? kIOReportUnit1GHzTicks : unit;
}

}  // namespace

ReportChannels::ReportChannels(EntryId provider, IOReportFormat format,
                               IOReportCategories categories, uint16_t num_elements,
                               IOReportUnit unit)
    : provider_(provider),
      type_({.report_format = format,
             .reserved = 0,
             .categories = categories,
             .nelements = num_elements,
             .element_idx = 0}),
      unit_(UnitOfThisMachine(unit)) {}

IOReturn ReportChannels::Add(uint64_t id, const char *name) {
    const std::lock_guard lock(mutex_);
    if (channels_.size() >= kMostChannels) {
        return kIOReturnOverrun;
    }
    channels_.push_back(
        {.name = {.id = id,
                  .text = name != nullptr ? std::optional<std::string>(name) : std::nullopt}});
    for (size_t i = 0; i < NumElements(); ++i) {
        IOReportElement element = {};
        element.provider_id = std::to_underlying(provider_);
        element.channel_id = id;
        element.channel_type = type_;
        element.channel_type.element_idx = static_cast<int16_t>(i);
        elements_.push_back(element);
    }
    Prepare(channels_.size() - 1);
    return kIOReturnSuccess;
}

IOReturn ReportChannels::Configure(std::span<const IOReportChannel> wanted,
                                   IOReportConfigureAction action, uint32_t &count) {
    const std::lock_guard lock(mutex_);
    for (const IOReportChannel &channel : wanted) {
        const auto index = IndexOf(channel.channel_id);
        if (!index) {
            continue;
        }
        uint32_t &num_enabled = channels_[*index].num_enabled;
        switch (action) {
            case kIOReportEnable:
                ++num_enabled;
                ++num_enabled_;
                ++count;
                break;
            case kIOReportDisable:
                if (num_enabled != 0) {
                    --num_enabled;
                    --num_enabled_;
                }
                ++count;
                break;
            case kIOReportGetDimensions:
                count += static_cast<uint32_t>(NumElements());
                break;
            default:
                break;
        }
    }
    return kIOReturnSuccess;
}

IOReturn ReportChannels::Update(std::span<const IOReportChannel> wanted,
                                IOReportUpdateAction action, uint32_t &count, uint8_t *&buffer,
                                size_t &capacity) {
    const std::lock_guard lock(mutex_);
    if (num_enabled_ == 0 || action != kIOReportCopyChannelData) {
        return kIOReturnError;
    }
    const size_t num_bytes = NumElements() * sizeof(IOReportElement);
    for (const IOReportChannel &channel : wanted) {
        const auto index = IndexOf(channel.channel_id);
        if (!index) {
            continue;
        }
        if (capacity < num_bytes) {
            return kIOReturnOverrun;
        }
        BringUpToDate(*index);
        std::memcpy(buffer, &elements_[*index * NumElements()], num_bytes);
        buffer += num_bytes;
        capacity -= num_bytes;
        count += static_cast<uint32_t>(NumElements());
    }
    return kIOReturnSuccess;
}

std::vector<ReportChannels::Name> ReportChannels::Names() {
    const std::lock_guard lock(mutex_);
    std::vector<Name> names;
    for (const Channel &channel : channels_) {
        names.push_back(channel.name);
    }
    return names;
}

std::optional<size_t> ReportChannels::IndexOf(uint64_t id) const {
    const auto found =
        std::ranges::find(channels_, id, [](const Channel &channel) { return channel.name.id; });
    return found != channels_.end()
               ? std::optional<size_t>(static_cast<size_t>(found - channels_.begin()))
               : std::nullopt;
}

IOReturn SimpleChannels::SetValue(uint64_t id, int64_t value) {
    const std::lock_guard lock(mutex_);
    const auto channel = IndexOf(id);
    if (!channel) {
        return kIOReturnBadArgument;
    }
    Set(*channel, 0, IOSimpleReportValues{.simple_value = value}, mach_absolute_time());
    return kIOReturnSuccess;
}

IOReturn SimpleChannels::Increment(uint64_t id, int64_t increment) {
    const std::lock_guard lock(mutex_);
    const auto channel = IndexOf(id);
    if (!channel) {
        return kIOReturnBadArgument;
    }
    auto values = Get<IOSimpleReportValues>(*channel, 0);
    values.simple_value = AddSaturated(values.simple_value, increment);
    Set(*channel, 0, values, mach_absolute_time());
    return kIOReturnSuccess;
}

int64_t SimpleChannels::Value(uint64_t id) {
    const std::lock_guard lock(mutex_);
    const auto channel = IndexOf(id);
    return channel ? Get<IOSimpleReportValues>(*channel, 0).simple_value : kIOReportInvalidIntValue;
}

std::optional<std::vector<int64_t>> HistogramChannel::BoundsOf(
    std::span<const IOHistogramSegmentConfig> segments) {
    std::vector<int64_t> bounds;
    for (const IOHistogramSegmentConfig &segment : segments) {
        const int64_t base = segment.base_bucket_width;
        if (segment.scale_flag > kIOHistogramScaleExponential || base == 0) {
            return std::nullopt;
        }
        int64_t bound = 0;
        for (uint32_t i = 0; i < segment.segment_bucket_count; ++i) {
            const bool is_first = i == 0;
            const bool fits = segment.scale_flag == kIOHistogramScaleLinear || is_first
                                  ? !__builtin_add_overflow(bound, base, &bound)
                                  : !__builtin_mul_overflow(bound, base, &bound);
            if (!fits || bounds.size() >= kMostBuckets ||
                (!bounds.empty() && bounds.back() >= bound)) {
                return std::nullopt;
            }
            bounds.push_back(bound);
        }
    }
    return bounds.empty() ? std::nullopt : std::optional(std::move(bounds));
}

HistogramChannel::HistogramChannel(EntryId provider, IOReportCategories categories,
                                   IOReportUnit unit, std::vector<int64_t> bounds,
                                   std::vector<IOHistogramSegmentConfig> segments)
    : ReportChannels(provider, kIOReportFormatHistogram, categories,
                     static_cast<uint16_t>(bounds.size()), unit),
      bounds_(std::move(bounds)),
      segments_(std::move(segments)) {}

void HistogramChannel::Prepare(size_t channel) {
    const IOHistogramReportValues empty = {.bucket_hits = 0,
                                           .bucket_min = kIOReportInvalidIntValue,
                                           .bucket_max = kIOReportInvalidIntValue,
                                           .bucket_sum = kIOReportInvalidIntValue};
    for (size_t bucket = 0; bucket < NumElements(); ++bucket) {
        Set(channel, bucket, empty, mach_absolute_time());
    }
}

IOReturn HistogramChannel::Override(size_t bucket, const IOHistogramReportValues &values) {
    const std::lock_guard lock(mutex_);
    if (bucket >= NumElements()) {
        return kIOReturnBadArgument;
    }
    Set(0, bucket, values, mach_absolute_time());
    return kIOReturnSuccess;
}

int HistogramChannel::Tally(int64_t value) {
    // The last bucket has no upper bound.
    const auto bound = std::lower_bound(bounds_.begin(), bounds_.end() - 1, value);
    const auto bucket = static_cast<size_t>(bound - bounds_.begin());
    const std::lock_guard lock(mutex_);
    auto values = Get<IOHistogramReportValues>(0, bucket);
    if (values.bucket_hits == 0) {
        values = {.bucket_hits = 0, .bucket_min = value, .bucket_max = value, .bucket_sum = 0};
    }
    values.bucket_min = std::min<int64_t>(values.bucket_min, value);
    values.bucket_max = std::max<int64_t>(values.bucket_max, value);
    values.bucket_sum = AddSaturated(values.bucket_sum, value);
    ++values.bucket_hits;
    Set(0, bucket, values, mach_absolute_time());
    return static_cast<int>(bucket);
}

}  // namespace opendext::service
