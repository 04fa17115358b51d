// SPDX-License-Identifier: Apache-2.0
#include "CoreService.h"

#include <atomic>

#include <DriverKit/IOLib.h>
#include <DriverKit/IOReporters.h>
#include <DriverKit/IOUserClient.h>
#include <DriverKit/OSCollections.h>

#include "CoreNub.h"
#include "CoreProtocol.h"

struct CoreService_IVars {
    IOSimpleReporter *bytes;
    IOStateReporter *link;
    IOHistogramReporter *latency;
    OSSet *reporters;
    std::atomic<IOReturn> report_result;
    std::atomic<uint32_t> state;
    std::atomic<uint64_t> num_changes;
};

bool CoreService::init() {
    ivars = super::init() ? IONewZero(CoreService_IVars, 1) : nullptr;
    return ivars != nullptr;
}

void CoreService::free() {
    if (ivars != nullptr) {
        OSSafeReleaseNULL(ivars->reporters);
        OSSafeReleaseNULL(ivars->bytes);
        OSSafeReleaseNULL(ivars->link);
        OSSafeReleaseNULL(ivars->latency);
    }
    IOSafeDeleteNULL(ivars, CoreService_IVars, 1);
    super::free();
}

kern_return_t IMPL(CoreService, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret == kIOReturnSuccess) {
        ret = MakeReporters();
    }
    return ret == kIOReturnSuccess ? RegisterService() : ret;
}

kern_return_t CoreService::MakeReporters() {
    IOHistogramSegmentConfig buckets = {.base_bucket_width = 10,
                                        .scale_flag = kIOHistogramScaleExponential,
                                        .segment_idx = 0,
                                        .segment_bucket_count = 3};
    ivars->bytes = IOSimpleReporter::with(this, kIOReportCategoryTraffic, kIOReportUnitBytes);
    ivars->link = IOStateReporter::with(this, kIOReportCategoryPower, 2);
    ivars->latency = IOHistogramReporter::with(this, kIOReportCategoryPerformance, kLatencyChannel,
                                               "latency", kIOReportUnit_us, 1, &buckets);
    ivars->reporters = OSSet::withCapacity(3);
    if (ivars->bytes == nullptr || ivars->link == nullptr || ivars->latency == nullptr ||
        ivars->reporters == nullptr) {
        return kIOReturnNoMemory;
    }
    ivars->bytes->addChannel(kBytesChannel, "bytes");
    ivars->link->addChannel(kLinkChannel, "link");
    ivars->link->setStateID(kLinkChannel, 1, IOREPORT_MAKEID('u', 'p', 0, 0, 0, 0, 0, 0));
    kern_return_t ret = kIOReturnSuccess;
    for (IOReporter *reporter :
         {static_cast<IOReporter *>(ivars->bytes), static_cast<IOReporter *>(ivars->link),
          static_cast<IOReporter *>(ivars->latency)}) {
        ivars->reporters->setObject(reporter);
        if (ret == kIOReturnSuccess) {
            ret = IOReportLegend::addReporterLegend(this, reporter, "Core", "Link");
        }
    }
    return ret;
}

IOReturn IMPL(CoreService, ConfigureReport) {
    return IOReporter::configureAllReports(ivars->reporters, channels, action, outCount);
}

IOReturn IMPL(CoreService, UpdateReport) {
    const IOReturn result = ivars->report_result;
    return result != kIOReturnSuccess
               ? result
               : IOReporter::updateAllReports(ivars->reporters, channels, action, outElementCount,
                                              offset, capacity, buffer);
}

IOSimpleReporter *CoreService::Bytes() {
    return ivars->bytes;
}

IOStateReporter *CoreService::Link() {
    return ivars->link;
}

IOHistogramReporter *CoreService::Latency() {
    return ivars->latency;
}

void CoreService::FailReports(IOReturn result) {
    ivars->report_result = result;
}

kern_return_t IMPL(CoreService, NewUserClient) {
    static const char *const kProperties[] = {
        "DataQueueClientProperties", "NotificationClientProperties", "PowerClientProperties",
        "LibraryClientProperties",   "StateClientProperties",        "ReportClientProperties"};
    if (type >= sizeof kProperties / sizeof kProperties[0]) {
        return kIOReturnBadArgument;
    }
    IOService *client = nullptr;
    const kern_return_t ret = Create(this, kProperties[type], &client);
    if (ret == kIOReturnSuccess) {
        *userClient = OSDynamicCast(IOUserClient, client);
    }
    return ret;
}

kern_return_t IMPL(CoreService, SetPowerState) {
    ivars->state = powerFlags;
    ++ivars->num_changes;
    return SetPowerState(powerFlags, SUPERDISPATCH);
}

kern_return_t CoreService::MakeNub(CoreNub **nub) {
    IOService *made = nullptr;
    const kern_return_t ret = Create(this, "NubProperties", &made);
    *nub = OSDynamicCast(CoreNub, made);
    return ret;
}

uint64_t CoreService::PowerState() {
    return ivars->state;
}

uint64_t CoreService::NumPowerChanges() {
    return ivars->num_changes;
}
