// SPDX-License-Identifier: Apache-2.0
#include "MemoryBenchClient.h"

#include <DriverKit/IOLib.h>
#include <opendext/toolkit.h>

#include "KeptObjects.h"
#include "MemoryBenchProtocol.h"
#include "Operations.h"
#include "Words.h"

namespace toolkit = opendext::toolkit;

struct MemoryBenchClient_IVars {
    KeptObjects kept[kMemoryBenchKeptCount];
};

// In the order of MemoryBenchSelector.
static const IOUserClientMethodDispatch kMethods[kMemoryBenchSelectorCount] = {
    {
        .function = &MemoryBenchClient::Take,
        .checkCompletionExists = 0,
        .checkScalarInputCount = 0,
        .checkStructureInputSize = kIOUserClientVariableStructureSize,
        .checkScalarOutputCount = 2,
        .checkStructureOutputSize = 0,
    },
    {
        .function = &MemoryBenchClient::Give,
        .checkCompletionExists = 0,
        .checkScalarInputCount = 2,
        .checkStructureInputSize = 0,
        .checkScalarOutputCount = 0,
        .checkStructureOutputSize = kIOUserClientVariableStructureSize,
    },
    {
        .function = &MemoryBenchClient::Reach,
        .checkCompletionExists = 0,
        .checkScalarInputCount = 3,
        .checkStructureInputSize = 0,
        .checkScalarOutputCount = 2,
        .checkStructureOutputSize = 0,
    },
    {
        .function = &MemoryBenchClient::Keep,
        .checkCompletionExists = 0,
        .checkScalarInputCount = 2,
        .checkStructureInputSize = 0,
        .checkScalarOutputCount = 0,
        .checkStructureOutputSize = 0,
    },
    {
        .function = &MemoryBenchClient::Time,
        .checkCompletionExists = 0,
        .checkScalarInputCount = 2,
        .checkStructureInputSize = 0,
        .checkScalarOutputCount = 0,
        .checkStructureOutputSize = kIOUserClientVariableStructureSize,
    },
    {
        .function = &MemoryBenchClient::Sum,
        .checkCompletionExists = 0,
        .checkScalarInputCount = 0,
        .checkStructureInputSize = kIOUserClientVariableStructureSize,
        .checkScalarOutputCount = 3,
        .checkStructureOutputSize = 0,
    },
};

bool MemoryBenchClient::init() {
    if (!super::init()) {
        return false;
    }
    ivars = IONewZero(MemoryBenchClient_IVars, 1);
    return ivars != nullptr;
}

void MemoryBenchClient::free() {
    if (ivars != nullptr) {
        for (KeptObjects &kept : ivars->kept) {
            kept.Clear();
        }
    }
    IOSafeDeleteNULL(ivars, MemoryBenchClient_IVars, 1);
    super::free();
}

kern_return_t MemoryBenchClient::ExternalMethod(uint64_t selector,
                                                IOUserClientMethodArguments *arguments,
                                                const IOUserClientMethodDispatch *, OSObject *,
                                                void *reference) {
    if (selector >= kMemoryBenchSelectorCount) {
        return kIOReturnBadArgument;
    }
    return super::ExternalMethod(selector, arguments, &kMethods[selector], this, reference);
}

/// The bytes of `input`, whose first and last word go to the scalar output.
static kern_return_t TakeInput(toolkit::MethodInput &input, IOUserClientMethodArguments *arguments,
                               toolkit::ConstBytes *bytes) {
    if (input.size() < sizeof(uint32_t)) {
        return kIOReturnUnderrun;
    }
    const kern_return_t ret = input.GetBytes(bytes);
    if (ret == kIOReturnSuccess) {
        ReadEnds(bytes->data, bytes->size, arguments->scalarOutput);
    }
    return ret;
}

kern_return_t MemoryBenchClient::Take(OSObject *, void *, IOUserClientMethodArguments *arguments) {
    toolkit::MethodInput input(arguments);
    toolkit::ConstBytes bytes;
    return TakeInput(input, arguments, &bytes);
}

