// SPDX-License-Identifier: Apache-2.0
#include "MisuseService.h"

#include <DriverKit/IOUserClient.h>

kern_return_t IMPL(MisuseService, Start) {
    const kern_return_t ret = Start(provider, SUPERDISPATCH);
    return ret == kIOReturnSuccess ? RegisterService() : ret;
}

kern_return_t IMPL(MisuseService, NewUserClient) {
    (void)type;
    IOService *client = nullptr;
    const kern_return_t ret = Create(this, "UserClientProperties", &client);
    *userClient = OSDynamicCast(IOUserClient, client);
    return ret;
}
