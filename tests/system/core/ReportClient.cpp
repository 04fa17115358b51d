// SPDX-License-Identifier: Apache-2.0
#include "ReportClient.h"

#include <stddef.h>

#include <DriverKit/IOLib.h>
#include <DriverKit/IOReporters.h>
#include <DriverKit/OSCollections.h>
#include <os/signpost.h>

#include "CoreProtocol.h"
#include "CoreService.h"

struct ReportClient_IVars {
    CoreService *service;  // the provider, not retained
};

bool ReportClient::init() {
    ivars = super::init() ? IONewZero(ReportClient_IVars, 1) : nullptr;
    return ivars != nullptr;
}

void ReportClient::free() {
    IOSafeDeleteNULL(ivars, ReportClient_IVars, 1);
    super::free();
}

kern_return_t IMPL(ReportClient, Start) {
    ivars->service = OSDynamicCast(CoreService, provider);
    return Start(provider, SUPERDISPATCH);
}

kern_return_t ReportClient::Read(uint64_t *output) {
    uint8_t bytes[offsetof(IOReportChannelList, channels) + 3 * sizeof(IOReportChannel)] = {};
    const uint32_t count = 3;
    memcpy(bytes, &count, sizeof count);
    for (uint64_t i = 0; i < 3; ++i) {
        const IOReportChannel channel = {.channel_id = i + 1, .channel_type = {}};
        memcpy(bytes + offsetof(IOReportChannelList, channels) + i * sizeof channel, &channel,
               sizeof channel);
    }
    OSData *channels = OSData::withBytes(bytes, sizeof bytes);
    uint32_t num_elements = 0;
    const IOReturn ret =
        ivars->service->ConfigureReport(channels, kIOReportGetDimensions, &num_elements);
    output[0] = num_elements;
    output[1] = static_cast<uint64_t>(ivars->service->Bytes()->getValue(kBytesChannel));
    output[2] = ivars->service->Link()->getStateInTransitions(
        kLinkChannel, IOREPORT_MAKEID('u', 'p', 0, 0, 0, 0, 0, 0));
    OSSafeReleaseNULL(channels);
    return ret;
}

kern_return_t ReportClient::SendEvent(uint64_t options) {
    OSDictionary *payload = OSDictionary::withCapacity(1);
    OSDictionarySetStringValue(payload, "what", "tested");
    const kern_return_t ret =
        CoreAnalyticsSendEvent(options, OSSTR("org.opendext.test.event"), payload);
    OSSafeReleaseNULL(payload);
    return ret;
}

kern_return_t ReportClient::ExternalMethod(uint64_t selector,
                                           IOUserClientMethodArguments *arguments,
                                           const IOUserClientMethodDispatch *, OSObject *, void *) {
    const uint64_t input = arguments->scalarInputCount == 1 ? arguments->scalarInput[0] : 0;
    switch (selector) {
        case kReportAdd:
            return ivars->service->Bytes()->incrementValue(kBytesChannel,
                                                           static_cast<int64_t>(input));
        case kReportEnter:
            return ivars->service->Link()->setStateByIndices(0, static_cast<int>(input));
        case kReportTally:
            return ivars->service->Latency()->tallyValue(static_cast<int64_t>(input)) >= 0
                       ? kIOReturnSuccess
                       : kIOReturnError;
        case kReportRead:
            return arguments->scalarOutputCount == 3 ? Read(arguments->scalarOutput)
                                                     : kIOReturnBadArgument;
        case kReportFail:
            ivars->service->FailReports(static_cast<IOReturn>(input));
            return kIOReturnSuccess;
        case kReportStall:
            return RequireMaxBusStall(input);
        case kReportEvent:
            return SendEvent(input);
        case kReportSignpost:
            os_signpost_interval_begin(OS_LOG_DEFAULT, OS_SIGNPOST_ID_EXCLUSIVE, "read", "%d bytes",
                                       5);
            os_signpost_interval_end(OS_LOG_DEFAULT, OS_SIGNPOST_ID_EXCLUSIVE, "read");
            return kIOReturnSuccess;
        default:
            return kIOReturnBadArgument;
    }
}
