// SPDX-License-Identifier: Apache-2.0
#include "UsbProbeDevice.h"

#include <DriverKit/IOLib.h>
#include <DriverKit/IOUserClient.h>
#include <DriverKit/OSCollections.h>
#include <USBDriverKit/IOUSBHostDevice.h>
#include <os/log.h>

#include "UsbProbeProtocol.h"

struct UsbProbeDevice_IVars {
    IOUSBHostDevice *device;  // the provider, not retained
};

bool UsbProbeDevice::init() {
    if (!super::init()) {
        return false;
    }
    ivars = IONewZero(UsbProbeDevice_IVars, 1);
    return ivars != nullptr;
}

void UsbProbeDevice::free() {
    IOSafeDeleteNULL(ivars, UsbProbeDevice_IVars, 1);
    super::free();
}

uint8_t UsbProbeDevice::ConfigurationToSet() {
    OSContainer *value = nullptr;
    uint8_t configuration = 0;
    if (SearchProperty("Configuration", "IOService", 0, &value) == kIOReturnSuccess) {
        OSNumber *number = OSDynamicCast(OSNumber, value);
        configuration = number == nullptr ? 0 : number->unsigned8BitValue();
    }
    OSSafeReleaseNULL(value);
    return configuration;
}

kern_return_t IMPL(UsbProbeDevice, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    ivars->device = OSDynamicCast(IOUSBHostDevice, provider);
    ret = ivars->device == nullptr ? kIOReturnNoDevice : ivars->device->Open(this, 0, 0);
    const uint8_t configuration = ConfigurationToSet();
    if (ret == kIOReturnSuccess && configuration != 0) {
        ret = ivars->device->SetConfiguration(configuration, true);
    }
    if (ret != kIOReturnSuccess) {
        os_log(OS_LOG_DEFAULT, "UsbProbeDevice: Start failed with %#x", ret);
        return ret;
    }
    return RegisterService();
}

kern_return_t IMPL(UsbProbeDevice, Stop) {
    os_log(OS_LOG_DEFAULT, kUsbProbeDeviceStops);
    ivars->device->Close(this, 0);
    return Stop(provider, SUPERDISPATCH);
}

kern_return_t IMPL(UsbProbeDevice, NewUserClient) {
    IOService *client = nullptr;
    kern_return_t ret = Create(this, "UserClientProperties", &client);
    if (ret == kIOReturnSuccess) {
        *userClient = OSDynamicCast(IOUserClient, client);
    }
    return ret;
}

IOUSBHostDevice *UsbProbeDevice::Device() {
    return ivars->device;
}
