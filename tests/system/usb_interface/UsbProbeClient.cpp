// SPDX-License-Identifier: Apache-2.0
#include "UsbProbeClient.h"

#include <string.h>

#include <DriverKit/IOBufferMemoryDescriptor.h>
#include <DriverKit/IOLib.h>
#include <DriverKit/OSAction.h>
#include <DriverKit/OSCollections.h>
#include <USBDriverKit/USBDriverKit.h>

#include "UsbProbeInterface.h"
#include "UsbProbeProtocol.h"

enum { kLoopbackOut = 0x01, kLoopbackIn = 0x81, kVendorOut = 0x40, kReadBytes = 64 };

struct UsbProbeClient_IVars {
    UsbProbeInterface *driver;  // the provider, not retained
    OSAction *completion;       // of the application
    OSAction *read;
    IOUSBHostPipe *in;
    IOBufferMemoryDescriptor *buffer;
};

bool UsbProbeClient::init() {
    if (!super::init()) {
        return false;
    }
    ivars = IONewZero(UsbProbeClient_IVars, 1);
    return ivars != nullptr;
}

void UsbProbeClient::free() {
    OSSafeReleaseNULL(ivars->completion);
    OSSafeReleaseNULL(ivars->read);
    OSSafeReleaseNULL(ivars->in);
    OSSafeReleaseNULL(ivars->buffer);
    IOSafeDeleteNULL(ivars, UsbProbeClient_IVars, 1);
    super::free();
}

kern_return_t IMPL(UsbProbeClient, Start) {
    ivars->driver = OSDynamicCast(UsbProbeInterface, provider);
    return ivars->driver == nullptr ? kIOReturnNoDevice : Start(provider, SUPERDISPATCH);
}

kern_return_t IMPL(UsbProbeClient, Stop) {
    if (ivars->in != nullptr) {
        ivars->in->Abort(0, kIOReturnAborted, nullptr);
    }
    return Stop(provider, SUPERDISPATCH);
}

kern_return_t UsbProbeClient::Echo(IOUserClientMethodArguments *arguments) {
    if (arguments->structureInput == nullptr) {
        return kIOReturnBadArgument;
    }
    IOUSBHostInterface *interface = ivars->driver->Interface();
    const uint32_t length = static_cast<uint32_t>(arguments->structureInput->getLength());
    IOUSBHostPipe *out = nullptr;
    IOUSBHostPipe *in = nullptr;
    IOBufferMemoryDescriptor *buffer = nullptr;
    kern_return_t ret = interface->CopyPipe(kLoopbackOut, &out);
    if (ret == kIOReturnSuccess) {
        ret = interface->CopyPipe(kLoopbackIn, &in);
    }
    if (ret == kIOReturnSuccess) {
        ret = interface->CreateIOBuffer(kIOMemoryDirectionInOut, length, &buffer);
    }
    IOAddressSegment range = {};
    if (ret == kIOReturnSuccess && (ret = buffer->GetAddressRange(&range)) == kIOReturnSuccess) {
        uint8_t *bytes = reinterpret_cast<uint8_t *>(range.address);
        memcpy(bytes, arguments->structureInput->getBytesNoCopy(), length);
        ret = out->IO(buffer, length, nullptr, 0);
        memset(bytes, 0, length);
    }
    uint32_t received = 0;
    if (ret == kIOReturnSuccess &&
        (ret = in->IO(buffer, length, &received, 0)) == kIOReturnSuccess) {
        arguments->structureOutput =
            OSData::withBytes(reinterpret_cast<const void *>(range.address), received);
    }
    OSSafeReleaseNULL(out);
    OSSafeReleaseNULL(in);
    OSSafeReleaseNULL(buffer);
    return ret;
}

