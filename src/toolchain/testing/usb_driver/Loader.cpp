// SPDX-License-Identifier: Apache-2.0
extern "C" {
#include <USBDriverKit/USBDriverKit.h>
}
#include <DriverKit/DriverKit.h>
#include <DriverKit/IOBufferMemoryDescriptor.h>
#include <DriverKit/IOLib.h>
#include <DriverKit/IOUserServer.h>
#include <DriverKit/OSData.h>
#include <USBDriverKit/AppleUSBDefinitions.h>
#include <USBDriverKit/AppleUSBDescriptorParsing.h>
#include <USBDriverKit/IOUSBHostDevice.h>
#include <USBDriverKit/IOUSBHostFamilyDefinitions.h>
#include <USBDriverKit/IOUSBHostInterface.h>
#include <USBDriverKit/IOUSBHostPipe.h>
#include <USBDriverKit/IOUSBHostStream.h>
#include <USBDriverKit/USBDriverKitDefs.h>
#include <os/log.h>

#include "Loader.h"

struct Loader_IVars {
    IOUSBHostInterface *interface;
    IOUSBHostDevice *device;
    IOUSBHostPipe *in;
    IOUSBHostPipe *out;
    IOBufferMemoryDescriptor *buffer;
    OSAction *readAction;
    OSAction *requestAction;
    OSAction *bundleAction;
    uint8_t speed;
};

bool Loader::init() {
    if (!super::init()) {
        return false;
    }
    ivars = IONewZero(Loader_IVars, 1);
    return ivars != nullptr;
}

void Loader::free() {
    IOSafeDeleteNULL(ivars, Loader_IVars, 1);
    super::free();
}

kern_return_t IMPL(Loader, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    ivars->interface = OSDynamicCast(IOUSBHostInterface, provider);
    if (ivars->interface == nullptr) {
        return kIOReturnNoDevice;
    }
    ret = ivars->interface->Open(this, 0, nullptr);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    ret = ivars->interface->CopyDevice(&ivars->device);
    if (ret == kIOReturnSuccess) {
        ret = ivars->device->GetSpeed(&ivars->speed);
    }
    if (ret == kIOReturnSuccess) {
        ret = FindPipes(ivars->interface);
    }
    if (ret == kIOReturnSuccess) {
        ret = ivars->interface->CreateIOBuffer(kIOMemoryDirectionIn, 512, &ivars->buffer);
    }
    if (ret == kIOReturnSuccess) {
        ret = CreateActionReadComplete(sizeof(uint64_t), &ivars->readAction);
    }
    if (ret == kIOReturnSuccess) {
        ret = OSAction::Create(this, Loader_RequestComplete_ID,
                               IOUSBHostDevice_CompleteAsyncDeviceRequest_ID, 0,
                               &ivars->requestAction);
    }
    if (ret == kIOReturnSuccess) {
        ret = CreateActionBundleComplete(0, &ivars->bundleAction);
    }
    if (ret == kIOReturnSuccess) {
        ret = ivars->in->AsyncIO(ivars->buffer, 512, ivars->readAction, 0);
    }
    return ret == kIOReturnSuccess ? RegisterService() : ret;
}

