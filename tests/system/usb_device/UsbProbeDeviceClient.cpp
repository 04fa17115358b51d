// SPDX-License-Identifier: Apache-2.0
#include "UsbProbeDeviceClient.h"

#include <DriverKit/IOLib.h>
#include <USBDriverKit/IOUSBHostDevice.h>
#include <USBDriverKit/IOUSBHostInterface.h>

#include "UsbProbeDevice.h"
#include "UsbProbeProtocol.h"

enum { kVendorOut = 0x40 };

struct UsbProbeDeviceClient_IVars {
    UsbProbeDevice *driver;  // the provider, not retained
};

bool UsbProbeDeviceClient::init() {
    if (!super::init()) {
        return false;
    }
    ivars = IONewZero(UsbProbeDeviceClient_IVars, 1);
    return ivars != nullptr;
}

void UsbProbeDeviceClient::free() {
    IOSafeDeleteNULL(ivars, UsbProbeDeviceClient_IVars, 1);
    super::free();
}

kern_return_t IMPL(UsbProbeDeviceClient, Start) {
    ivars->driver = OSDynamicCast(UsbProbeDevice, provider);
    return ivars->driver == nullptr ? kIOReturnNoDevice : Start(provider, SUPERDISPATCH);
}

kern_return_t UsbProbeDeviceClient::CountInterfaces(IOUserClientMethodArguments *arguments) {
    IOUSBHostDevice *device = ivars->driver->Device();
    uintptr_t iterator = 0;
    uint64_t count = 0;
    kern_return_t ret = device->CreateInterfaceIterator(&iterator);
    IOUSBHostInterface *interface = nullptr;
    while (ret == kIOReturnSuccess &&
           (ret = device->CopyInterface(iterator, &interface)) == kIOReturnSuccess &&
           interface != nullptr) {
        ++count;
        OSSafeReleaseNULL(interface);
    }
    device->DestroyInterfaceIterator(iterator);
    arguments->scalarOutput[0] = count;
    return ret;
}

kern_return_t UsbProbeDeviceClient::ExternalMethod(uint64_t selector,
                                                   IOUserClientMethodArguments *arguments,
                                                   const IOUserClientMethodDispatch * /*dispatch*/,
                                                   OSObject * /*target*/, void * /*reference*/) {
    IOUSBHostDevice *device = ivars->driver->Device();
    const uint64_t *in = arguments->scalarInput;
    if (selector == kUsbProbeVendorRequest && arguments->scalarInputCount == 3) {
        uint16_t transferred = 0;
        return device->DeviceRequest(ivars->driver, kVendorOut, static_cast<uint8_t>(in[0]),
                                     static_cast<uint16_t>(in[1]), static_cast<uint16_t>(in[2]), 0,
                                     nullptr, &transferred, 5000);
    }
    if (selector == kUsbProbeConfigure && arguments->scalarInputCount == 2) {
        return device->SetConfiguration(static_cast<uint8_t>(in[0]), in[1] != 0);
    }
    return selector == kUsbProbeCountInterfaces ? CountInterfaces(arguments) : kIOReturnUnsupported;
}
