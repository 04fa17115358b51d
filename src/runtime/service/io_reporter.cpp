// SPDX-License-Identifier: Apache-2.0
// IOReporter: what its kinds have in common.
#include <cstring>
#include <new>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <DriverKit/IOMemoryDescriptor.h>
#include <DriverKit/IOMemoryMap.h>
#include <DriverKit/OSCollections.h>
#include <DriverKit/OSSharedPtr.h>

#include "base/checked.h"
#include "runtime/service/reporter_state.h"

using opendext::service::HistogramChannel;
using opendext::service::ReportChannels;

namespace {

// Copied: the list is somebody else's, and not aligned.
std::vector<IOReportChannel> ChannelsIn(const IOReportChannelList &list) {
    std::vector<IOReportChannel> channels(list.nchannels);
    if (!channels.empty()) {
        std::memcpy(channels.data(), list.channels, channels.size() * sizeof(IOReportChannel));
    }
    return channels;
}

// nullopt when it is longer than its data.
std::optional<std::vector<IOReportChannel>> ChannelsIn(OSData *data) {
    constexpr size_t kHeader = offsetof(IOReportChannelList, channels);
    uint32_t count = 0;
    if (data == nullptr || data->getLength() < kHeader) {
        return std::nullopt;
    }
    const auto *bytes = static_cast<const uint8_t *>(data->getBytesNoCopy());
    std::memcpy(&count, bytes, sizeof count);
    if (count > (data->getLength() - kHeader) / sizeof(IOReportChannel)) {
        return std::nullopt;
    }
    std::vector<IOReportChannel> channels(count);
    if (count != 0) {
        std::memcpy(channels.data(), bytes + kHeader, count * sizeof(IOReportChannel));
    }
    return channels;
}

// Calls `each` with the channels of every reporter, until one fails. A reporter of which nobody wants anything is no
// failure.
template <typename Each>
IOReturn ForEachReporter(OSCollection *reporters, Each each) {
    __block IOReturn status = kIOReturnSuccess;
    reporters->iterateObjects(^bool(OSObject *object) {
        auto *reporter = OSDynamicCast(IOReporter, object);
        status = reporter == nullptr || reporter->ivars == nullptr
                     ? kIOReturnUnsupported
                     : each(*reporter->ivars->channels);
        status = status == kIOReturnError ? kIOReturnSuccess : status;
        return status != kIOReturnSuccess;
    });
    return status;
}

OSSharedPtr<OSArray> LegendOf(const ReportChannels::Name &name, const IOReportChannelType &type) {
    uint64_t type_as_number = 0;
    static_assert(sizeof type_as_number == sizeof type);
    std::memcpy(&type_as_number, &type, sizeof type);
    OSSharedPtr<OSArray> channel(OSArray::withCapacity(3), OSNoRetain);
    if (channel) {
        OSArraySetUInt64Value(channel.get(), kOSArrayAppend, name.id);
        OSArraySetUInt64Value(channel.get(), kOSArrayAppend, type_as_number);
        if (name.text) {
            OSArraySetStringValue(channel.get(), kOSArrayAppend, name.text->c_str());
        }
    }
    return channel;
}

}  // namespace

bool IOReporter::init() {
    if (!super::init()) {
        return false;
    }
    ivars = new (std::nothrow) IOReporter_IVars;
    return ivars != nullptr;
}

void IOReporter::free() {
    delete std::exchange(ivars, nullptr);
    super::free();
}

IOReturn IOReporter::addChannel(uint64_t channelID, const char *channelName) {
    return ivars->channels->Add(channelID, channelName);
}

OSPtr<IOReportLegendEntry> IOReporter::createLegend() {
    const std::vector<ReportChannels::Name> names = ivars->channels->Names();
    OSSharedPtr<OSArray> channels(OSArray::withCapacity(static_cast<uint32_t>(names.size())),
                                  OSNoRetain);
    OSSharedPtr<OSDictionary> information(OSDictionary::withCapacity(2), OSNoRetain);
    OSSharedPtr<OSDictionary> entry(OSDictionary::withCapacity(4), OSNoRetain);
    if (names.empty() || !channels || !information || !entry) {
        return nullptr;
    }
    for (const ReportChannels::Name &name : names) {
        channels->setObject(LegendOf(name, ivars->channels->type()).get());
    }
    OSDictionarySetUInt64Value(information.get(), kIOReportLegendUnitKey, ivars->channels->unit());
    if (const auto *histogram = dynamic_cast<const HistogramChannel *>(ivars->channels.get())) {
        const OSSharedPtr<OSData> config(
            OSData::withBytes(histogram->segments().data(),
                              histogram->segments().size() * sizeof(IOHistogramSegmentConfig)),
            OSNoRetain);
        information->setObject(kIOReportLegendConfigKey, config.get());
    }
    entry->setObject(kIOReportLegendChannelsKey, channels.get());
    entry->setObject(kIOReportLegendInfoKey, information.get());
    return entry.detach();
}

IOReturn IOReporter::configureReport(IOReportChannelList *channelList,
                                     IOReportConfigureAction action, uint32_t &elementCount) {
    return channelList == nullptr
               ? kIOReturnError
               : ivars->channels->Configure(ChannelsIn(*channelList), action, elementCount);
}

IOReturn IOReporter::updateReport(IOReportChannelList *channelList, IOReportConfigureAction action,
                                  uint32_t &elementCount, uint8_t *&buffer, size_t &capacity) {
    return channelList == nullptr || buffer == nullptr
               ? kIOReturnError
               : ivars->channels->Update(ChannelsIn(*channelList), action, elementCount, buffer,
                                         capacity);
}

IOReturn IOReporter::configureAllReports(OSCollection *reporters, OSData *channels,
                                         IOReportConfigureAction action, uint32_t *outCount) {
    const auto wanted = ChannelsIn(channels);
    if (reporters == nullptr || !wanted || outCount == nullptr) {
        return kIOReturnBadArgument;
    }
    if (action != kIOReportEnable && action != kIOReportDisable &&
        action != kIOReportGetDimensions) {
        return kIOReturnUnsupported;
    }
    uint32_t count = 0;
    const IOReturn status = ForEachReporter(
        reporters, [&](ReportChannels &each) { return each.Configure(*wanted, action, count); });
    *outCount = count;
    return status;
}

IOReturn IOReporter::updateAllReports(OSCollection *reporters, OSData *channels,
                                      IOReportConfigureAction action, uint32_t *outElementCount,
                                      uint64_t offset, uint64_t capacity,
                                      IOMemoryDescriptor *buffer) {
    const auto wanted = ChannelsIn(channels);
    if (reporters == nullptr || !wanted || outElementCount == nullptr || buffer == nullptr) {
        return kIOReturnBadArgument;
    }
    if (action != kIOReportCopyChannelData) {
        return kIOReturnUnsupported;
    }
    OSSharedPtr<IOMemoryMap> map;
    if (const IOReturn status = buffer->CreateMapping(0, 0, 0, 0, 0, map.attach());
        status != kIOReturnSuccess) {
        return status;
    }
    const auto end = opendext::CheckedAdd(offset, capacity);
    if (!end || *end > map->GetLength()) {
        return kIOReturnOverrun;
    }
    auto *at = reinterpret_cast<uint8_t *>(map->GetAddress()) + offset;
    auto room = static_cast<size_t>(capacity);
    uint32_t count = 0;
    const IOReturn status = ForEachReporter(reporters, [&](ReportChannels &each) {
        return each.Update(*wanted, action, count, at, room);
    });
    *outElementCount = count;
    return status;
}
