// SPDX-License-Identifier: Apache-2.0
// serial-line-app SEND EXPECT: sends a text through the SerialLine driver, then waits for the other one.
#include <IOKit/IOKitLib.h>
#include <mach/mach.h>
#include <stdio.h>
#include <string.h>

#include <string>

#include "../driver/SerialLineProtocol.h"

namespace {

int fail(const char *what, kern_return_t ret) {
    fprintf(stderr, "serial-line-app: %s: 0x%08x\n", what, static_cast<unsigned>(ret));
    return 1;
}

int exchange(io_connect_t connection, const char *send, const std::string &expected) {
    kern_return_t ret = IOConnectCallStructMethod(connection, kSerialLineWrite, send, strlen(send),
                                                  nullptr, nullptr);
    if (ret != kIOReturnSuccess) {
        return fail("cannot send", ret);
    }
    std::string received(expected.size(), '\0');
    size_t size = received.size();
    ret =
        IOConnectCallStructMethod(connection, kSerialLineRead, nullptr, 0, received.data(), &size);
    if (ret != kIOReturnSuccess) {
        return fail("cannot receive", ret);
    }
    if (received != expected) {
        fprintf(stderr, "serial-line-app: received \"%s\"\n", received.c_str());
        return 1;
    }
    printf("sent and received what was to be\n");
    return 0;
}

}  // namespace

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: serial-line-app SEND EXPECT\n");
        return 2;
    }
    const io_service_t service =
        IOServiceGetMatchingService(kIOMainPortDefault, IOServiceNameMatching("SerialLine"));
    io_connect_t connection = IO_OBJECT_NULL;
    const kern_return_t ret = service == IO_OBJECT_NULL
                                  ? kIOReturnNotFound
                                  : IOServiceOpen(service, mach_task_self(), 0, &connection);
    if (ret != kIOReturnSuccess) {
        return fail("SerialLine cannot be opened", ret);
    }
    const int status = exchange(connection, argv[1], argv[2]);
    IOServiceClose(connection);
    IOObjectRelease(service);
    return status;
}
