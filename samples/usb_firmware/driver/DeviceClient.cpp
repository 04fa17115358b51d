// SPDX-License-Identifier: Apache-2.0
#include "DeviceClient.h"

#include <DriverKit/IOLib.h>
#include <opendext/toolkit.h>

#include "FirmwareDevice.h"
#include "FirmwareProtocol.h"

struct DeviceClient_IVars {
    FirmwareDevice *device;
};

// In the order of DeviceSelector.
static const IOUserClientMethodDispatch kMethods[kDeviceSelectorCount] = {
    {
        .function = &DeviceClient::HandleGetFirmware,
        .checkCompletionExists = 0,
        .checkScalarInputCount = 0,
        .checkStructureInputSize = 0,
        .checkScalarOutputCount = 0,
        .checkStructureOutputSize = sizeof(FirmwareReport),
    },
    {
        .function = &DeviceClient::HandleEnterLoader,
        .checkCompletionExists = 0,
        .checkScalarInputCount = 0,
        .checkStructureInputSize = 0,
        .checkScalarOutputCount = 0,
        .checkStructureOutputSize = 0,
    },
};

bool DeviceClient::init() {
    if (!super::init()) {
        return false;
    }
    ivars = IONewZero(DeviceClient_IVars, 1);
    return ivars != nullptr;
}

void DeviceClient::free() {
    if (ivars != nullptr) {
        OSSafeReleaseNULL(ivars->device);
    }
    IOSafeDeleteNULL(ivars, DeviceClient_IVars, 1);
    super::free();
}

kern_return_t IMPL(DeviceClient, Start) {
    const kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    ivars->device = OSDynamicCast(FirmwareDevice, provider);
    if (ivars->device == nullptr) {
        return kIOReturnBadArgument;
    }
    ivars->device->retain();
    return kIOReturnSuccess;
}

kern_return_t DeviceClient::ExternalMethod(uint64_t selector,
                                           IOUserClientMethodArguments *arguments,
                                           const IOUserClientMethodDispatch *dispatch,
                                           OSObject *target, void *reference) {
    if (selector >= kDeviceSelectorCount) {
        return kIOReturnBadArgument;
    }
    dispatch = &kMethods[selector];
    if (target == nullptr) {
        target = this;
    }
    return super::ExternalMethod(selector, arguments, dispatch, target, reference);
}

kern_return_t DeviceClient::HandleGetFirmware(OSObject *target, void *,
                                              IOUserClientMethodArguments *arguments) {
    DeviceClient *client = OSDynamicCast(DeviceClient, target);
    if (client == nullptr) {
        return kIOReturnError;
    }
    FirmwareReport report = {};
    kern_return_t ret = client->ivars->device->GetFirmware(&report);
    opendext::toolkit::MethodOutput output(arguments);
    if (ret == kIOReturnSuccess) {
        ret = output.AppendValue(report);
    }
    return ret == kIOReturnSuccess ? output.Finish() : ret;
}

kern_return_t DeviceClient::HandleEnterLoader(OSObject *target, void *,
                                              IOUserClientMethodArguments *) {
    DeviceClient *client = OSDynamicCast(DeviceClient, target);
    return client != nullptr ? client->ivars->device->EnterLoader() : kIOReturnError;
}
