// SPDX-License-Identifier: Apache-2.0
#include "ProbeClient.h"

#include <stdlib.h>

#include <atomic>

#include <DriverKit/IOBufferMemoryDescriptor.h>
#include <DriverKit/IOExtensiblePaniclog.h>
#include <DriverKit/IOLib.h>
#include <DriverKit/IOMemoryMap.h>
#include <DriverKit/IOService.h>
#include <DriverKit/OSAction.h>
#include <DriverKit/OSCollections.h>
#include <os/log.h>

#include "ProbeProtocol.h"
#include "runtime/memory/memory_census.h"
#include "runtime/object/object_census.h"

void CrashAsAsked();

struct ProbeClient_IVars {
    IOService *service;  // the provider, not retained
    OSAction *completion;
    IOBufferMemoryDescriptor *shared;
    OSArray *held;
};

namespace {

std::atomic<uint64_t> stops;

kern_return_t AddOne(IOUserClientMethodArguments *arguments) {
    if (arguments->scalarInputCount != 1 || arguments->scalarOutputCount != 1) {
        return kIOReturnBadArgument;
    }
    arguments->scalarOutput[0] = arguments->scalarInput[0] + 1;
    return kIOReturnSuccess;
}

kern_return_t ExactPair(OSObject *, void *, IOUserClientMethodArguments *arguments) {
    arguments->structureOutput = OSData::withBytes(arguments->structureInput->getBytesNoCopy(), 16);
    return kIOReturnSuccess;
}

const IOUserClientMethodDispatch kExactPair = {
    .function = ExactPair,
    .checkCompletionExists = 0,
    .checkScalarInputCount = 0,
    .checkStructureInputSize = 16,
    .checkScalarOutputCount = 0,
    .checkStructureOutputSize = 16,
};

kern_return_t Census(IOUserClientMethodArguments *arguments) {
    if (arguments->scalarOutputCount != 3) {
        return kIOReturnBadArgument;
    }
    const opendext::memory::MemoryCensus memory = opendext::memory::TakeMemoryCensus();
    arguments->scalarOutput[0] = static_cast<uint64_t>(opendext::object::TotalLiveObjects());
    arguments->scalarOutput[1] = memory.num_descriptors;
    arguments->scalarOutput[2] = memory.num_mappings;
    return kIOReturnSuccess;
}

kern_return_t WithBytes(IOMemoryDescriptor *memory, bool (^use)(uint8_t *bytes, uint64_t length)) {
    IOMemoryMap *map = nullptr;
    kern_return_t ret = memory->CreateMapping(0, 0, 0, 0, 0, &map);
    if (ret == kIOReturnSuccess) {
        use(reinterpret_cast<uint8_t *>(map->GetAddress()), map->GetLength());
    }
    OSSafeReleaseNULL(map);
    return ret;
}

kern_return_t SumInput(IOUserClientMethodArguments *arguments) {
    __block uint64_t sum = 0;
    __block uint64_t length = 0;
    bool (^add)(uint8_t *, uint64_t) = ^(uint8_t *bytes, uint64_t count) {
        for (uint64_t i = 0; i < count; ++i) {
            sum += bytes[i];
        }
        length = count;
        return true;
    };
    if (arguments->structureInput != nullptr) {
        add(static_cast<uint8_t *>(const_cast<void *>(arguments->structureInput->getBytesNoCopy())),
            arguments->structureInput->getLength());
    } else if (arguments->structureInputDescriptor != nullptr) {
        kern_return_t ret = WithBytes(arguments->structureInputDescriptor, add);
        if (ret != kIOReturnSuccess) {
            return ret;
        }
    }
    if (arguments->scalarOutputCount != 2) {
        return kIOReturnBadArgument;
    }
    arguments->scalarOutput[0] = length;
    arguments->scalarOutput[1] = sum;
    return kIOReturnSuccess;
}

kern_return_t FillOutput(IOUserClientMethodArguments *arguments) {
    if (arguments->scalarInputCount != 1) {
        return kIOReturnBadArgument;
    }
    const int value = static_cast<int>(arguments->scalarInput[0]);
    if (arguments->structureOutputDescriptor != nullptr) {
        return WithBytes(arguments->structureOutputDescriptor, ^(uint8_t *bytes, uint64_t length) {
            memset(bytes, value, length);
            return true;
        });
    }
    const uint64_t room = arguments->structureOutputMaximumSize;
    const uint32_t length =
        room == kIOUserClientVariableStructureSize ? 10000 : static_cast<uint32_t>(room);
    uint8_t *bytes = IONewZero(uint8_t, length);
    memset(bytes, value, length);
    arguments->structureOutput = OSData::withBytes(bytes, length);
    IODelete(bytes, uint8_t, length);
    return kIOReturnSuccess;
}

kern_return_t GiveShort(IOUserClientMethodArguments *arguments) {
    if (arguments->scalarInputCount != 1 || arguments->scalarOutputCount == 0) {
        return kIOReturnBadArgument;
    }
    const uint8_t bytes[64] = {};
    arguments->scalarOutputCount = 1;
    arguments->scalarOutput[0] = arguments->structureOutputMaximumSize;
    arguments->structureOutput = OSData::withBytes(bytes, arguments->scalarInput[0]);
    return kIOReturnSuccess;
}

__attribute__((noinline)) kern_return_t RecurseAsAsked(uint64_t depth) {
    volatile uint8_t frame[512] = {};
    frame[depth % sizeof(frame)] = 1;
    return depth == 0 ? kIOReturnSuccess : RecurseAsAsked(depth + 1) + frame[0];
}

void WritePanicLog(const char *name, const void *bytes, uint32_t length) {
    OSString *id = OSString::withCString(name);
    OSData *uuid = OSData::withBytes("0123456789abcdef", 16);
    OSData *data = OSData::withBytes(bytes, length);
    IOExtensiblePaniclog *log = nullptr;
    if (IOExtensiblePaniclog::Create(uuid, id, 64, kIOExtensiblePaniclogOptionsNone, &log) ==
        kIOReturnSuccess) {
        log->InsertData(data);
    }
    OSSafeReleaseNULL(data);
    OSSafeReleaseNULL(uuid);
    OSSafeReleaseNULL(id);
}

// The logs are active when the process crashes.
__attribute__((noinline)) kern_return_t CrashWithPanicLogs() {
    static const uint8_t kBytes[] = {0x00, 0x01, 0xfe, 0xff};
    WritePanicLog("text", kProbePanicText, sizeof kProbePanicText - 1);
    WritePanicLog("bytes", kBytes, sizeof kBytes);
    CrashAsAsked();
    return kIOReturnSuccess;
}

__attribute__((noinline)) void CrashInHiddenFunction() {
    *reinterpret_cast<volatile int *>(16) = 1;
}

kern_return_t Fail(IOUserClientMethodArguments *arguments) {
    for (uint32_t i = 0; i < arguments->scalarOutputCount; ++i) {
        arguments->scalarOutput[i] = 99;
    }
    arguments->structureOutput = OSData::withBytes("outputs of a failure", 20);
    return arguments->scalarInputCount == 1 ? static_cast<kern_return_t>(arguments->scalarInput[0])
                                            : kIOReturnError;
}

}  // namespace

