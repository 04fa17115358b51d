// SPDX-License-Identifier: Apache-2.0
#include "MirrorService.h"

#include <DriverKit/IOUserClient.h>

kern_return_t IMPL(MirrorService, Start) {
    const kern_return_t ret = Start(provider, SUPERDISPATCH);
    return ret == kIOReturnSuccess ? RegisterService() : ret;
}

kern_return_t IMPL(MirrorService, NewUserClient) {
    (void)type;
    IOService *client = nullptr;
    const kern_return_t ret = Create(this, "UserClientProperties", &client);
    if (ret == kIOReturnSuccess) {
        *userClient = OSDynamicCast(IOUserClient, client);
    }
    return ret;
}
