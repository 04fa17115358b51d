// SPDX-License-Identifier: Apache-2.0
#include "UsbBenchClient.h"

#include <DriverKit/DriverKit.h>
#include <USBDriverKit/USBDriverKit.h>
#include <opendext/toolkit.h>
#include <string.h>
#include <time.h>

#include "TransferStream.h"
#include "UsbBenchProtocol.h"
#include "UsbBenchService.h"

namespace {

enum { kVendorIn = 0xC0, kEchoRead = 0x02, kControlBytes = 8, kMaxBytes = 256 * 1024 * 1024 };

uint64_t Now() {
    return clock_gettime_nsec_np(CLOCK_MONOTONIC_RAW);
}

// As many bytes again as were asked for last, touched.
struct Memory {
    uint8_t *bytes;
    uint64_t numBytes;

    bool Resize(uint64_t wanted) {
        if (wanted != numBytes) {
            Free();
            bytes = static_cast<uint8_t *>(IOMalloc(wanted));
            numBytes = bytes != nullptr ? wanted : 0;
            if (bytes != nullptr) {
                memset(bytes, 0x5A, wanted);
            }
        }
        return bytes != nullptr;
    }
    void Free() {
        if (bytes != nullptr) {
            IOFree(bytes, numBytes);
        }
        bytes = nullptr;
        numBytes = 0;
    }
};

}  // namespace

struct UsbBenchClient_IVars {
    UsbBenchService *service;
    Memory source;
    Memory destination;
};

// In the order of UsbBenchSelector.
static const IOUserClientMethodDispatch kMethods[kUsbBenchSelectorCount] = {
    {
        .function = &UsbBenchClient::Stream,
        .checkCompletionExists = 0,
        .checkScalarInputCount = 4,
        .checkStructureInputSize = 0,
        .checkScalarOutputCount = 1,
        .checkStructureOutputSize = 0,
    },
    {
        .function = &UsbBenchClient::Copy,
        .checkCompletionExists = 0,
        .checkScalarInputCount = 1,
        .checkStructureInputSize = 0,
        .checkScalarOutputCount = 1,
        .checkStructureOutputSize = 0,
    },
    {
        .function = &UsbBenchClient::Control,
        .checkCompletionExists = 0,
        .checkScalarInputCount = 0,
        .checkStructureInputSize = 0,
        .checkScalarOutputCount = 0,
        .checkStructureOutputSize = kIOUserClientVariableStructureSize,
    },
    {
        .function = &UsbBenchClient::InFlight,
        .checkCompletionExists = 0,
        .checkScalarInputCount = 1,
        .checkStructureInputSize = 0,
        .checkScalarOutputCount = 1,
        .checkStructureOutputSize = 0,
    },
};

bool UsbBenchClient::init() {
    if (!super::init()) {
        return false;
    }
    ivars = IONewZero(UsbBenchClient_IVars, 1);
    return ivars != nullptr;
}

void UsbBenchClient::free() {
    if (ivars != nullptr) {
        ivars->source.Free();
        ivars->destination.Free();
        OSSafeReleaseNULL(ivars->service);
    }
    IOSafeDeleteNULL(ivars, UsbBenchClient_IVars, 1);
    super::free();
}

kern_return_t IMPL(UsbBenchClient, Start) {
    const kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    ivars->service = OSDynamicCast(UsbBenchService, provider);
    if (ivars->service == nullptr) {
        return kIOReturnBadArgument;
    }
    ivars->service->retain();
    return kIOReturnSuccess;
}

kern_return_t UsbBenchClient::ExternalMethod(uint64_t selector,
                                             IOUserClientMethodArguments *arguments,
                                             const IOUserClientMethodDispatch *dispatch,
                                             OSObject *target, void *reference) {
    if (selector >= kUsbBenchSelectorCount) {
        return kIOReturnBadArgument;
    }
    dispatch = &kMethods[selector];
    if (target == nullptr) {
        target = this;
    }
    return super::ExternalMethod(selector, arguments, dispatch, target, reference);
}

