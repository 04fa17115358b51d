// SPDX-License-Identifier: Apache-2.0
// An application that opens the misbehaving driver and closes it: a line in the driver's log. With arguments
// SELECTOR STATUS it calls that method meanwhile, whatever comes of it, and ends with that status.
#include <cstdlib>

#include <IOKit/IOKitLib.h>

int main(int argc, char **argv) {
    const io_service_t service =
        IOServiceGetMatchingService(kIOMainPortDefault, IOServiceNameMatching("ProbeService"));
    io_connect_t connect = IO_OBJECT_NULL;
    const kern_return_t result = IOServiceOpen(service, mach_task_self(), 0, &connect);
    if (result == kIOReturnSuccess && argc > 2) {
        const auto selector = static_cast<uint32_t>(std::atoi(argv[1]));
        static_cast<void>(
            IOConnectCallScalarMethod(connect, selector, nullptr, 0, nullptr, nullptr));
        IOServiceClose(connect);
        return std::atoi(argv[2]);
    }
    return result == kIOReturnSuccess ? IOServiceClose(connect) : 1;
}
