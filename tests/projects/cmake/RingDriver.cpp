// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/DriverKit.h>
#include <os/log.h>

#include "RingDriver.h"
#include "ring_size.h"

#if RING_KIND != 3
#error "the definitions of the CMakeLists.txt are missing"
#endif
static_assert(__cplusplus >= 202002L, "the language standard of the CMakeLists.txt is missing");

kern_return_t IMPL(RingDriver, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret == kIOReturnSuccess) {
        os_log(OS_LOG_DEFAULT, "ring: %d slots", ring_size());
        ret = RegisterService();
    }
    return ret;
}