bool ProbeClient::init() {
    if (!super::init()) {
        return false;
    }
    ivars = IONewZero(ProbeClient_IVars, 1);
    return ivars != nullptr;
}

void ProbeClient::free() {
    OSSafeReleaseNULL(ivars->shared);
    OSSafeReleaseNULL(ivars->held);
    OSSafeReleaseNULL(ivars->completion);
    IOSafeDeleteNULL(ivars, ProbeClient_IVars, 1);
    super::free();
}

kern_return_t IMPL(ProbeClient, Start) {
    ivars->service = provider;
    return Start(provider, SUPERDISPATCH);
}

kern_return_t IMPL(ProbeClient, Stop) {
    ++stops;
    os_log(OS_LOG_DEFAULT, kProbeStopLine);
    OSSafeReleaseNULL(ivars->held);
    OSSafeReleaseNULL(ivars->completion);
    return Stop(provider, SUPERDISPATCH);
}

kern_return_t ProbeClient::MergeCount(uint64_t count) {
    OSDictionary *properties = OSDictionary::withCapacity(1);
    OSNumber *number = OSNumber::withNumber(count, 64);
    properties->setObject("ProbeCount", number);
    kern_return_t ret = ivars->service->SetProperties(properties);
    OSSafeReleaseNULL(number);
    OSSafeReleaseNULL(properties);
    return ret;
}

