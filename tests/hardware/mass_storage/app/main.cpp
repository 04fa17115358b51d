// SPDX-License-Identifier: Apache-2.0
// mass-storage-app check: reads from the disk of the MassStorage driver and compares: each 32-bit word, little-endian, of
// the emulated disk is its own number.
// mass-storage-app measure TRANSFERS AT_A_TIME RUNS: reads as fast as the driver can; prints the best run in MB/s.
#include <CoreFoundation/CoreFoundation.h>
#include <IOKit/IOKitLib.h>
#include <mach/mach.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <algorithm>
#include <vector>

#include "../driver/MassStorageProtocol.h"

namespace {

constexpr CFTimeInterval kTimeoutSeconds = 100;

int fail(const char *what, kern_return_t ret) {
    fprintf(stderr, "mass-storage-app: %s: 0x%08x\n", what, static_cast<unsigned>(ret));
    return 1;
}

bool isDiskContent(const std::vector<uint8_t> &bytes, uint64_t offset) {
    for (size_t i = 0; i < bytes.size(); i += sizeof(uint32_t)) {
        uint32_t word = 0;
        memcpy(&word, &bytes[i], sizeof(word));
        if (word != (offset + i) / sizeof(word)) {
            return false;
        }
    }
    return true;
}

int check(io_connect_t connection) {
    uint64_t capacity[2] = {};
    uint32_t count = 2;
    kern_return_t ret = IOConnectCallScalarMethod(connection, kMassStorageGetCapacity, nullptr, 0,
                                                  capacity, &count);
    if (ret != kIOReturnSuccess) {
        return fail("no capacity", ret);
    }
    const auto [numBlocks, blockBytes] = capacity;
    printf("%llu blocks of %llu bytes\n", static_cast<unsigned long long>(numBlocks),
           static_cast<unsigned long long>(blockBytes));
    // One block; what travels in the call; the application's own memory; the last block.
    const uint64_t reads[][2] = {{1, 1}, {7, 8}, {100, 128}, {1000, 2048}, {numBlocks - 1, 1}};
    for (const auto &[block, length] : reads) {
        const uint64_t input[2] = {block, length};
        std::vector<uint8_t> data(length * blockBytes);
        size_t size = data.size();
        ret = IOConnectCallMethod(connection, kMassStorageRead, input, 2, nullptr, 0, nullptr,
                                  nullptr, data.data(), &size);
        if (ret != kIOReturnSuccess) {
            return fail("cannot read", ret);
        }
        if (size != data.size() || !isDiskContent(data, block * blockBytes)) {
            return fail("the disk has other content", kIOReturnError);
        }
    }
    const uint64_t beyond[2] = {numBlocks, 1};
    uint8_t data[512];
    size_t size = sizeof(data);
    ret = IOConnectCallMethod(connection, kMassStorageRead, beyond, 2, nullptr, 0, nullptr, nullptr,
                              data, &size);
    if (ret != kIOReturnBadArgument) {
        return fail("a block beyond the end is not refused", ret);
    }
    printf("the disk has the content that it should have\n");
    return 0;
}

struct Event {
    bool has_come;
    IOReturn result;
    uint64_t numBytes;
    uint64_t nanoseconds;
};

// An event of two words: they are the arguments.
void onEvent(void *refcon, IOReturn result, void *bytes, void *nanoseconds) {
    Event *event = static_cast<Event *>(refcon);
    event->has_come = true;
    event->result = result;
    event->numBytes = reinterpret_cast<uint64_t>(bytes);
    event->nanoseconds = reinterpret_cast<uint64_t>(nanoseconds);
    CFRunLoopStop(CFRunLoopGetCurrent());
}

/// @return MB/s, or 0 after an error.
double measureOnce(io_connect_t connection, IONotificationPortRef port, const uint64_t input[2]) {
    Event event = {};
    io_async_ref64_t reference = {};
    reference[kIOAsyncCalloutFuncIndex] = reinterpret_cast<uint64_t>(&onEvent);
    reference[kIOAsyncCalloutRefconIndex] = reinterpret_cast<uint64_t>(&event);
    kern_return_t ret = IOConnectCallAsyncScalarMethod(
        connection, kMassStorageMeasure, IONotificationPortGetMachPort(port), reference,
        kIOAsyncCalloutCount, input, 2, nullptr, nullptr);
    if (ret == kIOReturnSuccess) {
        CFRunLoopRunInMode(kCFRunLoopDefaultMode, kTimeoutSeconds, false);
        ret = event.has_come ? event.result : kIOReturnTimeout;
    }
    if (ret != kIOReturnSuccess) {
        fail("cannot measure", ret);
        return 0;
    }
    constexpr double kBytesPerNanosecondToMBps = 1000;
    return static_cast<double>(event.numBytes) / static_cast<double>(event.nanoseconds) *
           kBytesPerNanosecondToMBps;
}

int measure(io_connect_t connection, uint64_t numTransfers, uint64_t numAtATime, int numRuns) {
    IONotificationPortRef port = IONotificationPortCreate(kIOMainPortDefault);
    CFRunLoopAddSource(CFRunLoopGetCurrent(), IONotificationPortGetRunLoopSource(port),
                       kCFRunLoopDefaultMode);
    const uint64_t input[2] = {numTransfers, numAtATime};
    double best = 0;
    for (int i = 0; i < numRuns; ++i) {
        const double speed = measureOnce(connection, port, input);
        if (speed == 0) {
            return 1;
        }
        best = std::max(best, speed);
    }
    printf("%.2f MB/s\n", best);
    IONotificationPortDestroy(port);
    return 0;
}

}  // namespace

int main(int argc, char **argv) {
    const bool isCheck = argc == 2 && strcmp(argv[1], "check") == 0;
    const bool isMeasure = argc == 5 && strcmp(argv[1], "measure") == 0;
    if (!isCheck && !isMeasure) {
        fprintf(stderr, "usage: mass-storage-app check | measure TRANSFERS AT_A_TIME RUNS\n");
        return 2;
    }
    const io_service_t service =
        IOServiceGetMatchingService(kIOMainPortDefault, IOServiceNameMatching("MassStorageDisk"));
    io_connect_t connection = IO_OBJECT_NULL;
    const kern_return_t ret = service == IO_OBJECT_NULL
                                  ? kIOReturnNotFound
                                  : IOServiceOpen(service, mach_task_self(), 0, &connection);
    if (ret != kIOReturnSuccess) {
        return fail("MassStorageDisk cannot be opened", ret);
    }
    const int status = isCheck ? check(connection)
                               : measure(connection, strtoull(argv[2], nullptr, 10),
                                         strtoull(argv[3], nullptr, 10), atoi(argv[4]));
    IOServiceClose(connection);
    IOObjectRelease(service);
    return status;
}
