// SPDX-License-Identifier: Apache-2.0
#include "UsbProbeInterface.h"

#include <DriverKit/IOLib.h>
#include <DriverKit/IOUserClient.h>
#include <USBDriverKit/IOUSBHostInterface.h>
#include <os/log.h>

#include "UsbProbeProtocol.h"

struct UsbProbeInterface_IVars {
    IOUSBHostInterface *interface;  // the provider, not retained
};

bool UsbProbeInterface::init() {
    if (!super::init()) {
        return false;
    }
    ivars = IONewZero(UsbProbeInterface_IVars, 1);
    return ivars != nullptr;
}

void UsbProbeInterface::free() {
    IOSafeDeleteNULL(ivars, UsbProbeInterface_IVars, 1);
    super::free();
}

kern_return_t IMPL(UsbProbeInterface, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    ivars->interface = OSDynamicCast(IOUSBHostInterface, provider);
    ret =
        ivars->interface == nullptr ? kIOReturnNoDevice : ivars->interface->Open(this, 0, nullptr);
    if (ret != kIOReturnSuccess) {
        os_log(OS_LOG_DEFAULT, "UsbProbeInterface: Open failed with %#x", ret);
        return ret;
    }
    return RegisterService();
}

kern_return_t IMPL(UsbProbeInterface, Stop) {
    os_log(OS_LOG_DEFAULT, kUsbProbeInterfaceStops);
    ivars->interface->Close(this, 0);
    return Stop(provider, SUPERDISPATCH);
}

kern_return_t IMPL(UsbProbeInterface, NewUserClient) {
    IOService *client = nullptr;
    kern_return_t ret = Create(this, "UserClientProperties", &client);
    if (ret == kIOReturnSuccess) {
        *userClient = OSDynamicCast(IOUserClient, client);
    }
    return ret;
}

IOUSBHostInterface *UsbProbeInterface::Interface() {
    return ivars->interface;
}