kern_return_t Loader::FindPipes(IOUSBHostInterface *interface) {
    const IOUSBConfigurationDescriptor *configuration = interface->CopyConfigurationDescriptor();
    const IOUSBInterfaceDescriptor *descriptor = interface->GetInterfaceDescriptor(configuration);
    kern_return_t ret = descriptor != nullptr ? kIOReturnSuccess : kIOReturnNotFound;
    const IOUSBEndpointDescriptor *endpoint = nullptr;
    while (ret == kIOReturnSuccess &&
           (endpoint = IOUSBGetNextEndpointDescriptor(
                configuration, descriptor,
                reinterpret_cast<const IOUSBDescriptorHeader *>(endpoint))) != nullptr) {
        if (IOUSBGetEndpointType(endpoint) != kIOUSBEndpointTypeBulk) {
            continue;
        }
        const bool isIn = IOUSBGetEndpointDirection(endpoint) == kIOUSBEndpointDirectionIn;
        ret =
            interface->CopyPipe(IOUSBGetEndpointAddress(endpoint), isIn ? &ivars->in : &ivars->out);
        os_log(OS_LOG_DEFAULT, "endpoint 0x%x: %u bytes, %u mA", endpoint->bEndpointAddress,
               IOUSBGetEndpointMaxPacketSize(ivars->speed, endpoint),
               IOUSBGetConfigurationMaxPowerMilliAmps(ivars->speed, configuration));
    }
    IOUSBHostFreeDescriptor(configuration);
    return ivars->in != nullptr && ivars->out != nullptr ? ret : kIOReturnNotFound;
}

kern_return_t Loader::Send(const OSData *firmware) {
    IOBufferMemoryDescriptor *buffer = nullptr;
    kern_return_t ret =
        IOBufferMemoryDescriptor::Create(kIOMemoryDirectionOut, firmware->getLength(), 0, &buffer);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    IOAddressSegment range = {};
    uint32_t sent = 0;
    uint16_t asked = 0;
    ret = buffer->GetAddressRange(&range);
    if (ret == kIOReturnSuccess) {
        memcpy(reinterpret_cast<void *>(range.address), firmware->getBytesNoCopy(),
               firmware->getLength());
        ret = ivars->interface->DeviceRequest(kIOUSBDeviceRequestDirectionOut |
                                                  kIOUSBDeviceRequestTypeVendor |
                                                  kIOUSBDeviceRequestRecipientDevice,
                                              0xA0, 0, 0, 0, nullptr, &asked, 1000);
    }
    if (ret == kIOReturnSuccess) {
        ret = ivars->out->IO(buffer, static_cast<uint32_t>(firmware->getLength()), &sent, 0);
    }
    if (ret == kUSBHostReturnPipeStalled) {
        ret = ivars->out->ClearStall(true);
    }
    OSSafeReleaseNULL(buffer);
    return ret;
}

kern_return_t IMPL(Loader, Stop) {
    if (ivars->in != nullptr) {
        ivars->in->Abort(kIOUSBAbortSynchronous, kIOReturnAborted, nullptr);
    }
    OSSafeReleaseNULL(ivars->in);
    OSSafeReleaseNULL(ivars->out);
    OSSafeReleaseNULL(ivars->buffer);
    OSSafeReleaseNULL(ivars->readAction);
    OSSafeReleaseNULL(ivars->requestAction);
    OSSafeReleaseNULL(ivars->bundleAction);
    OSSafeReleaseNULL(ivars->device);
    if (ivars->interface != nullptr) {
        ivars->interface->Close(this, 0);
    }
    return Stop(provider, SUPERDISPATCH);
}

void IMPL(Loader, ReadComplete) {
    if (status == kIOReturnAborted) {
        return;
    }
    os_log(OS_LOG_DEFAULT, "0x%x, %u bytes at %llu", status, actualByteCount, completionTimestamp);
    ivars->in->AsyncIO(ivars->buffer, 512, action, 0);
}

void IMPL(Loader, RequestComplete) {
    (void)action;
    os_log(OS_LOG_DEFAULT, "0x%x, %u bytes", status, bytesTransferred);
}

void IMPL(Loader, FramesComplete) {
    (void)action;
    (void)status;
}

void IMPL(Loader, BundleComplete) {
    (void)action;
    for (int i = 0; i < actualByteCountArrayCount && i < statusArrayCount; ++i) {
        os_log(OS_LOG_DEFAULT, "%u of %u: 0x%x, %u bytes",
               ioCompletionIndex + static_cast<uint32_t>(i), ioCompletionCount, statusArray[i],
               actualByteCountArray[i]);
    }
}
