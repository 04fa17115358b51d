// SPDX-License-Identifier: Apache-2.0
#include "UsbPumpClient.h"

#include <string.h>

#include <DriverKit/IOLib.h>
#include <DriverKit/OSAction.h>
#include <DriverKit/OSData.h>

#include "UsbPump.h"
#include "UsbPumpProtocol.h"

struct UsbPumpClient_IVars {
    UsbPump *driver;       // the provider, not retained
    OSAction *completion;  // of the application; from before the driver has this client
};

bool UsbPumpClient::init() {
    if (!super::init()) {
        return false;
    }
    ivars = IONewZero(UsbPumpClient_IVars, 1);
    return ivars != nullptr;
}

void UsbPumpClient::free() {
    OSSafeReleaseNULL(ivars->completion);
    IOSafeDeleteNULL(ivars, UsbPumpClient_IVars, 1);
    super::free();
}

kern_return_t IMPL(UsbPumpClient, Start) {
    ivars->driver = OSDynamicCast(UsbPump, provider);
    return ivars->driver == nullptr ? kIOReturnNoDevice : Start(provider, SUPERDISPATCH);
}

kern_return_t IMPL(UsbPumpClient, Stop) {
    ivars->driver->SetReader(nullptr);
    return Stop(provider, SUPERDISPATCH);
}

kern_return_t UsbPumpClient::ExternalMethod(uint64_t selector,
                                            IOUserClientMethodArguments *arguments,
                                            const IOUserClientMethodDispatch *dispatch,
                                            OSObject *target, void *reference) {
    switch (selector) {
        case kUsbPumpWrite:
            return arguments->structureInput == nullptr
                       ? kIOReturnBadArgument
                       : ivars->driver->Send(static_cast<const uint8_t *>(
                                                 arguments->structureInput->getBytesNoCopy()),
                                             arguments->structureInput->getLength());
        case kUsbPumpRead:
            if (arguments->completion == nullptr || ivars->completion != nullptr) {
                return kIOReturnBadArgument;
            }
            ivars->completion = arguments->completion;
            ivars->completion->retain();
            ivars->driver->SetReader(this);
            return kIOReturnSuccess;
        default:
            return super::ExternalMethod(selector, arguments, dispatch, target, reference);
    }
}

void UsbPumpClient::Deliver(const uint8_t *bytes, uint32_t length) {
    IOUserClientAsyncArgumentsArray words = {length};
    memcpy(&words[1], bytes, length);
    const uint32_t count = 1 + (length + 7) / 8;
    AsyncCompletion(ivars->completion, kIOReturnSuccess, words,
                    count < kUsbPumpLeastWords ? kUsbPumpLeastWords : count);
}
