// SPDX-License-Identifier: Apache-2.0
// The kinds of IOReporter: what each does is in report_channels.h.
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "runtime/service/reporter_state.h"
#include "runtime/service/service_state.h"

using opendext::EntryId;
using opendext::service::ChannelsOf;
using opendext::service::HistogramChannel;
using opendext::service::SimpleChannels;
using opendext::service::StateChannels;

namespace {

EntryId ProviderOf(const IOService *service) {
    return service != nullptr ? opendext::service::EntryOf(service) : EntryId::kNone;
}

}  // namespace

bool IOSimpleReporter::initWith(IOService *reportingService, IOReportCategories categories,
                                IOReportUnit unit) {
    const EntryId provider = ProviderOf(reportingService);
    if (provider == EntryId::kNone || !init()) {
        return false;
    }
    IOReporter::ivars->channels = std::make_unique<SimpleChannels>(provider, categories, unit);
    return true;
}

OSPtr<IOSimpleReporter> IOSimpleReporter::with(IOService *reportingService,
                                               IOReportCategories categories, IOReportUnit unit) {
    IOSimpleReporter *reporter = OSTypeAlloc(IOSimpleReporter);
    if (reporter != nullptr && !reporter->initWith(reportingService, categories, unit)) {
        OSSafeReleaseNULL(reporter);
    }
    return reporter;
}

IOReturn IOSimpleReporter::setValue(uint64_t channel_id, int64_t value) {
    return ChannelsOf<SimpleChannels>(this).SetValue(channel_id, value);
}

IOReturn IOSimpleReporter::incrementValue(uint64_t channel_id, int64_t increment) {
    return ChannelsOf<SimpleChannels>(this).Increment(channel_id, increment);
}

int64_t IOSimpleReporter::getValue(uint64_t channel_id) {
    return ChannelsOf<SimpleChannels>(this).Value(channel_id);
}

bool IOStateReporter::initWith(IOService *reportingService, IOReportCategories categories,
                               int nstates, IOReportUnit unit) {
    const EntryId provider = ProviderOf(reportingService);
    if (provider == EntryId::kNone || nstates < 1 ||
        nstates > std::numeric_limits<int16_t>::max() || !init()) {
        return false;
    }
    IOReporter::ivars->channels =
        std::make_unique<StateChannels>(provider, categories, static_cast<uint16_t>(nstates), unit);
    return true;
}

OSPtr<IOStateReporter> IOStateReporter::with(IOService *reportingService,
                                             IOReportCategories categories, int nstates,
                                             IOReportUnit unit) {
    IOStateReporter *reporter = OSTypeAlloc(IOStateReporter);
    if (reporter != nullptr && !reporter->initWith(reportingService, categories, nstates, unit)) {
        OSSafeReleaseNULL(reporter);
    }
    return reporter;
}

IOReturn IOStateReporter::setStateID(uint64_t channel_id, int state_index, uint64_t state_id) {
    return ChannelsOf<StateChannels>(this).SetStateId(channel_id, state_index, state_id);
}

IOReturn IOStateReporter::setChannelState(uint64_t channel_id, uint64_t new_state_id) {
    return ChannelsOf<StateChannels>(this).Enter(channel_id, new_state_id);
}

IOReturn IOStateReporter::setChannelState(uint64_t channel_id, uint64_t new_state_id,
                                          uint64_t /*last_intransition*/,
                                          uint64_t /*prev_state_residency*/) {
    return setChannelState(channel_id, new_state_id);
}

IOReturn IOStateReporter::setState(uint64_t new_state_id) {
    return ChannelsOf<StateChannels>(this).EnterOfOnly(new_state_id);
}

IOReturn IOStateReporter::setState(uint64_t new_state_id, uint64_t /*last_intransition*/,
                                   uint64_t /*prev_state_residency*/) {
    return setState(new_state_id);
}

IOReturn IOStateReporter::overrideChannelState(uint64_t channel_id, uint64_t state_id,
                                               uint64_t time_in_state, uint64_t intransitions,
                                               uint64_t last_intransition) {
    return ChannelsOf<StateChannels>(this).Override(channel_id, state_id,
                                                    {.time = time_in_state,
                                                     .transitions = intransitions,
                                                     .last_transition = last_intransition});
}