kern_return_t ProbeClient::AskService(uint64_t selector, IOUserClientMethodArguments *arguments) {
    if (selector == kProbeTerminate) {
        return ivars->service->Terminate(0);
    }
    if (selector == kProbeRegister) {
        return ivars->service->RegisterService();
    }
    return arguments->scalarInputCount == 1 ? MergeCount(arguments->scalarInput[0])
                                            : kIOReturnBadArgument;
}

kern_return_t ProbeClient::AskCompletion(uint64_t selector,
                                         IOUserClientMethodArguments *arguments) {
    if (selector == kProbeKeepCompletion) {
        if (arguments->completion == nullptr) {
            return kIOReturnBadArgument;
        }
        arguments->completion->retain();
        OSSafeReleaseNULL(ivars->completion);
        ivars->completion = arguments->completion;
        return kIOReturnSuccess;
    }
    if (ivars->completion == nullptr || arguments->scalarInputCount != 1) {
        return kIOReturnNotReady;
    }
    const IOUserClientAsyncArgumentsArray words = {arguments->scalarInput[0]};
    AsyncCompletion(ivars->completion, kIOReturnSuccess, words, 1);
    return kIOReturnSuccess;
}

kern_return_t ProbeClient::SendEvents(uint64_t selector, IOUserClientMethodArguments *arguments) {
    if (arguments->completion == nullptr ||
        (selector != kProbeEventOfTwo && arguments->scalarInputCount != 1)) {
        return kIOReturnBadArgument;
    }
    const IOUserClientAsyncArgumentsArray words = {1, 2,  3,  4,  5,  6,  7,  8,
                                                   9, 10, 11, 12, 13, 14, 15, 16};
    const uint64_t count = selector == kProbeEventOfTwo ? 1 : arguments->scalarInput[0];
    for (uint64_t i = 0; i < count; ++i) {
        const uint64_t num_words = selector == kProbeEvents       ? 0
                                   : selector == kProbeEventOfTwo ? 2
                                                                  : 3 + i;
        AsyncCompletion(arguments->completion, static_cast<IOReturn>(i), words,
                        static_cast<uint32_t>(num_words));
    }
    return kIOReturnSuccess;
}

kern_return_t ProbeClient::ReadShared(IOUserClientMethodArguments *arguments) {
    if (ivars->shared == nullptr || arguments->scalarInputCount != arguments->scalarOutputCount) {
        return kIOReturnNotReady;
    }
    return WithBytes(ivars->shared, ^(uint8_t *bytes, uint64_t length) {
        for (uint32_t i = 0; i < arguments->scalarInputCount; ++i) {
            arguments->scalarOutput[i] =
                arguments->scalarInput[i] < length ? bytes[arguments->scalarInput[i]] : 0;
        }
        return true;
    });
}

kern_return_t ProbeClient::Keep(IOUserClientMethodArguments *arguments) {
    if (arguments->structureInputDescriptor == nullptr ||
        arguments->structureOutputDescriptor == nullptr) {
        return kIOReturnBadArgument;
    }
    if (ivars->held == nullptr) {
        ivars->held = OSArray::withCapacity(2);
    }
    for (IOMemoryDescriptor *memory :
         {arguments->structureInputDescriptor, arguments->structureOutputDescriptor}) {
        IOMemoryMap *map = nullptr;
        kern_return_t ret = memory->CreateMapping(0, 0, 0, 0, 0, &map);
        if (ret != kIOReturnSuccess) {
            return ret;
        }
        ivars->held->setObject(map);
        OSSafeReleaseNULL(map);
    }
    return kIOReturnSuccess;
}

kern_return_t ProbeClient::Hold(uint64_t count) {
    if (ivars->held == nullptr) {
        ivars->held = OSArray::withCapacity(static_cast<uint32_t>(count));
    }
    for (uint64_t i = 0; i < count; ++i) {
        IOBufferMemoryDescriptor *buffer = nullptr;
        IOMemoryMap *map = nullptr;
        kern_return_t ret =
            IOBufferMemoryDescriptor::Create(kIOMemoryDirectionInOut, 8192, 0, &buffer);
        if (ret == kIOReturnSuccess) {
            ret = buffer->CreateMapping(0, 0, 0, 0, 0, &map);
        }
        if (ret != kIOReturnSuccess) {
            OSSafeReleaseNULL(buffer);
            return ret;
        }
        ivars->held->setObject(buffer);
        ivars->held->setObject(map);
        OSSafeReleaseNULL(map);
        OSSafeReleaseNULL(buffer);
    }
    return kIOReturnSuccess;
}

