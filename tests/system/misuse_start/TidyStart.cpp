// SPDX-License-Identifier: Apache-2.0
#include "TidyStart.h"

#include <DriverKit/IOBufferMemoryDescriptor.h>
#include <DriverKit/IOLib.h>

kern_return_t IMPL(TidyStart, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    IODispatchQueue *queue = nullptr;
    IOTimerDispatchSource *timer = nullptr;
    OSAction *action = nullptr;
    IOBufferMemoryDescriptor *buffer = nullptr;
    if (ret == kIOReturnSuccess) {
        ret = IODispatchQueue::Create("Tidy", 0, 0, &queue);
    }
    if (ret == kIOReturnSuccess) {
        ret = IOTimerDispatchSource::Create(queue, &timer);
    }
    if (ret == kIOReturnSuccess) {
        ret = CreateActionTimeIsUp(0, &action);
    }
    if (ret == kIOReturnSuccess) {
        ret = timer->SetHandler(action);
    }
    if (ret == kIOReturnSuccess) {
        ret = IOBufferMemoryDescriptor::Create(kIOMemoryDirectionInOut, IOVMPageSize, 0, &buffer);
    }
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    OSSafeReleaseNULL(action);
    timer->Cancel(^{
        timer->release();
        buffer->release();
    });
    OSSafeReleaseNULL(queue);
    return kIOReturnNoResources;
}

void IMPL(TidyStart, TimeIsUp) {
    (void)action;
    (void)time;
}
