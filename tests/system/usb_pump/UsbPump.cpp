// SPDX-License-Identifier: Apache-2.0
#include "UsbPump.h"

#include <string.h>

#include <initializer_list>

#include <DriverKit/IOBufferMemoryDescriptor.h>
#include <DriverKit/IODispatchQueue.h>
#include <DriverKit/IOLib.h>
#include <DriverKit/IOUserServer.h>
#include <DriverKit/OSAction.h>
#include <DriverKit/OSCollections.h>
#include <USBDriverKit/IOUSBHostInterface.h>
#include <USBDriverKit/IOUSBHostPipe.h>
#include <USBDriverKit/USBDriverKitDefs.h>
#include <os/log.h>

#include "UsbPumpClient.h"
#include "UsbPumpProtocol.h"

struct UsbPumpSlot {
    IOBufferMemoryDescriptor *buffer;
    OSAction *written;
    bool isUnderWay;
};

// All but the queue is touched on the queue.
struct UsbPump_IVars {
    IODispatchQueue *queue;
    IOUSBHostInterface *interface;  // the provider, not retained
    IOUSBHostPipe *in;
    IOUSBHostPipe *out;
    IOBufferMemoryDescriptor *readBuffer;
    OSAction *read;
    UsbPumpSlot slots[kUsbPumpNumSlots];
    UsbPumpClient *reader;  // not retained; its Stop takes it away
};

bool UsbPump::init() {
    if (!super::init()) {
        return false;
    }
    ivars = IONewZero(UsbPump_IVars, 1);
    return ivars != nullptr;
}

void UsbPump::free() {
    OSSafeReleaseNULL(ivars->queue);
    OSSafeReleaseNULL(ivars->in);
    OSSafeReleaseNULL(ivars->out);
    OSSafeReleaseNULL(ivars->readBuffer);
    for (UsbPumpSlot &slot : ivars->slots) {
        OSSafeReleaseNULL(slot.buffer);
    }
    IOSafeDeleteNULL(ivars, UsbPump_IVars, 1);
    super::free();
}

kern_return_t IMPL(UsbPump, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret == kIOReturnSuccess) {
        ret = RegisterService();
    }
    if (ret == kIOReturnSuccess) {
        ret = CopyDispatchQueue(kIOServiceDefaultQueueName, &ivars->queue);
    }
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    ivars->interface = OSDynamicCast(IOUSBHostInterface, provider);
    if (ivars->interface == nullptr) {
        return kIOReturnNoDevice;
    }
    ret = ivars->interface->Open(this, 0, nullptr);
    if (ret == kIOReturnSuccess) {
        ret = FindPipes();
    }
    if (ret == kIOReturnSuccess) {
        ret = MakeReader();
    }
    // A Start that fails leaves the interface open, as that of a driver which was never tried.
    return ret == kIOReturnSuccess ? MakeWriters() : ret;
}

// The first of each direction, whatever their numbers.
kern_return_t UsbPump::FindPipes() {
    uint32_t count = 0;
    for (uint32_t number = 1; number < 16; ++number) {
        for (const uint32_t direction : {0U, 0x80U}) {
            IOUSBHostPipe *pipe = nullptr;
            if (ivars->interface->CopyPipe(static_cast<uint8_t>(number | direction), &pipe) !=
                kIOReturnSuccess) {
                continue;
            }
            ++count;
            IOUSBHostPipe *&wanted = direction == 0 ? ivars->out : ivars->in;
            if (wanted == nullptr) {
                wanted = pipe;
            } else {
                OSSafeReleaseNULL(pipe);
            }
        }
    }
    os_log(OS_LOG_DEFAULT, "UsbPump: %u endpoints", count);
    return ivars->in == nullptr || ivars->out == nullptr ? kIOReturnNotFound : kIOReturnSuccess;
}

kern_return_t UsbPump::MakeReader() {
    OSDictionary *properties = nullptr;
    kern_return_t ret = CopyProperties(&properties);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    OSNumber *numBytes = OSDynamicCast(OSNumber, properties->getObject("PumpReadBytes"));
    const uint64_t capacity = numBytes == nullptr ? 0 : numBytes->unsigned64BitValue();
    OSSafeReleaseNULL(properties);
    ret = ivars->interface->CreateIOBuffer(kIOMemoryDirectionIn, capacity, &ivars->readBuffer);
    if (ret == kIOReturnSuccess) {
        ret = OSAction::Create(this, UsbPump_ReadComplete_ID, IOUSBHostPipe_CompleteAsyncIO_ID, 0,
                               &ivars->read);
    }
    return ret == kIOReturnSuccess
               ? ivars->in->AsyncIO(ivars->readBuffer, kUsbPumpChunkBytes, ivars->read, 0)
               : ret;
}

