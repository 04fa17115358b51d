// SPDX-License-Identifier: Apache-2.0
#include "Services.h"

#include <CoreFoundation/CoreFoundation.h>
#include <mach/mach.h>
#include <stdio.h>

namespace {

// Takes the first service of an iterator, and empties it: it reports nothing more otherwise.
void takeFirst(void *context, io_iterator_t iterator) {
    auto *found = static_cast<io_service_t *>(context);
    while (const io_service_t service = IOIteratorNext(iterator)) {
        if (*found == IO_OBJECT_NULL) {
            *found = service;
            CFRunLoopStop(CFRunLoopGetCurrent());
        } else {
            IOObjectRelease(service);
        }
    }
}

// +1, or IO_OBJECT_NULL.
io_service_t awaitService(const char *name, double seconds) {
    IONotificationPortRef port = IONotificationPortCreate(kIOMainPortDefault);
    if (port == nullptr) {
        return IO_OBJECT_NULL;
    }
    CFRunLoopAddSource(CFRunLoopGetCurrent(), IONotificationPortGetRunLoopSource(port),
                       kCFRunLoopDefaultMode);
    io_service_t found = IO_OBJECT_NULL;
    io_iterator_t iterator = IO_OBJECT_NULL;
    if (IOServiceAddMatchingNotification(port, kIOFirstMatchNotification,
                                         IOServiceNameMatching(name), takeFirst, &found,
                                         &iterator) == kIOReturnSuccess) {
        takeFirst(&found, iterator);
        if (found == IO_OBJECT_NULL) {
            CFRunLoopRunInMode(kCFRunLoopDefaultMode, seconds, false);
        }
        IOObjectRelease(iterator);
    }
    IONotificationPortDestroy(port);
    return found;
}

}  // namespace

Connection::~Connection() {
    if (connection_ != IO_OBJECT_NULL) {
        IOServiceClose(connection_);
    }
}

kern_return_t Connection::open(const char *serviceName, double seconds) {
    const io_service_t service = awaitService(serviceName, seconds);
    if (service == IO_OBJECT_NULL) {
        return kIOReturnNoDevice;
    }
    const kern_return_t ret = IOServiceOpen(service, mach_task_self(), 0, &connection_);
    IOObjectRelease(service);
    return ret;
}

std::string describeError(kern_return_t error) {
    static constexpr struct {
        kern_return_t error;
        const char *text;
    } kTexts[] = {
        {kIOReturnNoDevice,
         "no device is there: start the driver with one (opendext run Firmware.dext --device "
         "model:usb-firmware --app ./firmware-app)"},
        {kIOReturnNotPermitted, "the device refused the image: its SHA-256 is not the header's"},
        {kIOReturnBadArgument, "that is no firmware image: make one with 'firmware-app pack'"},
        {kIOReturnBusy, "another download is under way: wait for its end"},
        {kIOReturnAborted, "the device or the driver went away in the middle: try again"},
        {kIOReturnTimeout, "the device did not answer in time: plug it in again"},
    };
    char code[16];
    snprintf(code, sizeof(code), "0x%08x", static_cast<unsigned>(error));
    for (const auto &entry : kTexts) {
        if (entry.error == error) {
            return std::string(entry.text) + " (" + code + ")";
        }
    }
    return std::string("error ") + code + ": the driver's log may say more";
}