kern_return_t UsbBenchClient::Stream(OSObject *target, void *,
                                     IOUserClientMethodArguments *arguments) {
    UsbBenchClient *client = OSDynamicCast(UsbBenchClient, target);
    const uint64_t numBytes = arguments->scalarInput[0];
    const uint64_t bytesEach = arguments->scalarInput[1];
    const uint64_t depth = arguments->scalarInput[2];
    const bool fills = arguments->scalarInput[3] != 0;
    if (client == nullptr || numBytes == 0 || numBytes > kMaxBytes || bytesEach == 0 ||
        bytesEach > numBytes || depth == 0 || depth > TransferStream::kMaxInFlight) {
        return kIOReturnBadArgument;
    }
    Memory &source = client->ivars->source;
    if (fills && !source.Resize(numBytes)) {
        return kIOReturnNoMemory;
    }
    const uint64_t begin = Now();
    const kern_return_t ret = client->ivars->service->Stream()->Run(
        numBytes, static_cast<uint32_t>(bytesEach), static_cast<uint32_t>(depth),
        fills ? source.bytes : nullptr);
    arguments->scalarOutput[0] = Now() - begin;
    return ret;
}

kern_return_t UsbBenchClient::Copy(OSObject *target, void *,
                                   IOUserClientMethodArguments *arguments) {
    UsbBenchClient *client = OSDynamicCast(UsbBenchClient, target);
    const uint64_t numBytes = arguments->scalarInput[0];
    if (client == nullptr || numBytes == 0 || numBytes > kMaxBytes) {
        return kIOReturnBadArgument;
    }
    Memory &source = client->ivars->source;
    Memory &destination = client->ivars->destination;
    if (!source.Resize(numBytes) || !destination.Resize(numBytes)) {
        return kIOReturnNoMemory;
    }
    const uint64_t begin = Now();
    memcpy(destination.bytes, source.bytes, numBytes);
    arguments->scalarOutput[0] = Now() - begin;
    return kIOReturnSuccess;
}

kern_return_t UsbBenchClient::Control(OSObject *target, void *,
                                      IOUserClientMethodArguments *arguments) {
    UsbBenchClient *client = OSDynamicCast(UsbBenchClient, target);
    if (client == nullptr) {
        return kIOReturnBadArgument;
    }
    IOUSBHostInterface *interface = client->ivars->service->Interface();
    IOBufferMemoryDescriptor *buffer = nullptr;
    kern_return_t ret = interface->CreateIOBuffer(kIOMemoryDirectionIn, kControlBytes, &buffer);
    opendext::toolkit::MethodOutput output(arguments);
    uint64_t before = Now();
    for (uint64_t room = output.capacity(); ret == kIOReturnSuccess && room >= sizeof(uint64_t);
         room -= sizeof(uint64_t)) {
        uint16_t numBytes = 0;
        ret = interface->DeviceRequest(kVendorIn, kEchoRead, 0, 0, kControlBytes, buffer, &numBytes,
                                       0);
        const uint64_t after = Now();
        if (ret == kIOReturnSuccess) {
            ret = output.AppendValue(after - before);
        }
        before = after;
    }
    OSSafeReleaseNULL(buffer);
    return ret == kIOReturnSuccess ? output.Finish() : ret;
}

kern_return_t UsbBenchClient::InFlight(OSObject *target, void *,
                                       IOUserClientMethodArguments *arguments) {
    UsbBenchClient *client = OSDynamicCast(UsbBenchClient, target);
    const uint64_t count = arguments->scalarInput[0];
    if (client == nullptr || count == 0 || count > TransferStream::kMaxAtOnce) {
        return kIOReturnBadArgument;
    }
    return client->ivars->service->Stream()->RunAtOnce(static_cast<uint32_t>(count),
                                                       &arguments->scalarOutput[0]);
}
