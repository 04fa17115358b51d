// SPDX-License-Identifier: Apache-2.0
#include "SerialLineClient.h"

#include <DriverKit/IOBufferMemoryDescriptor.h>
#include <DriverKit/IOLib.h>
#include <opendext/toolkit.h>

#include "SerialLine.h"
#include "SerialLineProtocol.h"

using opendext::toolkit::ConstBytes;
using opendext::toolkit::MethodInput;
using opendext::toolkit::MethodOutput;

struct SerialLineClient_IVars {
    SerialLine *line;  // the provider
    IOBufferMemoryDescriptor *buffer;
    uint8_t *bytes;  // of the buffer
};

static const IOUserClientMethodDispatch kMethods[kSerialLineSelectorCount] = {
    [kSerialLineWrite] =
        {
            .function = &SerialLineClient::HandleWrite,
            .checkCompletionExists = 0,
            .checkScalarInputCount = 0,
            .checkStructureInputSize = kIOUserClientVariableStructureSize,
            .checkScalarOutputCount = 0,
            .checkStructureOutputSize = 0,
        },
    [kSerialLineRead] =
        {
            .function = &SerialLineClient::HandleRead,
            .checkCompletionExists = 0,
            .checkScalarInputCount = 0,
            .checkStructureInputSize = 0,
            .checkScalarOutputCount = 0,
            .checkStructureOutputSize = kIOUserClientVariableStructureSize,
        },
};

bool SerialLineClient::init() {
    if (!super::init()) {
        return false;
    }
    ivars = IONewZero(SerialLineClient_IVars, 1);
    return ivars != nullptr;
}

void SerialLineClient::free() {
    if (ivars != nullptr) {
        OSSafeReleaseNULL(ivars->buffer);
        OSSafeReleaseNULL(ivars->line);
    }
    IOSafeDeleteNULL(ivars, SerialLineClient_IVars, 1);
    super::free();
}

kern_return_t IMPL(SerialLineClient, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    ivars->line = OSDynamicCast(SerialLine, provider);
    if (ivars->line == nullptr) {
        return kIOReturnBadArgument;
    }
    ivars->line->retain();
    ret = IOBufferMemoryDescriptor::Create(kIOMemoryDirectionInOut, kSerialLineMaxBytes, 0,
                                           &ivars->buffer);
    if (ret == kIOReturnSuccess) {
        IOAddressSegment range = {};
        ret = ivars->buffer->GetAddressRange(&range);
        ivars->bytes = reinterpret_cast<uint8_t *>(range.address);
    }
    return ret;
}

kern_return_t SerialLineClient::ExternalMethod(uint64_t selector,
                                               IOUserClientMethodArguments *arguments,
                                               const IOUserClientMethodDispatch *dispatch,
                                               OSObject *target, void *reference) {
    if (selector >= kSerialLineSelectorCount) {
        return kIOReturnBadArgument;
    }
    dispatch = &kMethods[selector];
    if (target == nullptr) {
        target = this;
    }
    return super::ExternalMethod(selector, arguments, dispatch, target, reference);
}

kern_return_t SerialLineClient::HandleWrite(OSObject *target, void *,
                                            IOUserClientMethodArguments *arguments) {
    SerialLineClient *self = OSDynamicCast(SerialLineClient, target);
    MethodInput input(arguments);
    ConstBytes bytes;
    if (input.size() == 0 || input.size() > kSerialLineMaxBytes) {
        return kIOReturnBadArgument;
    }
    const kern_return_t ret = input.GetBytes(&bytes);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    memcpy(self->ivars->bytes, bytes.data, bytes.size);
    return self->ivars->line->Write(self->ivars->buffer, static_cast<uint32_t>(bytes.size));
}

kern_return_t SerialLineClient::HandleRead(OSObject *target, void *,
                                           IOUserClientMethodArguments *arguments) {
    SerialLineClient *self = OSDynamicCast(SerialLineClient, target);
    MethodOutput output(arguments);
    if (output.capacity() == 0 || output.capacity() > kSerialLineMaxBytes) {
        return kIOReturnBadArgument;
    }
    const auto numBytes = static_cast<uint32_t>(output.capacity());
    kern_return_t ret = self->ivars->line->Read(self->ivars->buffer, numBytes);
    if (ret == kIOReturnSuccess) {
        ret = output.Append(ConstBytes(self->ivars->bytes, numBytes));
    }
    return ret == kIOReturnSuccess ? output.Finish() : ret;
}
