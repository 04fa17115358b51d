// SPDX-License-Identifier: Apache-2.0
#include "FpgaClient.h"

#include <DriverKit/IOLib.h>
#include <opendext/toolkit.h>
#include <os/log.h>

#include "FpgaDriver.h"
#include "FpgaProtocol.h"
#include "TransferEngine.h"

using opendext::toolkit::Bytes;
using opendext::toolkit::ConstBytes;
using opendext::toolkit::MethodInput;
using opendext::toolkit::MethodOutput;

struct FpgaClient_IVars {
    FpgaDriver *driver;
};

// In the order of FpgaSelector.
static const IOUserClientMethodDispatch kMethods[kFpgaSelectorCount] = {
    {
        .function = &FpgaClient::HandleGetInfo,
        .checkCompletionExists = 0,
        .checkScalarInputCount = 0,
        .checkStructureInputSize = 0,
        .checkScalarOutputCount = kFpgaInfoWords,
        .checkStructureOutputSize = 0,
    },
    {
        .function = &FpgaClient::HandleRead,
        .checkCompletionExists = 0,
        .checkScalarInputCount = 1,
        .checkStructureInputSize = 0,
        .checkScalarOutputCount = 0,
        .checkStructureOutputSize = kIOUserClientVariableStructureSize,
    },
    {
        .function = &FpgaClient::HandleWrite,
        .checkCompletionExists = 0,
        .checkScalarInputCount = 1,
        .checkStructureInputSize = kIOUserClientVariableStructureSize,
        .checkScalarOutputCount = 0,
        .checkStructureOutputSize = 0,
    },
};

bool FpgaClient::init() {
    if (!super::init()) {
        return false;
    }
    ivars = IONewZero(FpgaClient_IVars, 1);
    return ivars != nullptr;
}

void FpgaClient::free() {
    if (ivars != nullptr) {
        OSSafeReleaseNULL(ivars->driver);
    }
    IOSafeDeleteNULL(ivars, FpgaClient_IVars, 1);
    super::free();
}

kern_return_t IMPL(FpgaClient, Start) {
    const kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    ivars->driver = OSDynamicCast(FpgaDriver, provider);
    if (ivars->driver == nullptr) {
        return kIOReturnBadArgument;
    }
    ivars->driver->retain();
    return kIOReturnSuccess;
}

// Calls run on the queue that this runs on: none is under way.
kern_return_t IMPL(FpgaClient, Stop) {
    return Stop(provider, SUPERDISPATCH);
}

kern_return_t FpgaClient::ExternalMethod(uint64_t selector, IOUserClientMethodArguments *arguments,
                                         const IOUserClientMethodDispatch *dispatch,
                                         OSObject *target, void *reference) {
    if (selector >= kFpgaSelectorCount) {
        return kIOReturnBadArgument;
    }
    dispatch = &kMethods[selector];
    if (target == nullptr) {
        target = this;
    }
    return super::ExternalMethod(selector, arguments, dispatch, target, reference);
}

static TransferEngine *EngineOf(OSObject *target) {
    FpgaClient *client = OSDynamicCast(FpgaClient, target);
    return client != nullptr ? client->ivars->driver->Engine() : nullptr;
}

kern_return_t FpgaClient::HandleGetInfo(OSObject *target, void *,
                                        IOUserClientMethodArguments *arguments) {
    const TransferEngine *engine = EngineOf(target);
    if (engine == nullptr) {
        return kIOReturnError;
    }
    arguments->scalarOutput[kFpgaInfoRamBytes] = engine->RamBytes();
    arguments->scalarOutput[kFpgaInfoVersion] = engine->Version();
    return kIOReturnSuccess;
}

// Up to 4096 bytes are answered in a message of their own; more go straight into the client's
// memory.
kern_return_t FpgaClient::HandleRead(OSObject *target, void *,
                                     IOUserClientMethodArguments *arguments) {
    TransferEngine *engine = EngineOf(target);
    const uint64_t cardAddress = arguments->scalarInput[0];
    MethodOutput output(arguments);
    const uint64_t numBytes = output.capacity();
    if (engine == nullptr || numBytes == 0 || numBytes > kFpgaMaxTransferBytes) {
        return kIOReturnBadArgument;
    }
    if (output.descriptor() != nullptr) {
        return engine->Move(TransferDirection::kFromCard, cardAddress, output.descriptor(),
                            numBytes);
    }
    Bytes room;
    kern_return_t ret = output.GetRoom(numBytes, &room);
    if (ret == kIOReturnSuccess) {
        ret = engine->Read(cardAddress, room);
    }
    if (ret == kIOReturnSuccess) {
        ret = output.SetLength(numBytes);
    }
    return ret == kIOReturnSuccess ? output.Finish() : ret;
}

kern_return_t FpgaClient::HandleWrite(OSObject *target, void *,
                                      IOUserClientMethodArguments *arguments) {
    TransferEngine *engine = EngineOf(target);
    const uint64_t cardAddress = arguments->scalarInput[0];
    MethodInput input(arguments);
    if (engine == nullptr || input.size() == 0 || input.size() > kFpgaMaxTransferBytes) {
        return kIOReturnBadArgument;
    }
    if (input.descriptor() != nullptr) {
        return engine->Move(TransferDirection::kToCard, cardAddress, input.descriptor(),
                            input.size());
    }
    ConstBytes bytes;
    const kern_return_t ret = input.GetBytes(&bytes);
    return ret == kIOReturnSuccess ? engine->Write(cardAddress, bytes) : ret;
}
