// SPDX-License-Identifier: Apache-2.0
#include "BenchService.h"

#include <DriverKit/IOLib.h>
#include <DriverKit/IOUserClient.h>
#include <os/log.h>

kern_return_t IMPL(BenchService, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) {
        os_log(OS_LOG_DEFAULT, "BenchService: base Start failed: 0x%08x", ret);
        return ret;
    }
    return RegisterService();
}

kern_return_t IMPL(BenchService, NewUserClient) {
    IOService *service = nullptr;
    kern_return_t ret = Create(this, "UserClientProperties", &service);
    if (ret != kIOReturnSuccess) {
        os_log(OS_LOG_DEFAULT, "BenchService: no client: 0x%08x", ret);
        return ret;
    }
    *userClient = OSDynamicCast(IOUserClient, service);
    if (*userClient == nullptr) {
        service->release();
        return kIOReturnError;
    }
    return kIOReturnSuccess;
}
