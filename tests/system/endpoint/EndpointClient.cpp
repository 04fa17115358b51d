// SPDX-License-Identifier: Apache-2.0
#include "EndpointClient.h"

#include <DriverKit/IODMACommand.h>
#include <DriverKit/IOLib.h>
#include <DriverKit/IOMemoryMap.h>
#include <DriverKit/OSSharedPtr.h>
#include <PCIDriverKit/PCIDriverKit.h>

#include "EndpointProtocol.h"
#include "EndpointService.h"

namespace {

constexpr uint32_t kMaxSegments = 32;

}  // namespace

struct EndpointClient_IVars {
    OSSharedPtr<EndpointService> service;
    IOMemoryDescriptor *bars[kEndpointBars];  // once asked for: a type always has the same memory
    IODMACommand *command;  // what the latest Prepare has prepared, until the next or Stop
};

static void EndPreparation(EndpointClient_IVars &ivars) {
    if (ivars.command != nullptr) {
        ivars.command->CompleteDMA(kIODMACommandCompleteDMANoOptions);
    }
    OSSafeReleaseNULL(ivars.command);
}

bool EndpointClient::init() {
    if (!super::init()) {
        return false;
    }
    ivars = IONewZero(EndpointClient_IVars, 1);
    return ivars != nullptr;
}

void EndpointClient::free() {
    IOSafeDeleteNULL(ivars, EndpointClient_IVars, 1);
    super::free();
}

kern_return_t IMPL(EndpointClient, Start) {
    ivars->service = OSSharedPtr(OSDynamicCast(EndpointService, provider), OSRetain);
    return ivars->service ? Start(provider, SUPERDISPATCH) : kIOReturnError;
}

kern_return_t IMPL(EndpointClient, Stop) {
    EndPreparation(*ivars);
    for (IOMemoryDescriptor *&bar : ivars->bars) {
        OSSafeReleaseNULL(bar);
    }
    ivars->service.reset();
    return Stop(provider, SUPERDISPATCH);
}

kern_return_t EndpointClient::ReadConfig(IOUserClientMethodArguments *arguments) {
    IOPCIDevice *const pci = ivars->service->Device();
    const uint64_t offset = arguments->scalarInput[0];
    uint8_t byte = 0;
    uint16_t word = 0;
    uint32_t dword = 0;
    switch (arguments->scalarInput[1]) {
        case 1:
            pci->ConfigurationRead8(offset, &byte);
            arguments->scalarOutput[0] = byte;
            return kIOReturnSuccess;
        case 2:
            pci->ConfigurationRead16(offset, &word);
            arguments->scalarOutput[0] = word;
            return kIOReturnSuccess;
        case 4:
            pci->ConfigurationRead32(offset, &dword);
            arguments->scalarOutput[0] = dword;
            return kIOReturnSuccess;
        default:
            return kIOReturnBadArgument;
    }
}

kern_return_t EndpointClient::WriteConfig(IOUserClientMethodArguments *arguments) {
    IOPCIDevice *const pci = ivars->service->Device();
    const uint64_t offset = arguments->scalarInput[0];
    const uint64_t value = arguments->scalarInput[2];
    switch (arguments->scalarInput[1]) {
        case 1:
            pci->ConfigurationWrite8(offset, static_cast<uint8_t>(value));
            return kIOReturnSuccess;
        case 2:
            pci->ConfigurationWrite16(offset, static_cast<uint16_t>(value));
            return kIOReturnSuccess;
        case 4:
            pci->ConfigurationWrite32(offset, static_cast<uint32_t>(value));
            return kIOReturnSuccess;
        default:
            return kIOReturnBadArgument;
    }
}

