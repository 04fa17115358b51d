// SPDX-License-Identifier: Apache-2.0
#include "ProbeService.h"

#include <DriverKit/IOLib.h>
#include <DriverKit/IOUserClient.h>
#include <DriverKit/OSCollections.h>

#include "ProbeProtocol.h"

// Its name is looked for in the backtrace.
__attribute__((noinline)) void CrashAsAsked() {
    volatile int *nowhere = reinterpret_cast<volatile int *>(16);
    *nowhere = 1;
}

bool ProbeService::ShouldStart(const char *wanted) {
    OSContainer *value = nullptr;
    if (SearchProperty("ProbeStart", "IOService", 0, &value) != kIOReturnSuccess) {
        return false;
    }
    OSString *text = OSDynamicCast(OSString, value);
    const bool same = text != nullptr && text->isEqualTo(wanted);
    OSSafeReleaseNULL(value);
    return same;
}

kern_return_t IMPL(ProbeService, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess || ShouldStart("fail")) {
        return ret != kIOReturnSuccess ? ret : kIOReturnNoDevice;
    }
    if (ShouldStart("crash")) {
        CrashAsAsked();
    }
    while (ShouldStart("hang")) {
        IOSleep(1000);
    }
    return RegisterService();
}

kern_return_t IMPL(ProbeService, NewUserClient) {
    if (type == kProbeOpenRefused) {
        return kIOReturnExclusiveAccess;
    }
    if (type == kProbeOpenNothing) {
        *userClient = nullptr;
        return kIOReturnSuccess;
    }
    IOService *client = nullptr;
    const char *properties = type == kProbeOpenNoProperties   ? "NoSuchProperties"
                             : type == kProbeOpenNotPermitted ? "EntitledClientProperties"
                                                              : "UserClientProperties";
    kern_return_t ret = Create(this, properties, &client);
    if (ret == kIOReturnSuccess) {
        *userClient = OSDynamicCast(IOUserClient, client);
    }
    return ret;
}
