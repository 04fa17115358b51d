// SPDX-License-Identifier: Apache-2.0
#include <IOKit/IOKitLib.h>
#include <cstdio>

#include "client_text.h"

int main() {
    const io_service_t service =
        IOServiceGetMatchingService(kIOMainPortDefault, IOServiceNameMatching("RingDriver"));
    std::printf("%s: %s\n", client_text(), service != 0 ? "found" : "none");
    IOObjectRelease(service);
    return service != 0 ? 0 : 3;
}