IOReturn IOStateReporter::incrementChannelState(uint64_t channel_id, uint64_t state_id,
                                                uint64_t time_in_state, uint64_t intransitions,
                                                uint64_t last_intransition) {
    return ChannelsOf<StateChannels>(this).Increment(channel_id, state_id,
                                                     {.time = time_in_state,
                                                      .transitions = intransitions,
                                                      .last_transition = last_intransition});
}

IOReturn IOStateReporter::setStateByIndices(int channel_index, int new_state_index) {
    return ChannelsOf<StateChannels>(this).EnterByIndex(channel_index, new_state_index);
}

IOReturn IOStateReporter::setStateByIndices(int channel_index, int new_state_index,
                                            uint64_t /*last_intransition*/,
                                            uint64_t /*prev_state_residency*/) {
    return setStateByIndices(channel_index, new_state_index);
}

uint64_t IOStateReporter::getStateInTransitions(uint64_t channel_id, uint64_t state_id) {
    const auto values = ChannelsOf<StateChannels>(this).Values(channel_id, state_id);
    return values ? values->intransitions : kIOReportInvalidValue;
}

uint64_t IOStateReporter::getStateResidencyTime(uint64_t channel_id, uint64_t state_id) {
    const auto values = ChannelsOf<StateChannels>(this).Values(channel_id, state_id);
    return values ? values->upticks : kIOReportInvalidValue;
}

uint64_t IOStateReporter::getStateLastTransitionTime(uint64_t channel_id, uint64_t state_id) {
    const auto values = ChannelsOf<StateChannels>(this).Values(channel_id, state_id);
    return values ? values->last_intransition : kIOReportInvalidValue;
}

uint64_t IOStateReporter::getStateLastChannelUpdateTime(uint64_t channel_id) {
    return ChannelsOf<StateChannels>(this).LastUpdate(channel_id).value_or(kIOReportInvalidValue);
}

bool IOHistogramReporter::initWith(IOService *reportingService, IOReportCategories categories,
                                   uint64_t channelID, const char *channelName, IOReportUnit unit,
                                   int nSegments, IOHistogramSegmentConfig *config) {
    const EntryId provider = ProviderOf(reportingService);
    if (provider == EntryId::kNone || nSegments < 1 || config == nullptr) {
        return false;
    }
    std::vector<IOHistogramSegmentConfig> segments(config, config + nSegments);
    auto bounds = HistogramChannel::BoundsOf(segments);
    if (!bounds || !init()) {
        return false;
    }
    auto channel = std::make_unique<HistogramChannel>(provider, categories, unit,
                                                      *std::move(bounds), std::move(segments));
    static_cast<void>(channel->Add(channelID, channelName));
    IOReporter::ivars->channels = std::move(channel);
    return true;
}

OSPtr<IOHistogramReporter> IOHistogramReporter::with(IOService *reportingService,
                                                     IOReportCategories categories,
                                                     uint64_t channelID, const char *channelName,
                                                     IOReportUnit unit, int nSegments,
                                                     IOHistogramSegmentConfig *config) {
    IOHistogramReporter *reporter = OSTypeAlloc(IOHistogramReporter);
    if (reporter != nullptr && !reporter->initWith(reportingService, categories, channelID,
                                                   channelName, unit, nSegments, config)) {
        OSSafeReleaseNULL(reporter);
    }
    return reporter;
}

IOReturn IOHistogramReporter::addChannel(uint64_t /*channelID*/, const char * /*channelName*/) {
    return kIOReturnUnsupported;
}

IOReturn IOHistogramReporter::overrideBucketValues(unsigned int index, uint64_t bucket_hits,
                                                   int64_t bucket_min, int64_t bucket_max,
                                                   int64_t bucket_sum) {
    return ChannelsOf<HistogramChannel>(this).Override(index, {.bucket_hits = bucket_hits,
                                                               .bucket_min = bucket_min,
                                                               .bucket_max = bucket_max,
                                                               .bucket_sum = bucket_sum});
}

int IOHistogramReporter::tallyValue(int64_t value) {
    return ChannelsOf<HistogramChannel>(this).Tally(value);
}
