// SPDX-License-Identifier: Apache-2.0
#include "MapperClient.h"

#include <atomic>

#include <DriverKit/IOBufferMemoryDescriptor.h>
#include <DriverKit/IODMACommand.h>
#include <DriverKit/IOLib.h>
#include <DriverKit/IOMemoryMap.h>
#include <DriverKit/OSData.h>
#include <PCIDriverKit/PCIDriverKit.h>
#include <os/log.h>

#include "MapperProtocol.h"
#include "MapperService.h"
#include "runtime/memory/memory_census.h"
#include "runtime/object/object_census.h"

struct MapperSlot {
    IOMemoryDescriptor *memory;
    IOMemoryMap *map;
    IODMACommand *command;
    IOAddressSegment segments[32];  // of what the command has prepared
    uint32_t numSegments;
};

struct MapperClient_IVars {
    MapperService *service;  // the provider, not retained
    MapperSlot slots[kMapperSlots];
    IOAddressSegment segments[32];
    uint32_t numSegments;
};

namespace {

std::atomic<uint64_t> stops;

void Forget(MapperSlot &slot) {
    OSSafeReleaseNULL(slot.command);  // completes what it has prepared
    OSSafeReleaseNULL(slot.map);
    OSSafeReleaseNULL(slot.memory);
}

uint64_t Census(uint64_t which) {
    const opendext::memory::MemoryCensus memory = opendext::memory::TakeMemoryCensus();
    switch (which) {
        case 0:
            return static_cast<uint64_t>(opendext::object::TotalLiveObjects());
        case 1:
            return memory.num_descriptors;
        case 2:
            return memory.num_mappings;
        default:
            return memory.num_prepared;
    }
}

bool IsWithin(uint64_t offset, uint64_t length, uint64_t limit) {
    return length <= limit && offset <= limit - length;
}

}  // namespace

bool MapperClient::init() {
    if (!super::init()) {
        return false;
    }
    ivars = IONewZero(MapperClient_IVars, 1);
    return ivars != nullptr;
}

void MapperClient::free() {
    IOSafeDeleteNULL(ivars, MapperClient_IVars, 1);
    super::free();
}

kern_return_t IMPL(MapperClient, Start) {
    ivars->service = OSDynamicCast(MapperService, provider);
    return ivars->service != nullptr ? Start(provider, SUPERDISPATCH) : kIOReturnError;
}

kern_return_t IMPL(MapperClient, Stop) {
    for (MapperSlot &slot : ivars->slots) {
        Forget(slot);
    }
    ++stops;
    return Stop(provider, SUPERDISPATCH);
}

kern_return_t MapperClient::ExternalMethod(uint64_t selector,
                                           IOUserClientMethodArguments *arguments,
                                           const IOUserClientMethodDispatch *, OSObject *, void *) {
    if (selector == kMapperKeepPrepared) {
        return KeepPrepared(*arguments);
    }
    OSData *input = arguments->structureInput;
    if (selector != kMapperRun || input == nullptr ||
        input->getLength() % sizeof(MapperStep) != 0) {
        return kIOReturnBadArgument;
    }
    const auto *steps = static_cast<const MapperStep *>(input->getBytesNoCopy());
    const size_t count = input->getLength() / sizeof(MapperStep);
    if (count > kMapperMaxSteps) {
        return kIOReturnBadArgument;
    }
    MapperResult results[kMapperMaxSteps] = {};
    for (size_t i = 0; i < count; ++i) {
        results[i].status = Run(steps[i], &results[i].value);
    }
    arguments->structureOutput =
        OSData::withBytes(results, static_cast<uint32_t>(count * sizeof(MapperResult)));
    return kIOReturnSuccess;
}

kern_return_t MapperClient::KeepPrepared(const IOUserClientMethodArguments &arguments) {
    IOMemoryDescriptor *memory = arguments.structureInputDescriptor;
    if (memory == nullptr || arguments.scalarInputCount != 1 ||
        arguments.scalarInput[0] >= kMapperSlots) {
        return kIOReturnBadArgument;
    }
    MapperSlot &slot = ivars->slots[arguments.scalarInput[0]];
    Forget(slot);
    memory->retain();
    slot.memory = memory;
    uint64_t numSegments = 0;
    return UseDma({kMapperPrepare, 0, 0, 0, 0}, slot, &numSegments);
}

kern_return_t MapperClient::Run(const MapperStep &step, uint64_t *value) {
    if (step.slot >= kMapperSlots) {
        return kIOReturnBadArgument;
    }
    MapperSlot &slot = ivars->slots[step.slot];
    switch (step.operation) {
        case kMapperSegment:
            if (ivars->numSegments == 32) {
                return kIOReturnNoSpace;
            }
            ivars->segments[ivars->numSegments++] = {step.a, step.b};
            return kIOReturnSuccess;
        case kMapperDescribe:
        case kMapperDescribeMany:
        case kMapperPart:
            return Describe(step, slot, value);
        case kMapperToCard:
        case kMapperFromCard:
            return MoveByCard(step, slot, value);
        case kMapperPrepare:
        case kMapperPreparedToCard:
        case kMapperComplete:
        case kMapperDmaFill:
            return UseDma(step, slot, value);
        case kMapperForgetDescriptor:
            OSSafeReleaseNULL(slot.memory);
            return kIOReturnSuccess;
        case kMapperForget:
            Forget(slot);
            return kIOReturnSuccess;
        case kMapperCensus:
            *value = Census(step.a);
            return kIOReturnSuccess;
        case kMapperStops:
            *value = stops;
            return kIOReturnSuccess;
        case kMapperLog:
            os_log(OS_LOG_DEFAULT, kMapperLogLine "%llu", static_cast<unsigned long long>(step.a));
            return kIOReturnSuccess;
        default:
            return MapAndTouch(step, slot, value);
    }
}