kern_return_t ProbeClient::ExternalMethod(uint64_t selector, IOUserClientMethodArguments *arguments,
                                          const IOUserClientMethodDispatch *, OSObject *, void *) {
    switch (selector) {
        case kProbeAddOne:
            return AddOne(arguments);
        case kProbeExactPair:
            return super::ExternalMethod(selector, arguments, &kExactPair, this, nullptr);
        case kProbeCensus:
            return Census(arguments);
        case kProbeCrash:
            CrashAsAsked();
            return kIOReturnSuccess;
        case kProbeExit:
            exit(7);
        case kProbeAbort:
            abort();
        case kProbeSumInput:
            return SumInput(arguments);
        case kProbeFillOutput:
            return FillOutput(arguments);
        case kProbeTooMuchOutput: {
            const uint32_t length =
                static_cast<uint32_t>(arguments->structureOutputMaximumSize) + 1;
            uint8_t *bytes = IONewZero(uint8_t, length);
            arguments->structureOutput = OSData::withBytes(bytes, length);
            IODelete(bytes, uint8_t, length);
            return kIOReturnSuccess;
        }
        case kProbeHold:
            return arguments->scalarInputCount == 1 ? Hold(arguments->scalarInput[0])
                                                    : kIOReturnBadArgument;
        case kProbeStops:
            if (arguments->scalarOutputCount != 1) {
                return kIOReturnBadArgument;
            }
            arguments->scalarOutput[0] = stops;
            return kIOReturnSuccess;
        case kProbeEvents:
        case kProbeEventsWide:
        case kProbeEventOfTwo:
            return SendEvents(selector, arguments);
        case kProbeFail:
            return Fail(arguments);
        case kProbeTerminate:
        case kProbeRegister:
        case kProbeMerge:
            return AskService(selector, arguments);
        case kProbeKeep:
            return Keep(arguments);
        case kProbeKeepCompletion:
        case kProbeComplete:
            return AskCompletion(selector, arguments);
        case kProbeWrongObject:
            arguments->structureOutput =
                reinterpret_cast<OSData *>(OSString::withCString("no structure"));
            return kIOReturnSuccess;
        case kProbeShort:
            return GiveShort(arguments);
        case kProbeReadShared:
            return ReadShared(arguments);
        case kProbeNothing:
            return kIOReturnSuccess;
        case kProbeRecurse:
            return RecurseAsAsked(1);
        case kProbeLogAndCrash:
            os_log(OS_LOG_DEFAULT, kProbeLastLine);
            CrashInHiddenFunction();
            return kIOReturnSuccess;
        case kProbePanicLog:
            return CrashWithPanicLogs();
        case kProbeBlock:
            os_log(OS_LOG_DEFAULT, kProbeBlockLine);
            for (;;) {
                IOSleep(1000);
            }
        default:
            // No table: what the base class says to that.
            return super::ExternalMethod(selector, arguments, nullptr, nullptr, nullptr);
    }
}

kern_return_t IMPL(ProbeClient, CopyClientMemoryForType) {
    if (type == kProbeNullMemory) {
        *memory = nullptr;
        return kIOReturnSuccess;
    }
    if (type != kProbeSharedMemory && type != kProbeReadOnlyMemory) {
        return kIOReturnNoResources;
    }
    if (ivars->shared == nullptr) {
        kern_return_t ret = IOBufferMemoryDescriptor::Create(kIOMemoryDirectionInOut,
                                                             kProbeSharedBytes, 0, &ivars->shared);
        if (ret != kIOReturnSuccess) {
            return ret;
        }
    }
    *options =
        type == kProbeReadOnlyMemory ? static_cast<uint64_t>(kIOUserClientMemoryReadOnly) : 0;
    ivars->shared->retain();
    *memory = ivars->shared;
    return kIOReturnSuccess;
}