kern_return_t UsbPump::MakeWriters() {
    for (uint32_t number = 0; number < kUsbPumpNumSlots; ++number) {
        UsbPumpSlot &slot = ivars->slots[number];
        // They are written to, which the original forbids; OpenDext says so.
        kern_return_t ret = ivars->interface->CreateIOBuffer(kIOMemoryDirectionOut,
                                                             kUsbPumpChunkBytes, &slot.buffer);
        if (ret == kIOReturnSuccess) {
            ret = CreateActionWriteComplete(sizeof(number), &slot.written);
        }
        if (ret != kIOReturnSuccess) {
            return ret;
        }
        *static_cast<uint32_t *>(slot.written->GetReference()) = number;
    }
    return kIOReturnSuccess;
}

kern_return_t IMPL(UsbPump, Stop) {
    os_log(OS_LOG_DEFAULT, kUsbPumpStops);
    for (IOUSBHostPipe *pipe : {ivars->in, ivars->out}) {
        pipe->Abort(kIOUSBAbortSynchronous, kIOReturnAborted, nullptr);
    }
    OSSafeReleaseNULL(ivars->read);
    for (UsbPumpSlot &slot : ivars->slots) {
        OSSafeReleaseNULL(slot.written);
    }
    ivars->interface->Close(this, 0);
    return Stop(provider, SUPERDISPATCH);
}

kern_return_t IMPL(UsbPump, NewUserClient) {
    IOService *client = nullptr;
    const kern_return_t ret = Create(this, "UserClientProperties", &client);
    if (ret == kIOReturnSuccess) {
        *userClient = OSDynamicCast(IOUserClient, client);
    }
    return ret;
}

void UsbPump::SetReader(UsbPumpClient *reader) {
    ivars->queue->DispatchSync(^{ ivars->reader = reader; });
}

kern_return_t UsbPump::Send(const uint8_t *bytes, size_t length) {
    __block kern_return_t ret = kIOReturnSuccess;
    ivars->queue->DispatchSync(^{ ret = SendOnQueue(bytes, length); });
    return ret;
}

kern_return_t UsbPump::SendOnQueue(const uint8_t *bytes, size_t length) {
    UsbPumpSlot *slot = ivars->slots;
    for (size_t offset = 0; offset < length; offset += kUsbPumpChunkBytes) {
        while (slot != ivars->slots + kUsbPumpNumSlots && slot->isUnderWay) {
            ++slot;
        }
        if (slot == ivars->slots + kUsbPumpNumSlots) {
            return kIOReturnNoResources;
        }
        const size_t left = length - offset;
        const uint32_t count =
            static_cast<uint32_t>(left < kUsbPumpChunkBytes ? left : kUsbPumpChunkBytes);
        IOAddressSegment range = {};
        kern_return_t ret = slot->buffer->GetAddressRange(&range);
        if (ret == kIOReturnSuccess) {
            memcpy(reinterpret_cast<void *>(range.address), bytes + offset, count);
            ret = ivars->out->AsyncIO(slot->buffer, count, slot->written, 0);
        }
        if (ret != kIOReturnSuccess) {
            return ret;
        }
        slot->isUnderWay = true;
    }
    if (length % kUsbPumpChunkBytes != 0) {
        return kIOReturnSuccess;
    }
    uint32_t transferred = 0;  // an empty transfer ends what fills its last packet
    return ivars->out->IO(ivars->readBuffer, 0, &transferred, 1000);
}

void IMPL(UsbPump, ReadComplete) {
    if (status != kIOReturnSuccess) {
        return;
    }
    IOAddressSegment range = {};
    if (ivars->reader != nullptr &&
        ivars->readBuffer->GetAddressRange(&range) == kIOReturnSuccess) {
        ivars->reader->Deliver(reinterpret_cast<const uint8_t *>(range.address), actualByteCount);
    }
    ivars->in->AsyncIO(ivars->readBuffer, kUsbPumpChunkBytes, ivars->read, 0);
}

void IMPL(UsbPump, WriteComplete) {
    ivars->slots[*static_cast<const uint32_t *>(action->GetReference())].isUnderWay = false;
}
