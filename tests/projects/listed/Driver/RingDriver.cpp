// SPDX-License-Identifier: Apache-2.0
// Includes by name alone what lies elsewhere in the project, and its own interface as <bundle.id/Class.h> too.
#include <DriverKit/DriverKit.h>
#include <os/log.h>

#include <org.opendext.test.ring.driver/RingDriver.h>
#include "RingDriver.h"
#include "ring_size.h"

#if RING_SLOTS != 16 || RING_KIND != 3
#error "the definitions of the project are missing"
#endif
static_assert(__cplusplus >= 202002L, "the language standard of the project is missing");

extern int ring_next(int slot);
extern "C" int ring_library_version(void);

kern_return_t IMPL(RingDriver, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret == kIOReturnSuccess) {
        os_log(OS_LOG_DEFAULT, "ring: %d slots, then slot %d, library %d", ring_size(),
               ring_next(RING_SLOTS - 1), ring_library_version());
        ret = RegisterService();
    }
    return ret;
}
