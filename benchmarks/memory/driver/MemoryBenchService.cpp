// SPDX-License-Identifier: Apache-2.0
#include "MemoryBenchService.h"

#include <DriverKit/IOLib.h>
#include <DriverKit/IOUserClient.h>
#include <os/log.h>

kern_return_t IMPL(MemoryBenchService, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) {
        os_log(OS_LOG_DEFAULT, "MemoryBenchService: base Start failed: 0x%08x", ret);
        return ret;
    }
    return RegisterService();
}

kern_return_t IMPL(MemoryBenchService, NewUserClient) {
    IOService *service = nullptr;
    kern_return_t ret = Create(this, "UserClientProperties", &service);
    if (ret != kIOReturnSuccess) {
        os_log(OS_LOG_DEFAULT, "MemoryBenchService: no client: 0x%08x", ret);
        return ret;
    }
    *userClient = OSDynamicCast(IOUserClient, service);
    if (*userClient == nullptr) {
        service->release();
        return kIOReturnError;
    }
    return kIOReturnSuccess;
}
