// SPDX-License-Identifier: Apache-2.0
#include "UsbBenchService.h"

#include <DriverKit/DriverKit.h>
#include <USBDriverKit/USBDriverKit.h>
#include <os/log.h>

#include "TransferStream.h"

enum { kSinkOut = 0x02 };

struct UsbBenchService_IVars {
    IOUSBHostDevice *device;        // open; borrowed from the provider
    IOUSBHostInterface *interface;  // open
    IOUSBHostPipe *pipe;
    IODispatchQueue *queue;
    TransferStream *stream;
};

bool UsbBenchService::init() {
    if (!super::init()) {
        return false;
    }
    ivars = IONewZero(UsbBenchService_IVars, 1);
    return ivars != nullptr;
}

void UsbBenchService::free() {
    if (ivars != nullptr) {
        delete ivars->stream;
        OSSafeReleaseNULL(ivars->pipe);
        OSSafeReleaseNULL(ivars->interface);
        OSSafeReleaseNULL(ivars->queue);
    }
    IOSafeDeleteNULL(ivars, UsbBenchService_IVars, 1);
    super::free();
}

TransferStream *UsbBenchService::Stream() {
    return ivars->stream;
}

IOUSBHostInterface *UsbBenchService::Interface() {
    return ivars->interface;
}

kern_return_t IMPL(UsbBenchService, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret == kIOReturnSuccess) {
        ret = OpenInterface(provider);
    }
    if (ret == kIOReturnSuccess) {
        ret = MakeStream();
    }
    if (ret == kIOReturnSuccess) {
        ret = RegisterService();
    }
    if (ret != kIOReturnSuccess) {
        os_log(OS_LOG_DEFAULT, "UsbBenchService: Start failed: 0x%08x", ret);
        CloseAll();
    }
    return ret;
}

kern_return_t UsbBenchService::OpenInterface(IOService *provider) {
    IOUSBHostDevice *device = OSDynamicCast(IOUSBHostDevice, provider);
    if (device == nullptr) {
        return kIOReturnNoDevice;
    }
    kern_return_t ret = device->Open(this, 0, 0);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    ivars->device = device;
    uintptr_t iterator = 0;
    ret = device->SetConfiguration(1, false);
    if (ret == kIOReturnSuccess) {
        ret = device->CreateInterfaceIterator(&iterator);
    }
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    ret = device->CopyInterface(iterator, &ivars->interface);
    device->DestroyInterfaceIterator(iterator);
    if (ret == kIOReturnSuccess && ivars->interface == nullptr) {
        ret = kIOReturnNotFound;
    }
    if (ret == kIOReturnSuccess) {
        ret = ivars->interface->Open(this, 0, nullptr);
    }
    return ret == kIOReturnSuccess ? ivars->interface->CopyPipe(kSinkOut, &ivars->pipe) : ret;
}

kern_return_t UsbBenchService::MakeStream() {
    kern_return_t ret =
        IODispatchQueue::Create("UsbBench", kIODispatchQueueReentrant, 0, &ivars->queue);
    if (ret == kIOReturnSuccess) {
        ret = SetDispatchQueue("UsbBench", ivars->queue);
    }
    if (ret == kIOReturnSuccess) {
        ivars->stream = new TransferStream;
        ret = ivars->stream->Open(this, ivars->interface, ivars->pipe, ivars->queue);
    }
    return ret;
}

void UsbBenchService::CloseAll() {
    if (ivars->interface != nullptr) {
        ivars->interface->Close(this, 0);
    }
    if (ivars->device != nullptr) {
        ivars->device->Close(this, 0);
        ivars->device = nullptr;
    }
}

kern_return_t IMPL(UsbBenchService, Stop) {
    CloseAll();
    ivars->stream->Close();
    return Stop(provider, SUPERDISPATCH);
}

kern_return_t IMPL(UsbBenchService, NewUserClient) {
    (void)type;
    IOService *service = nullptr;
    const kern_return_t ret = Create(this, "UserClientProperties", &service);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    *userClient = OSDynamicCast(IOUserClient, service);
    if (*userClient == nullptr) {
        service->release();
        return kIOReturnError;
    }
    return kIOReturnSuccess;
}

void IMPL(UsbBenchService, TransferDone) {
    (void)completionTimestamp;
    ivars->stream->TransferDone(action, status, actualByteCount);
}