kern_return_t MapperClient::Describe(const MapperStep &step, MapperSlot &slot, uint64_t *value) {
    IOMemoryDescriptor *made = reinterpret_cast<IOMemoryDescriptor *>(1);
    kern_return_t ret = kIOReturnSuccess;
    if (step.operation == kMapperPart) {
        IOMemoryDescriptor *whole = step.a < kMapperSlots ? ivars->slots[step.a].memory : nullptr;
        ret = IOMemoryDescriptor::CreateSubMemoryDescriptor(kIOMemoryDirectionInOut, step.b, step.c,
                                                            whole, &made);
    } else {
        const uint32_t count = step.operation == kMapperDescribeMany ? static_cast<uint32_t>(step.b)
                                                                     : ivars->numSegments;
        ivars->numSegments = 0;
        ret = CreateMemoryDescriptorFromClient(step.a, count, ivars->segments, &made);
    }
    if (ret != kIOReturnSuccess) {
        *value = reinterpret_cast<uint64_t>(made);
        return ret;
    }
    OSSafeReleaseNULL(slot.memory);
    slot.memory = made;
    return slot.memory->GetLength(value);
}

kern_return_t MapperClient::MapAndTouch(const MapperStep &step, MapperSlot &slot, uint64_t *value) {
    if (step.operation == kMapperMap) {
        if (slot.memory == nullptr) {
            return kIOReturnNotReady;
        }
        IOMemoryMap *map = nullptr;
        const kern_return_t ret = slot.memory->CreateMapping(step.a, 0, step.b, step.c, 0, &map);
        if (ret == kIOReturnSuccess) {
            OSSafeReleaseNULL(slot.map);
            slot.map = map;
            *value = map->GetLength();
        }
        return ret;
    }
    if (slot.map == nullptr) {
        return kIOReturnNotReady;
    }
    auto *bytes = reinterpret_cast<volatile uint8_t *>(slot.map->GetAddress());
    const uint64_t length = slot.map->GetLength();
    switch (step.operation) {
        case kMapperAddress:
            *value = slot.map->GetAddress();
            return kIOReturnSuccess;
        case kMapperSum:
            for (uint64_t i = 0; IsWithin(step.a, step.b, length) && i < step.b; ++i) {
                *value += const_cast<const uint8_t *>(bytes)[step.a + i];
            }
            return IsWithin(step.a, step.b, length) ? kIOReturnSuccess : kIOReturnUnderrun;
        case kMapperFill:
            if (!IsWithin(step.a, step.b, length)) {
                return kIOReturnUnderrun;
            }
            memset(const_cast<uint8_t *>(bytes) + step.a, static_cast<int>(step.c), step.b);
            return kIOReturnSuccess;
        case kMapperWaitFor:
            if (step.a >= length) {
                return kIOReturnUnderrun;
            }
            while (bytes[step.a] != step.b) {
                IOSleep(1);
            }
            return kIOReturnSuccess;
        default:
            return kIOReturnBadArgument;
    }
}

kern_return_t MapperClient::MoveByCard(const MapperStep &step, MapperSlot &slot, uint64_t *value) {
    if (slot.memory == nullptr) {
        return kIOReturnNotReady;
    }
    IODMACommandSpecification specification = {};
    IODMACommand *command = nullptr;
    kern_return_t ret = IODMACommand::Create(ivars->service->Card(), 0, &specification, &command);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    uint64_t flags = 0;
    uint32_t count = 32;
    IOAddressSegment segments[32] = {};
    ret = command->PrepareForDMA(0, slot.memory, step.b, step.c, &flags, &count, segments);
    if (ret == kIOReturnSuccess) {
        uint32_t error = 0;
        ret =
            ivars->service->Move(segments, count, step.a, step.operation == kMapperToCard, &error);
        *value = error;
        command->CompleteDMA(0);
    }
    OSSafeReleaseNULL(command);
    return ret;
}

kern_return_t MapperClient::UseDma(const MapperStep &step, MapperSlot &slot, uint64_t *value) {
    if (slot.command == nullptr) {
        IODMACommandSpecification specification = {};
        const kern_return_t ret =
            IODMACommand::Create(ivars->service->Card(), 0, &specification, &slot.command);
        if (ret != kIOReturnSuccess) {
            return ret;
        }
    }
    if (step.operation == kMapperPrepare) {
        if (slot.memory == nullptr) {
            return kIOReturnNotReady;
        }
        uint64_t flags = 0;
        slot.numSegments = 32;
        const kern_return_t ret = slot.command->PrepareForDMA(0, slot.memory, 0, 0, &flags,
                                                              &slot.numSegments, slot.segments);
        *value = slot.numSegments;
        return ret;
    }
    if (step.operation == kMapperPreparedToCard) {
        uint32_t error = 0;
        const kern_return_t ret =
            ivars->service->Move(slot.segments, slot.numSegments, step.a, true, &error);
        *value = error;
        return ret;
    }
    if (step.operation == kMapperComplete) {
        return slot.command->CompleteDMA(0);
    }
    IOBufferMemoryDescriptor *data = nullptr;
    kern_return_t ret = IOBufferMemoryDescriptor::Create(kIOMemoryDirectionInOut, step.b, 0, &data);
    IOAddressSegment range = {};
    if (ret == kIOReturnSuccess) {
        ret = data->GetAddressRange(&range);
    }
    if (ret == kIOReturnSuccess) {
        memset(reinterpret_cast<void *>(range.address), static_cast<int>(step.c), step.b);
        ret = slot.command->PerformOperation(kIODMACommandPerformOperationOptionWrite, step.a,
                                             step.b, 0, data);
    }
    OSSafeReleaseNULL(data);
    return ret;
}
