// SPDX-License-Identifier: Apache-2.0
#include "host/service_reports.h"

#include <cstddef>
#include <cstring>

#include <DriverKit/IOBufferMemoryDescriptor.h>
#include <DriverKit/IOReportTypes.h>
#include <DriverKit/IOService.h>
#include <DriverKit/OSData.h>
#include <DriverKit/OSSharedPtr.h>

namespace opendext::host {

namespace {

OSSharedPtr<OSData> ChannelList(const std::vector<uint64_t> &channels) {
    std::vector<IOReportChannel> list(channels.size() / 2);
    for (size_t i = 0; i < list.size(); ++i) {
        list[i].channel_id = channels[2 * i];
        std::memcpy(&list[i].channel_type, &channels[(2 * i) + 1], sizeof list[i].channel_type);
    }
    std::vector<uint8_t> bytes(offsetof(IOReportChannelList, channels) +
                               (list.size() * sizeof(IOReportChannel)));
    const auto count = static_cast<uint32_t>(list.size());
    std::memcpy(bytes.data(), &count, sizeof count);
    if (!list.empty()) {
        std::memcpy(bytes.data() + offsetof(IOReportChannelList, channels), list.data(),
                    list.size() * sizeof(IOReportChannel));
    }
    return {OSData::withBytes(bytes.data(), bytes.size()), OSNoRetain};
}

std::expected<std::vector<uint8_t>, int32_t> CopyElements(IOService *service, OSData *channels) {
    uint32_t num_wanted = 0;
    IOReturn status = service->ConfigureReport(channels, kIOReportGetDimensions, &num_wanted);
    if (status != kIOReturnSuccess) {
        return std::unexpected(status);
    }
    if (num_wanted > kMostElements) {
        return std::unexpected(kIOReturnOverrun);
    }
    if (num_wanted == 0) {
        return std::vector<uint8_t>();
    }
    const size_t num_bytes = num_wanted * sizeof(IOReportElement);
    OSSharedPtr<IOBufferMemoryDescriptor> buffer;
    status =
        IOBufferMemoryDescriptor::Create(kIOMemoryDirectionInOut, num_bytes, 0, buffer.attach());
    if (status != kIOReturnSuccess) {
        return std::unexpected(status);
    }
    uint32_t num_elements = 0;
    status = service->UpdateReport(channels, kIOReportCopyChannelData, &num_elements, 0, num_bytes,
                                   buffer.get());
    IOAddressSegment range = {};
    if (status == kIOReturnSuccess) {
        status = buffer->GetAddressRange(&range);
    }
    if (status != kIOReturnSuccess || num_elements > num_wanted) {
        return std::unexpected(status != kIOReturnSuccess ? status : kIOReturnOverrun);
    }
    const auto *bytes = reinterpret_cast<const uint8_t *>(range.address);
    return std::vector<uint8_t>(bytes, bytes + (num_elements * sizeof(IOReportElement)));
}

}  // namespace

std::expected<std::vector<uint8_t>, int32_t> ReadReportsOf(IOService *service,
                                                           const std::vector<uint64_t> &channels) {
    const OSSharedPtr<OSData> list = ChannelList(channels);
    if (!list) {
        return std::unexpected(kIOReturnNoMemory);
    }
    uint32_t num_channels = 0;
    const IOReturn status = service->ConfigureReport(list.get(), kIOReportEnable, &num_channels);
    if (status != kIOReturnSuccess) {
        return std::unexpected(status);
    }
    auto elements = CopyElements(service, list.get());
    static_cast<void>(service->ConfigureReport(list.get(), kIOReportDisable, &num_channels));
    return elements;
}

}  // namespace opendext::host
