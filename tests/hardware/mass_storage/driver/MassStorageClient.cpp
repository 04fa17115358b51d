// SPDX-License-Identifier: Apache-2.0
#include "MassStorageClient.h"

#include <DriverKit/IOBufferMemoryDescriptor.h>
#include <DriverKit/IOLib.h>
#include <opendext/toolkit.h>

#include "MassStorageDisk.h"
#include "MassStorageProtocol.h"

using opendext::toolkit::ConstBytes;
using opendext::toolkit::MethodOutput;

struct MassStorageClient_IVars {
    MassStorageDisk *disk;             // the provider
    IOBufferMemoryDescriptor *buffer;  // for what travels in the call
};

static const IOUserClientMethodDispatch kMethods[kMassStorageSelectorCount] = {
    [kMassStorageGetCapacity] =
        {
            .function = &MassStorageClient::HandleGetCapacity,
            .checkCompletionExists = 0,
            .checkScalarInputCount = 0,
            .checkStructureInputSize = 0,
            .checkScalarOutputCount = 2,
            .checkStructureOutputSize = 0,
        },
    [kMassStorageRead] =
        {
            .function = &MassStorageClient::HandleRead,
            .checkCompletionExists = 0,
            .checkScalarInputCount = 2,
            .checkStructureInputSize = 0,
            .checkScalarOutputCount = 0,
            .checkStructureOutputSize = kIOUserClientVariableStructureSize,
        },
    [kMassStorageMeasure] =
        {
            .function = &MassStorageClient::HandleMeasure,
            .checkCompletionExists = 1,
            .checkScalarInputCount = 2,
            .checkStructureInputSize = 0,
            .checkScalarOutputCount = 0,
            .checkStructureOutputSize = 0,
        },
};

bool MassStorageClient::init() {
    if (!super::init()) {
        return false;
    }
    ivars = IONewZero(MassStorageClient_IVars, 1);
    return ivars != nullptr;
}

void MassStorageClient::free() {
    if (ivars != nullptr) {
        OSSafeReleaseNULL(ivars->buffer);
        OSSafeReleaseNULL(ivars->disk);
    }
    IOSafeDeleteNULL(ivars, MassStorageClient_IVars, 1);
    super::free();
}

kern_return_t IMPL(MassStorageClient, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    ivars->disk = OSDynamicCast(MassStorageDisk, provider);
    if (ivars->disk == nullptr) {
        return kIOReturnBadArgument;
    }
    ivars->disk->retain();
    return IOBufferMemoryDescriptor::Create(kIOMemoryDirectionInOut, kMassStorageTransferBytes, 0,
                                            &ivars->buffer);
}

kern_return_t MassStorageClient::ExternalMethod(uint64_t selector,
                                                IOUserClientMethodArguments *arguments,
                                                const IOUserClientMethodDispatch *dispatch,
                                                OSObject *target, void *reference) {
    if (selector >= kMassStorageSelectorCount) {
        return kIOReturnBadArgument;
    }
    dispatch = &kMethods[selector];
    if (target == nullptr) {
        target = this;
    }
    return super::ExternalMethod(selector, arguments, dispatch, target, reference);
}

kern_return_t MassStorageClient::HandleGetCapacity(OSObject *target, void *,
                                                   IOUserClientMethodArguments *arguments) {
    MassStorageClient *self = OSDynamicCast(MassStorageClient, target);
    uint32_t numBlocks = 0;
    uint32_t blockBytes = 0;
    const kern_return_t ret = self->ivars->disk->GetCapacity(&numBlocks, &blockBytes);
    arguments->scalarOutput[0] = numBlocks;
    arguments->scalarOutput[1] = blockBytes;
    return ret;
}

// A large structure is the application's own memory, and the disk's data goes straight there.
kern_return_t MassStorageClient::HandleRead(OSObject *target, void *,
                                            IOUserClientMethodArguments *arguments) {
    MassStorageClient *self = OSDynamicCast(MassStorageClient, target);
    const uint64_t block = arguments->scalarInput[0];
    const uint64_t count = arguments->scalarInput[1];
    uint32_t numBlocks = 0;
    uint32_t blockBytes = 0;
    kern_return_t ret = self->ivars->disk->GetCapacity(&numBlocks, &blockBytes);
    MethodOutput output(arguments);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    if (block >= numBlocks || count == 0 || count > output.capacity() / blockBytes) {
        return kIOReturnBadArgument;
    }
    IOMemoryDescriptor *memory = output.descriptor();
    if (memory == nullptr) {
        if (count * blockBytes > kMassStorageTransferBytes) {
            return kIOReturnBadArgument;
        }
        memory = self->ivars->buffer;
    }
    ret = self->ivars->disk->ReadBlocks(static_cast<uint32_t>(block), static_cast<uint32_t>(count),
                                        memory);
    if (ret != kIOReturnSuccess || memory == output.descriptor()) {
        return ret;
    }
    IOAddressSegment range = {};
    self->ivars->buffer->GetAddressRange(&range);
    ret = output.Append(ConstBytes(reinterpret_cast<const void *>(range.address),
                                   static_cast<size_t>(count * blockBytes)));
    return ret == kIOReturnSuccess ? output.Finish() : ret;
}

kern_return_t MassStorageClient::HandleMeasure(OSObject *target, void *,
                                               IOUserClientMethodArguments *arguments) {
    MassStorageClient *self = OSDynamicCast(MassStorageClient, target);
    const uint64_t numTransfers = arguments->scalarInput[0];
    const uint64_t numAtATime = arguments->scalarInput[1];
    if (numTransfers > UINT32_MAX || numAtATime > UINT32_MAX) {
        return kIOReturnBadArgument;
    }
    return self->ivars->disk->Measure(self, arguments->completion,
                                      static_cast<uint32_t>(numTransfers),
                                      static_cast<uint32_t>(numAtATime));
}