kern_return_t MemoryBenchClient::Sum(OSObject *, void *, IOUserClientMethodArguments *arguments) {
    toolkit::MethodInput input(arguments);
    toolkit::ConstBytes bytes;
    const kern_return_t ret = TakeInput(input, arguments, &bytes);
    if (ret == kIOReturnSuccess) {
        arguments->scalarOutput[2] = SumOf(bytes.data, bytes.size);
    }
    return ret;
}

kern_return_t MemoryBenchClient::Give(OSObject *, void *, IOUserClientMethodArguments *arguments) {
    const uint32_t word = static_cast<uint32_t>(arguments->scalarInput[0]);
    const bool all = arguments->scalarInput[1] != 0;
    toolkit::MethodOutput output(arguments);
    if (output.capacity() < sizeof(word)) {
        return kIOReturnUnderrun;
    }
    toolkit::Bytes bytes;
    kern_return_t ret = output.GetRoom(output.capacity(), &bytes);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    WriteWords(bytes.data, bytes.size, word, all);
    ret = output.SetLength(bytes.size);
    return ret == kIOReturnSuccess ? output.Finish() : ret;
}

kern_return_t MemoryBenchClient::Reach(OSObject *target, void *,
                                       IOUserClientMethodArguments *arguments) {
    MemoryBenchClient *client = OSDynamicCast(MemoryBenchClient, target);
    const IOAddressSegment segments[32] = {
        {.address = arguments->scalarInput[0], .length = arguments->scalarInput[1]}};
    const uint64_t options = arguments->scalarInput[2];
    const bool writes = (options & kIOMemoryDirectionIn) != 0;
    if (client == nullptr || segments[0].length < sizeof(uint32_t)) {
        return kIOReturnBadArgument;
    }
    IOMemoryDescriptor *memory = nullptr;
    kern_return_t ret = client->CreateMemoryDescriptorFromClient(options, 1, segments, &memory);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    toolkit::Mapping mapping;
    ret = mapping.Map(memory,
                      writes ? toolkit::MappingAccess::kReadWrite : toolkit::MappingAccess::kRead);
    memory->release();
    if (ret == kIOReturnSuccess) {
        ReadEnds(mapping.bytes().data, mapping.bytes().size, arguments->scalarOutput);
    }
    if (ret == kIOReturnSuccess && writes) {
        const uint32_t first = static_cast<uint32_t>(arguments->scalarOutput[0]);
        WriteWord(mapping.writable_bytes().data, first + 1);
    }
    return ret;
}

kern_return_t MemoryBenchClient::Keep(OSObject *target, void *,
                                      IOUserClientMethodArguments *arguments) {
    MemoryBenchClient *client = OSDynamicCast(MemoryBenchClient, target);
    const uint64_t kind = arguments->scalarInput[0];
    if (client == nullptr || kind >= kMemoryBenchKeptCount) {
        return kIOReturnBadArgument;
    }
    KeptObjects &kept = client->ivars->kept[kind];
    kept.Clear();
    return kept.Make(arguments->scalarInput[1],
                     kind == kMemoryBenchKeepBuffers ? &MakeKeptBuffer : &MakeKeptMapping);
}

kern_return_t MemoryBenchClient::Time(OSObject *, void *, IOUserClientMethodArguments *arguments) {
    uint64_t samples[512];
    toolkit::MethodOutput output(arguments);
    const uint64_t numSamples = output.capacity() / sizeof(samples[0]);
    if (numSamples > sizeof(samples) / sizeof(samples[0])) {
        return kIOReturnBadArgument;
    }
    kern_return_t ret =
        TimeOperation(arguments->scalarInput[0], arguments->scalarInput[1], samples, numSamples);
    if (ret == kIOReturnSuccess) {
        ret = output.Append(toolkit::ConstBytes(samples, numSamples * sizeof(samples[0])));
    }
    return ret == kIOReturnSuccess ? output.Finish() : ret;
}