kern_return_t UsbProbeClient::Read(IOUserClientMethodArguments *arguments) {
    if (arguments->completion == nullptr || ivars->completion != nullptr) {
        return kIOReturnBadArgument;
    }
    IOUSBHostInterface *interface = ivars->driver->Interface();
    kern_return_t ret = interface->CopyPipe(kLoopbackIn, &ivars->in);
    if (ret == kIOReturnSuccess) {
        ret = interface->CreateIOBuffer(kIOMemoryDirectionIn, kReadBytes, &ivars->buffer);
    }
    if (ret == kIOReturnSuccess) {
        ret = CreateActionReadCompleted(0, &ivars->read);
    }
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    arguments->completion->retain();
    ivars->completion = arguments->completion;
    return ivars->in->AsyncIO(ivars->buffer, kReadBytes, ivars->read, 0);
}

void IMPL(UsbProbeClient, ReadCompleted) {
    IOUserClientAsyncArgumentsArray words = {static_cast<uint32_t>(status), actualByteCount};
    AsyncCompletion(ivars->completion, kIOReturnSuccess, words, 2);
    OSSafeReleaseNULL(ivars->read);  // which keeps this client
}

kern_return_t UsbProbeClient::VendorRequest(IOUserClientMethodArguments *arguments) {
    if (arguments->scalarInputCount != 3) {
        return kIOReturnBadArgument;
    }
    uint16_t transferred = 0;
    return ivars->driver->Interface()->DeviceRequest(
        kVendorOut, static_cast<uint8_t>(arguments->scalarInput[0]),
        static_cast<uint16_t>(arguments->scalarInput[1]),
        static_cast<uint16_t>(arguments->scalarInput[2]), 0, nullptr, &transferred, 5000);
}

kern_return_t UsbProbeClient::CountInterfaces(IOUserClientMethodArguments *arguments) {
    IOUSBHostDevice *device = nullptr;
    kern_return_t ret = ivars->driver->Interface()->CopyDevice(&device);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    uintptr_t iterator = 0;
    uint64_t count = 0;
    ret = device->CreateInterfaceIterator(&iterator);
    IOUSBHostInterface *interface = nullptr;
    while (ret == kIOReturnSuccess &&
           (ret = device->CopyInterface(iterator, &interface)) == kIOReturnSuccess &&
           interface != nullptr) {
        ++count;
        OSSafeReleaseNULL(interface);
    }
    device->DestroyInterfaceIterator(iterator);
    OSSafeReleaseNULL(device);
    arguments->scalarOutput[0] = count;
    return ret;
}

kern_return_t UsbProbeClient::Number(IOUserClientMethodArguments *arguments) {
    const IOUSBConfigurationDescriptor *configuration =
        ivars->driver->Interface()->CopyConfigurationDescriptor();
    const IOUSBInterfaceDescriptor *descriptor =
        ivars->driver->Interface()->GetInterfaceDescriptor(configuration);
    kern_return_t ret = kIOReturnNotFound;
    if (descriptor != nullptr) {
        arguments->scalarOutput[0] = descriptor->bInterfaceNumber;
        ret = kIOReturnSuccess;
    }
    IOUSBHostFreeDescriptor(configuration);
    return ret;
}

kern_return_t UsbProbeClient::ExternalMethod(uint64_t selector,
                                             IOUserClientMethodArguments *arguments,
                                             const IOUserClientMethodDispatch * /*dispatch*/,
                                             OSObject * /*target*/, void * /*reference*/) {
    switch (selector) {
        case kUsbProbeVendorRequest:
            return VendorRequest(arguments);
        case kUsbProbeCountInterfaces:
            return CountInterfaces(arguments);
        case kUsbProbeEcho:
            return Echo(arguments);
        case kUsbProbeRead:
            return Read(arguments);
        case kUsbProbeNumber:
            return Number(arguments);
        case kUsbProbeSelectSetting:
            return arguments->scalarInputCount != 1
                       ? kIOReturnBadArgument
                       : ivars->driver->Interface()->SelectAlternateSetting(
                             static_cast<uint8_t>(arguments->scalarInput[0]));
        case kUsbProbeCrash:
            *reinterpret_cast<volatile int *>(16) = 1;
            return kIOReturnError;
        default:
            return kIOReturnUnsupported;
    }
}
