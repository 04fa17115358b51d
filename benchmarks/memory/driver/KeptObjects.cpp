// SPDX-License-Identifier: Apache-2.0
#include "KeptObjects.h"

#include <DriverKit/IOBufferMemoryDescriptor.h>
#include <DriverKit/IOLib.h>
#include <DriverKit/IOMemoryMap.h>

kern_return_t KeptObjects::Make(uint64_t number, kern_return_t (*make)(OSObject **object)) {
    if (number == 0) {
        return kIOReturnSuccess;
    }
    objects = IONewZero(OSObject *, number);
    if (objects == nullptr) {
        return kIOReturnNoMemory;
    }
    capacity = number;
    for (count = 0; count < number; ++count) {
        const kern_return_t ret = make(&objects[count]);
        if (ret != kIOReturnSuccess) {
            return ret;
        }
    }
    return kIOReturnSuccess;
}

void KeptObjects::Clear() {
    for (uint64_t i = 0; i < count; ++i) {
        objects[i]->release();
    }
    IOSafeDeleteNULL(objects, OSObject *, capacity);
    count = 0;
    capacity = 0;
}

kern_return_t MakeKeptBuffer(OSObject **object) {
    IOBufferMemoryDescriptor *buffer = nullptr;
    kern_return_t ret = IOBufferMemoryDescriptor::Create(kIOMemoryDirectionInOut, 4096, 0, &buffer);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    IOAddressSegment range = {};
    ret = buffer->GetAddressRange(&range);
    if (ret != kIOReturnSuccess) {
        buffer->release();
        return ret;
    }
    *object = buffer;
    return kIOReturnSuccess;
}

kern_return_t MakeKeptMapping(OSObject **object) {
    IOBufferMemoryDescriptor *buffer = nullptr;
    kern_return_t ret = IOBufferMemoryDescriptor::Create(kIOMemoryDirectionInOut, 4096, 0, &buffer);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    IOMemoryMap *map = nullptr;
    ret = buffer->CreateMapping(0, 0, 0, 0, 0, &map);
    buffer->release();
    *object = map;
    return ret;
}
