// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/DriverKit.h>
#include <os/log.h>

#include "RingDriver.h"
#include "ring_parts.h"

kern_return_t IMPL(RingDriver, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret == kIOReturnSuccess) {
        os_log(OS_LOG_DEFAULT, "ring: %d parts, %d more", ring_parts(), ring_more_parts());
        ret = RegisterService();
    }
    return ret;
}