kern_return_t EndpointClient::Prepare(IOUserClientMethodArguments *arguments) {
    IOMemoryDescriptor *const input = arguments->structureInputDescriptor;
    if (input == nullptr || arguments->structureOutputDescriptor == nullptr) {
        return kIOReturnBadArgument;
    }
    EndPreparation(*ivars);
    IODMACommandSpecification specification = {};
    specification.maxAddressBits = 40;
    kern_return_t ret = IODMACommand::Create(ivars->service->Device(), kIODMACommandCreateNoOptions,
                                             &specification, &ivars->command);
    uint64_t flags = kIOMemoryDirectionInOut;
    uint32_t count = kMaxSegments;
    IOAddressSegment segments[kMaxSegments] = {};
    if (ret == kIOReturnSuccess) {
        ret = ivars->command->PrepareForDMA(kIODMACommandPrepareForDMANoOptions, input, 0, 0,
                                            &flags, &count, segments);
    }
    IOMemoryMap *map = nullptr;
    if (ret == kIOReturnSuccess) {
        ret = arguments->structureOutputDescriptor->CreateMapping(0, 0, 0, 0, 0, &map);
    }
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    auto *const words = reinterpret_cast<uint64_t *>(map->GetAddress());
    for (uint32_t i = 0; i < count; ++i) {
        words[2 * i] = segments[i].address;
        words[2 * i + 1] = segments[i].length;
    }
    words[2 * count] = words[2 * count + 1] = 0;
    map->release();
    return kIOReturnSuccess;
}

kern_return_t EndpointClient::LinkSpeed(IOUserClientMethodArguments *arguments) {
    IOPCIDevice *const pci = ivars->service->Device();
    const uint64_t limit = arguments->scalarInput[0];
    kern_return_t ret =
        limit != 0 ? pci->SetLinkSpeed(static_cast<IOPCILinkSpeed>(limit), true) : kIOReturnSuccess;
    IOPCILinkSpeed speed = {};
    if (ret == kIOReturnSuccess) {
        ret = pci->GetLinkSpeed(&speed);
    }
    arguments->scalarOutput[0] = speed;
    return ret;
}

kern_return_t EndpointClient::ExternalMethod(uint64_t selector,
                                             IOUserClientMethodArguments *arguments,
                                             const IOUserClientMethodDispatch *, OSObject *,
                                             void *) {
    constexpr uint32_t kInputs[] = {2, 3, 1, 2, 3, 0, 1};
    if (selector >= sizeof(kInputs) / sizeof(kInputs[0]) ||
        arguments->scalarInputCount != kInputs[selector]) {
        return kIOReturnBadArgument;
    }
    const uint64_t *const scalars = arguments->scalarInput;
    IOPCIDevice *const pci = ivars->service->Device();
    uint32_t value = 0;
    switch (selector) {
        case kEndpointReadConfig:
            return ReadConfig(arguments);
        case kEndpointWriteConfig:
            return WriteConfig(arguments);
        case kEndpointReset:
            return pci->Reset(static_cast<IOOptionBits>(scalars[0]));
        case kEndpointPeek:
            pci->MemoryRead32(static_cast<uint8_t>(scalars[0]), scalars[1], &value);
            arguments->scalarOutput[0] = value;
            return kIOReturnSuccess;
        case kEndpointPoke:
            pci->MemoryWrite32(static_cast<uint8_t>(scalars[0]), scalars[1],
                               static_cast<uint32_t>(scalars[2]));
            return kIOReturnSuccess;
        case kEndpointPrepare:
            return Prepare(arguments);
        default:
            return LinkSpeed(arguments);
    }
}

kern_return_t IMPL(EndpointClient, CopyClientMemoryForType) {
    (void)options;
    if (type >= kEndpointBars) {
        return kIOReturnBadArgument;
    }
    IOMemoryDescriptor *&bar = ivars->bars[type];
    if (bar == nullptr) {
        const kern_return_t ret = ivars->service->CopyBar(static_cast<uint8_t>(type), &bar);
        if (ret != kIOReturnSuccess) {
            return ret;
        }
    }
    bar->retain();
    *memory = bar;
    return kIOReturnSuccess;
}
