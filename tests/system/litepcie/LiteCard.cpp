// SPDX-License-Identifier: Apache-2.0
#include "LiteCard.h"

#include <DriverKit/IODispatchQueue.h>
#include <DriverKit/IOLib.h>
#include <DriverKit/IOUserClient.h>
#include <DriverKit/OSAction.h>
#include <PCIDriverKit/PCIDriverKit.h>

#include "LiteCardProtocol.h"
#include "LiteDirection.h"
#include "models/litepcie/registers.h"

namespace registers = opendext::models::litepcie;

struct LiteCard_IVars {
    IOPCIDevice *pci;
    IODispatchQueue *queue;
    IOInterruptDispatchSource *interrupts;
    LiteDirection reader;
    LiteDirection writer;
    IOBufferMemoryDescriptor *countsMemory;
    LiteCardCounts *counts;
};

bool LiteCard::init() {
    if (!super::init()) {
        return false;
    }
    ivars = IONewZero(LiteCard_IVars, 1);
    return ivars != nullptr;
}

void LiteCard::free() {
    if (ivars != nullptr) {
        OSSafeReleaseNULL(ivars->interrupts);
        OSSafeReleaseNULL(ivars->queue);
        OSSafeReleaseNULL(ivars->countsMemory);
    }
    IOSafeDeleteNULL(ivars, LiteCard_IVars, 1);
    super::free();
}

uint32_t LiteCard::ReadRegister(uint64_t offset) {
    uint32_t value = 0;
    ivars->pci->MemoryRead32(0, offset, &value);
    return value;
}

void LiteCard::WriteRegister(uint64_t offset, uint32_t value) {
    ivars->pci->MemoryWrite32(0, offset, value);
}

kern_return_t LiteCard::OpenCard(IOService *provider) {
    ivars->pci = OSDynamicCast(IOPCIDevice, provider);
    if (ivars->pci == nullptr) {
        return kIOReturnNoDevice;
    }
    const kern_return_t ret = ivars->pci->Open(this, 0);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    uint16_t command = 0;
    ivars->pci->ConfigurationRead16(kIOPCIConfigurationOffsetCommand, &command);
    ivars->pci->ConfigurationWrite16(kIOPCIConfigurationOffsetCommand,
                                     command | kIOPCICommandBusMaster | kIOPCICommandMemorySpace);
    return kIOReturnSuccess;
}

kern_return_t LiteCard::ConnectInterrupt() {
    uint32_t index = 0;
    for (uint64_t type = 0; (type & kIOInterruptTypePCIMessaged) == 0; ++index) {
        const kern_return_t ret =
            IOInterruptDispatchSource::GetInterruptType(ivars->pci, index, &type);
        if (ret != kIOReturnSuccess) {
            return ret;
        }
    }
    --index;
    kern_return_t ret = IODispatchQueue::Create("LiteCardInterrupts", 0, 0, &ivars->queue);
    if (ret == kIOReturnSuccess) {
        ret =
            IOInterruptDispatchSource::Create(ivars->pci, index, ivars->queue, &ivars->interrupts);
    }
    OSAction *action = nullptr;
    if (ret == kIOReturnSuccess) {
        ret = CreateActionCardInterrupt(0, &action);
    }
    if (ret == kIOReturnSuccess) {
        ret = ivars->interrupts->SetHandler(action);
    }
    OSSafeReleaseNULL(action);
    return ret == kIOReturnSuccess ? ivars->interrupts->SetEnable(true) : ret;
}

kern_return_t LiteCard::MakeBuffers() {
    kern_return_t ret = IOBufferMemoryDescriptor::Create(
        kIOMemoryDirectionInOut, sizeof(LiteCardCounts), 0, &ivars->countsMemory);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    IOAddressSegment range = {};
    ivars->countsMemory->SetLength(sizeof(LiteCardCounts));
    ivars->countsMemory->GetAddressRange(&range);
    ivars->counts = reinterpret_cast<LiteCardCounts *>(range.address);
    ret = ivars->reader.Make(ivars->pci, registers::kDmaBase + registers::kDmaReader, 1);
    return ret == kIOReturnSuccess
               ? ivars->writer.Make(ivars->pci, registers::kDmaBase + registers::kDmaWriter, 101)
               : ret;
}

kern_return_t IMPL(LiteCard, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret == kIOReturnSuccess) {
        ret = OpenCard(provider);
    }
    if (ret == kIOReturnSuccess) {
        ret = MakeBuffers();
    }
    if (ret == kIOReturnSuccess) {
        ret = ConnectInterrupt();
    }
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    WriteRegister(registers::kMsiBase + registers::kMsiEnable,
                  registers::ReaderInterrupt(0) | registers::WriterInterrupt(0));
    WriteRegister(registers::kDmaBase + registers::kDmaLoopbackEnable, 1);
    return RegisterService();
}

kern_return_t IMPL(LiteCard, Stop) {
    ivars->reader.Disable();
    ivars->writer.Disable();
    ivars->reader.Free();
    ivars->writer.Free();
    ivars->pci->Close(this, 0);
    IOService *const device = provider;
    retain();
    return ivars->interrupts->Cancel(^{
        Stop(device, SUPERDISPATCH);
        release();
    });
}

kern_return_t IMPL(LiteCard, NewUserClient) {
    (void)type;
    IOService *client = nullptr;
    const kern_return_t ret = Create(this, "UserClientProperties", &client);
    *userClient = OSDynamicCast(IOUserClient, client);
    return ret;
}

void IMPL(LiteCard, CardInterrupt) {
    (void)action;
    (void)time;
    const uint32_t vector = ReadRegister(registers::kMsiBase + registers::kMsiVector);
    WriteRegister(registers::kMsiBase + registers::kMsiClear, vector);
    __atomic_store_n(&ivars->counts->reader, ivars->reader.Count(), __ATOMIC_RELEASE);
    __atomic_store_n(&ivars->counts->writer, ivars->writer.Count(), __ATOMIC_RELEASE);
    __atomic_fetch_add(&ivars->counts->interrupts, count, __ATOMIC_RELEASE);
}

void LiteCard::Configure(bool isReader, bool isEnabled) {
    LiteDirection *const direction = isReader ? &ivars->reader : &ivars->writer;
    direction->Disable();
    if (isEnabled) {
        // The counts belong to the interrupt.
        ivars->queue->DispatchSync(^{
            uint64_t *const count = isReader ? &ivars->counts->reader : &ivars->counts->writer;
            __atomic_store_n(count, uint64_t{0}, __ATOMIC_RELEASE);
            direction->Enable();
        });
    }
}

kern_return_t LiteCard::CopyMemory(uint64_t type, IOMemoryDescriptor **memory) {
    switch (type) {
        case kLiteCardReaderMemory:
            *memory = ivars->reader.CopyJoined();
            return kIOReturnSuccess;
        case kLiteCardWriterMemory:
            *memory = ivars->writer.CopyJoined();
            return kIOReturnSuccess;
        case kLiteCardCountsMemory: {
            IOMemoryDescriptor *const counts = ivars->countsMemory;
            return IOMemoryDescriptor::CreateWithMemoryDescriptors(
                kIOMemoryDirectionInOut, 1, const_cast<IOMemoryDescriptor **>(&counts), memory);
        }
        default:
            return kIOReturnBadArgument;
    }
}
