// SPDX-License-Identifier: Apache-2.0
// IOReportLegend, and IOService's part of reports.
#include <new>
#include <utility>

#include <DriverKit/OSCollections.h>
#include <DriverKit/OSSharedPtr.h>

#include "runtime/service/property_objects.h"
#include "runtime/service/reporter_state.h"
#include "runtime/service/service_state.h"

struct IOReportLegend_IVars {
    OSSharedPtr<OSArray> entries;
};

bool IOReportLegend::init() {
    if (!super::init()) {
        return false;
    }
    ivars = new (std::nothrow) IOReportLegend_IVars;
    return ivars != nullptr;
}

void IOReportLegend::free() {
    delete std::exchange(ivars, nullptr);
    super::free();
}

OSPtr<IOReportLegend> IOReportLegend::with(OSArray *legend) {
    OSSharedPtr<IOReportLegend> made(OSTypeAlloc(IOReportLegend), OSNoRetain);
    if (!made || !made->init()) {
        return nullptr;
    }
    made->ivars->entries = legend != nullptr
                               ? OSSharedPtr<OSArray>(legend, OSRetain)
                               : OSSharedPtr<OSArray>(OSArray::withCapacity(1), OSNoRetain);
    return made->ivars->entries ? made.detach() : nullptr;
}

IOReturn IOReportLegend::addLegendEntry(IOReportLegendEntry *legendEntry, const char *groupName,
                                        const char *subGroupName) {
    if (legendEntry == nullptr || (groupName == nullptr && subGroupName != nullptr)) {
        return kIOReturnBadArgument;
    }
    if (groupName != nullptr) {
        OSDictionarySetStringValue(legendEntry, kIOReportLegendGroupNameKey, groupName);
    }
    if (subGroupName != nullptr) {
        OSDictionarySetStringValue(legendEntry, kIOReportLegendSubGroupNameKey, subGroupName);
    }
    return ivars->entries->setObject(legendEntry) ? kIOReturnSuccess : kIOReturnNoMemory;
}

IOReturn IOReportLegend::addReporterLegend(IOReporter *reporter, const char *groupName,
                                           const char *subGroupName) {
    const OSSharedPtr<IOReportLegendEntry> entry(
        reporter != nullptr ? reporter->createLegend() : nullptr, OSNoRetain);
    return entry ? addLegendEntry(entry.get(), groupName, subGroupName) : kIOReturnError;
}

IOReturn IOReportLegend::addReporterLegend(IOService *reportingService, IOReporter *reporter,
                                           const char *groupName, const char *subGroupName) {
    if (reportingService == nullptr || reporter == nullptr) {
        return kIOReturnError;
    }
    OSSharedPtr<OSDictionary> properties;
    if (const IOReturn status = reportingService->CopyProperties(properties.attach());
        status != kIOReturnSuccess) {
        return status;
    }
    const OSSharedPtr<IOReportLegend> legend(
        IOReportLegend::with(OSDynamicCast(OSArray, properties->getObject(kIOReportLegendKey))),
        OSNoRetain);
    if (!legend) {
        return kIOReturnNoMemory;
    }
    const IOReturn status = legend->addReporterLegend(reporter, groupName, subGroupName);
    return status == kIOReturnSuccess ? reportingService->SetLegend(legend->getLegend(), true)
                                      : status;
}

OSArray *IOReportLegend::getLegend() {
    return ivars->entries.get();
}

IOReturn IOService::SetLegend_Impl(OSArray *legend, bool is_public) {
    const auto entries = legend != nullptr ? opendext::service::ToPropertyValue(legend)
                                           : std::optional<opendext::PropertyValue>();
    if (!entries) {
        return kIOReturnError;
    }
    if (ivars == nullptr || ivars->context == nullptr) {
        return kIOReturnNotAttached;
    }
    return ivars->context->registry->MergeProperties(
        ivars->entry, opendext::PropertyValue(opendext::PropertyValue::Dictionary{
                          {kIOReportLegendKey, *entries},
                          {kIOReportLegendPublicKey, opendext::PropertyValue(is_public)}}));
}

IOReturn IOService::ConfigureReport_Impl(OSData *channels, uint32_t /*action*/,
                                         uint32_t *outCount) {
    return channels != nullptr && outCount != nullptr ? kIOReturnSuccess : kIOReturnBadArgument;
}

IOReturn IOService::UpdateReport_Impl(OSData *channels, uint32_t /*action*/,
                                      uint32_t *outElementCount, uint64_t /*offset*/,
                                      uint64_t /*capacity*/, IOMemoryDescriptor *buffer) {
    return channels != nullptr && outElementCount != nullptr && buffer != nullptr
               ? kIOReturnSuccess
               : kIOReturnBadArgument;
}
