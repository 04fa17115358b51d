// SPDX-License-Identifier: Apache-2.0
#include "Download.h"

#include <CoreFoundation/CoreFoundation.h>

namespace {

struct Progress {
    ShowProgress show;
    bool isOver;
    kern_return_t result;
};

void completed(void *refcon, IOReturn result, void **args, uint32_t numArgs) {
    auto *progress = static_cast<Progress *>(refcon);
    const auto word = [&](uint32_t index) {
        return index < numArgs ? static_cast<uint64_t>(reinterpret_cast<uintptr_t>(args[index]))
                               : 0;
    };
    if (result == kIOReturnSuccess) {
        progress->show(word(kFirmwareProgressDoneBytes), word(kFirmwareProgressTotalBytes));
    }
    if (result != kIOReturnSuccess || word(kFirmwareProgressPhase) == kFirmwarePhaseDone) {
        progress->isOver = true;
        progress->result = result;
        CFRunLoopStop(CFRunLoopGetCurrent());
    }
}

}  // namespace

kern_return_t downloadFirmware(io_connect_t loader, const FirmwareImage &image, ShowProgress show) {
    IONotificationPortRef port = IONotificationPortCreate(kIOMainPortDefault);
    if (port == nullptr) {
        return kIOReturnNoMemory;
    }
    CFRunLoopAddSource(CFRunLoopGetCurrent(), IONotificationPortGetRunLoopSource(port),
                       kCFRunLoopDefaultMode);
    Progress progress = {show, false, kIOReturnError};
    io_async_ref64_t reference = {};
    reference[kIOAsyncCalloutFuncIndex] = reinterpret_cast<io_user_reference_t>(&completed);
    reference[kIOAsyncCalloutRefconIndex] = reinterpret_cast<io_user_reference_t>(&progress);
    kern_return_t ret = IOConnectCallAsyncStructMethod(
        loader, kLoaderDownload, IONotificationPortGetMachPort(port), reference,
        kIOAsyncCalloutCount, image.data(), image.size(), nullptr, nullptr);
    if (ret == kIOReturnSuccess) {
        while (!progress.isOver &&
               CFRunLoopRunInMode(kCFRunLoopDefaultMode, 30, false) == kCFRunLoopRunStopped) {}
        ret = progress.isOver ? progress.result : kIOReturnTimeout;
    }
    IONotificationPortDestroy(port);
    return ret;
}
