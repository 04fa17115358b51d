// SPDX-License-Identifier: Apache-2.0
#include <IOKit/IOKitLib.h>
#include <stdio.h>

#include "ring_size.h"

int main(void) {
    const io_service_t service =
        IOServiceGetMatchingService(kIOMainPortDefault, IOServiceNameMatching("RingDriver"));
    printf("%d slots: %s\n", ring_size(), service != 0 ? "found" : "none");
    IOObjectRelease(service);
    return service != 0 ? 0 : 3;
}
