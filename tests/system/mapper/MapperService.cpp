// SPDX-License-Identifier: Apache-2.0
#include "MapperService.h"

#include <mutex>

#include <DriverKit/IOBufferMemoryDescriptor.h>
#include <DriverKit/IODMACommand.h>
#include <DriverKit/IOLib.h>
#include <DriverKit/IOUserClient.h>
#include <PCIDriverKit/PCIDriverKit.h>

#include "models/fpga_dma/registers.h"

namespace registers = opendext::models::fpga_dma;

namespace {

constexpr uint8_t kMemoryIndex = 0;  // of the registers
constexpr uint32_t kMaxSegments = 32;

}  // namespace

struct MapperService_IVars {
    IOPCIDevice *pci;
    IOBufferMemoryDescriptor *list;
    IODMACommand *listCommand;
    uint64_t listAddress;
    std::mutex *engine;  // one list at a time
};

bool MapperService::init() {
    if (!super::init()) {
        return false;
    }
    ivars = IONewZero(MapperService_IVars, 1);
    if (ivars == nullptr) {
        return false;
    }
    ivars->engine = new std::mutex;
    return true;
}

void MapperService::free() {
    if (ivars != nullptr) {
        delete ivars->engine;
        OSSafeReleaseNULL(ivars->listCommand);
        OSSafeReleaseNULL(ivars->list);
    }
    IOSafeDeleteNULL(ivars, MapperService_IVars, 1);
    super::free();
}

IOPCIDevice *MapperService::Card() {
    return ivars->pci;
}

kern_return_t MapperService::OpenCard(IOService *provider) {
    ivars->pci = OSDynamicCast(IOPCIDevice, provider);
    if (ivars->pci == nullptr) {
        return kIOReturnNoDevice;
    }
    kern_return_t ret = ivars->pci->Open(this, 0);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    ivars->pci->ConfigurationWrite16(kIOPCIConfigurationOffsetCommand,
                                     kIOPCICommandMemorySpace | kIOPCICommandBusLead);
    ivars->pci->MemoryWrite32(kMemoryIndex, registers::kRegControl, registers::kControlEnable);
    ret = IOBufferMemoryDescriptor::Create(
        kIOMemoryDirectionOut, kMaxSegments * sizeof(registers::Descriptor), 0, &ivars->list);
    IODMACommandSpecification specification = {};
    if (ret == kIOReturnSuccess) {
        ret = IODMACommand::Create(ivars->pci, 0, &specification, &ivars->listCommand);
    }
    uint64_t flags = 0;
    uint32_t count = 1;
    IOAddressSegment segment[32] = {};
    if (ret == kIOReturnSuccess) {
        ret = ivars->listCommand->PrepareForDMA(0, ivars->list, 0, 0, &flags, &count, segment);
    }
    ivars->listAddress = segment[0].address;
    return ret;
}

kern_return_t IMPL(MapperService, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret == kIOReturnSuccess) {
        ret = OpenCard(provider);
    }
    return ret == kIOReturnSuccess ? RegisterService() : ret;
}

kern_return_t IMPL(MapperService, Stop) {
    if (ivars->listCommand != nullptr) {
        ivars->listCommand->CompleteDMA(0);
    }
    ivars->pci->Close(this, 0);
    return Stop(provider, SUPERDISPATCH);
}

kern_return_t IMPL(MapperService, NewUserClient) {
    (void)type;
    IOService *client = nullptr;
    kern_return_t ret = Create(this, "UserClientProperties", &client);
    *userClient = OSDynamicCast(IOUserClient, client);
    return ret;
}

kern_return_t MapperService::Move(const IOAddressSegment *segments, uint32_t count,
                                  uint64_t cardAddress, bool toCard, uint32_t *errorCode) {
    IOAddressSegment range = {};
    const kern_return_t ret = ivars->list->GetAddressRange(&range);
    if (ret != kIOReturnSuccess || count == 0 || count > kMaxSegments) {
        return ret != kIOReturnSuccess ? ret : kIOReturnBadArgument;
    }
    const std::lock_guard<std::mutex> lock(*ivars->engine);
    auto *list = reinterpret_cast<registers::Descriptor *>(range.address);
    for (uint32_t i = 0; i < count; ++i) {
        list[i] = {segments[i].address, cardAddress, static_cast<uint32_t>(segments[i].length),
                   toCard ? registers::kDescriptorToCard : 0, 0};
        cardAddress += segments[i].length;
    }
    uint32_t before = 0;
    ivars->pci->MemoryRead32(kMemoryIndex, registers::kRegListsEnded, &before);
    ivars->pci->MemoryWrite32(kMemoryIndex, registers::kRegListBaseLow,
                              static_cast<uint32_t>(ivars->listAddress));
    ivars->pci->MemoryWrite32(kMemoryIndex, registers::kRegListBaseHigh,
                              static_cast<uint32_t>(ivars->listAddress >> 32));
    ivars->pci->MemoryWrite32(kMemoryIndex, registers::kRegListCount, count);
    ivars->pci->MemoryWrite32(kMemoryIndex, registers::kRegDoorbell, 1);
    for (uint32_t ended = before; ended == before; IODelay(10)) {
        ivars->pci->MemoryRead32(kMemoryIndex, registers::kRegListsEnded, &ended);
    }
    ivars->pci->MemoryRead32(kMemoryIndex, registers::kRegErrorCode, errorCode);
    return kIOReturnSuccess;
}
