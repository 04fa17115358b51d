// SPDX-License-Identifier: Apache-2.0
#include "MisuseStart.h"

#include <DriverKit/IOBufferMemoryDescriptor.h>
#include <DriverKit/IODMACommand.h>
#include <DriverKit/IOLib.h>
#include <PCIDriverKit/PCIDriverKit.h>

kern_return_t MisuseStart::PrepareMemory(IOService *provider) {
    IOBufferMemoryDescriptor *buffer = nullptr;
    kern_return_t ret =
        IOBufferMemoryDescriptor::Create(kIOMemoryDirectionInOut, IOVMPageSize, 0, &buffer);
    IODMACommandSpecification specification = {};
    IODMACommand *command = nullptr;
    if (ret == kIOReturnSuccess) {
        ret = IODMACommand::Create(provider, 0, &specification, &command);
    }
    uint64_t flags = 0;
    uint32_t count = 1;
    IOAddressSegment segments[32] = {};
    if (ret == kIOReturnSuccess) {
        ret = command->PrepareForDMA(0, buffer, 0, 0, &flags, &count, segments);
    }
    IOMemoryMap *map = nullptr;
    return ret == kIOReturnSuccess ? buffer->CreateMapping(0, 0, 0, 0, 0, &map) : ret;
}

kern_return_t MisuseStart::StartTimer() {
    IODispatchQueue *queue = nullptr;
    IOTimerDispatchSource *timer = nullptr;
    OSAction *action = nullptr;
    kern_return_t ret = CopyDispatchQueue(kIOServiceDefaultQueueName, &queue);
    if (ret == kIOReturnSuccess) {
        ret = IOTimerDispatchSource::Create(queue, &timer);
    }
    if (ret == kIOReturnSuccess) {
        ret = CreateActionTimeIsUp(0, &action);
    }
    return ret == kIOReturnSuccess ? timer->SetHandler(action) : ret;
}

kern_return_t IMPL(MisuseStart, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    IOPCIDevice *pci = OSDynamicCast(IOPCIDevice, provider);
    if (ret == kIOReturnSuccess) {
        ret = pci->Open(this, 0);
    }
    if (ret == kIOReturnSuccess) {
        ret = PrepareMemory(provider);
    }
    if (ret == kIOReturnSuccess) {
        ret = StartTimer();
    }
    return ret == kIOReturnSuccess ? kIOReturnNoResources : ret;
}

void IMPL(MisuseStart, TimeIsUp) {
    (void)action;
    (void)time;
}
