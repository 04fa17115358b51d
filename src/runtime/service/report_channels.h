// SPDX-License-Identifier: Apache-2.0
/// @file report_channels.h
/// What IOReporter and its kinds keep: channels, each with elements of one form. Any thread; a call holds a lock for the
/// copy of some elements at most.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <DriverKit/IOKernelReportStructs.h>
#include <DriverKit/IOReportTypes.h>
#include <DriverKit/IOReturn.h>

#include "base/registry_port.h"

namespace opendext::service {

class ReportChannels {
public:
    struct Name {
        uint64_t id = 0;
        std::optional<std::string> text;
    };
    static constexpr size_t kMostChannels = 4096;

    /// `num_elements` of each channel, at least 1.
    ReportChannels(EntryId provider, IOReportFormat format, IOReportCategories categories,
                   uint16_t num_elements, IOReportUnit unit);
    virtual ~ReportChannels() = default;
    ReportChannels(const ReportChannels &) = delete;
    ReportChannels &operator=(const ReportChannels &) = delete;

    /// @return kIOReturnOverrun beyond kMostChannels.
    IOReturn Add(uint64_t id, const char *name);

    /// IOReporter::configureReport and updateReport.
    IOReturn Configure(std::span<const IOReportChannel> wanted, IOReportConfigureAction action,
                       uint32_t &count);
    IOReturn Update(std::span<const IOReportChannel> wanted, IOReportUpdateAction action,
                    uint32_t &count, uint8_t *&buffer, size_t &capacity);

    /// In the order in which they were added.
    [[nodiscard]] std::vector<Name> Names();
    [[nodiscard]] const IOReportChannelType &type() const { return type_; }
    [[nodiscard]] IOReportUnit unit() const { return unit_; }

protected:
    struct Channel {
        Name name;
        uint32_t num_enabled = 0;
    };

    /// What must be so before the channel is copied. Holds mutex_.
    virtual void BringUpToDate(size_t /*channel*/) {}
    /// A channel is new: its elements are 0. Holds mutex_.
    virtual void Prepare(size_t /*channel*/) {}

    // All of these with mutex_ held.
    [[nodiscard]] std::optional<size_t> IndexOf(uint64_t id) const;
    [[nodiscard]] size_t NumChannels() const { return channels_.size(); }
    [[nodiscard]] size_t NumElements() const { return type_.nelements; }
    template <typename Values>
    [[nodiscard]] Values Get(size_t channel, size_t element) const {
        static_assert(sizeof(Values) == sizeof(IOReportElementValues));
        return std::bit_cast<Values>(elements_[channel * NumElements() + element].values);
    }
    template <typename Values>
    void Set(size_t channel, size_t element, const Values &values, uint64_t time) {
        static_assert(sizeof(Values) == sizeof(IOReportElementValues));
        IOReportElement &changed = elements_[channel * NumElements() + element];
        changed.values = std::bit_cast<IOReportElementValues>(values);
        changed.timestamp = time;
    }

    std::mutex mutex_;

private:
    const EntryId provider_;
    const IOReportChannelType type_;
    const IOReportUnit unit_;
    // Guarded by mutex_.
    std::vector<Channel> channels_;
    std::vector<IOReportElement> elements_;
    uint64_t num_enabled_ = 0;
};

/// An integer for each channel.
class SimpleChannels final : public ReportChannels {
public:
    SimpleChannels(EntryId provider, IOReportCategories categories, IOReportUnit unit)
        : ReportChannels(provider, kIOReportFormatSimple, categories, 1, unit) {}

    /// IOSimpleReporter's methods of these names.
    IOReturn SetValue(uint64_t id, int64_t value);
    IOReturn Increment(uint64_t id, int64_t increment);
    [[nodiscard]] int64_t Value(uint64_t id);
};

/// A state machine for each channel.
class StateChannels final : public ReportChannels {
public:
    StateChannels(EntryId provider, IOReportCategories categories, uint16_t num_states,
                  IOReportUnit unit)
        : ReportChannels(provider, kIOReportFormatState, categories, num_states, unit) {}

    /// Numbers that a driver keeps itself.
    struct Residency {
        uint64_t time = 0;
        uint64_t transitions = 0;
        uint64_t last_transition = 0;
    };

    /// IOStateReporter's methods.
    IOReturn SetStateId(uint64_t id, int state, uint64_t state_id);
    IOReturn Enter(uint64_t id, uint64_t state_id);
    IOReturn EnterOfOnly(uint64_t state_id);
    IOReturn EnterByIndex(int channel, int state);
    IOReturn Override(uint64_t id, uint64_t state_id, const Residency &residency);
    IOReturn Increment(uint64_t id, uint64_t state_id, const Residency &residency);
    /// nullopt when there is no such channel or state.
    [[nodiscard]] std::optional<IOStateReportValues> Values(uint64_t id, uint64_t state_id);
    [[nodiscard]] std::optional<uint64_t> LastUpdate(uint64_t id);

private:
    struct Current {
        std::optional<size_t> state;
        uint64_t updated = 0;  // 0: its times are the driver's
    };

    void BringUpToDate(size_t channel) override;
    void Prepare(size_t channel) override;
    [[nodiscard]] std::optional<size_t> StateOf(size_t channel, uint64_t state_id) const;
    void AddTime(size_t channel, uint64_t now);
    void EnterState(size_t channel, size_t state);
    template <typename Change>
    IOReturn ChangeState(const char *method, uint64_t id, uint64_t state_id, Change change);

    std::vector<Current> current_;  // guarded by mutex_
};

/// One channel: how many values are in which bucket.
class HistogramChannel final : public ReportChannels {
public:
    static constexpr size_t kMostBuckets = 4096;

    /// The upper bounds of the buckets; nullopt when they do not grow, or there are none or too many.
    static std::optional<std::vector<int64_t>> BoundsOf(
        std::span<const IOHistogramSegmentConfig> segments);

    HistogramChannel(EntryId provider, IOReportCategories categories, IOReportUnit unit,
                     std::vector<int64_t> bounds, std::vector<IOHistogramSegmentConfig> segments);

    /// IOHistogramReporter's methods.
    IOReturn Override(size_t bucket, const IOHistogramReportValues &values);
    int Tally(int64_t value);

    [[nodiscard]] const std::vector<IOHistogramSegmentConfig> &segments() const {
        return segments_;
    }

private:
    void Prepare(size_t channel) override;

    const std::vector<int64_t> bounds_;
    const std::vector<IOHistogramSegmentConfig> segments_;
};

}  // namespace opendext::service
