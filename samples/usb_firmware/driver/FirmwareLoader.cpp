// SPDX-License-Identifier: Apache-2.0
#include "FirmwareLoader.h"

#include <DriverKit/IOLib.h>
#include <DriverKit/IOUserClient.h>
#include <USBDriverKit/USBDriverKit.h>
#include <os/log.h>

#include "FirmwareDownload.h"
#include "FirmwareRequests.h"

struct FirmwareLoader_IVars {
    IOUSBHostDevice *device;        // open; borrowed from the provider
    IOUSBHostInterface *interface;  // open
    IOUSBHostPipe *pipe;
    IODispatchQueue *queue;
    FirmwareDownload *download;
    IOService *stopping;  // the provider, from Stop until it is finished
};

bool FirmwareLoader::init() {
    if (!super::init()) {
        return false;
    }
    ivars = IONewZero(FirmwareLoader_IVars, 1);
    return ivars != nullptr;
}

void FirmwareLoader::free() {
    if (ivars != nullptr) {
        delete ivars->download;
        OSSafeReleaseNULL(ivars->pipe);
        OSSafeReleaseNULL(ivars->interface);
        OSSafeReleaseNULL(ivars->queue);
    }
    IOSafeDeleteNULL(ivars, FirmwareLoader_IVars, 1);
    super::free();
}

FirmwareDownload *FirmwareLoader::Download() {
    return ivars->download;
}

IODispatchQueue *FirmwareLoader::DownloadQueue() {
    return ivars->queue;
}

kern_return_t IMPL(FirmwareLoader, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret == kIOReturnSuccess) {
        ret = OpenDevice(provider);
    }
    if (ret == kIOReturnSuccess) {
        ret = OpenInterface();
    }
    if (ret == kIOReturnSuccess) {
        ret = MakeDownload();
    }
    if (ret == kIOReturnSuccess) {
        ret = RegisterService();
    }
    if (ret != kIOReturnSuccess) {
        os_log(OS_LOG_DEFAULT, "FirmwareLoader: Start failed: 0x%08x", ret);
        CloseAll();
        if (ivars->download != nullptr) {
            ivars->download->DropActions();
        }
    }
    return ret;
}

// A device of a vendor's class has no interfaces until its driver configures it. Nobody else shall be matched to them.
kern_return_t FirmwareLoader::OpenDevice(IOService *provider) {
    IOUSBHostDevice *device = OSDynamicCast(IOUSBHostDevice, provider);
    if (device == nullptr) {
        return kIOReturnNoDevice;
    }
    const kern_return_t ret = device->Open(this, 0, 0);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    ivars->device = device;
    return device->SetConfiguration(1, false);
}

kern_return_t FirmwareLoader::OpenInterface() {
    uintptr_t iterator = 0;
    kern_return_t ret = ivars->device->CreateInterfaceIterator(&iterator);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    IOUSBHostInterface *interface = nullptr;
    ret = ivars->device->CopyInterface(iterator, &interface);
    ivars->device->DestroyInterfaceIterator(iterator);
    if (ret == kIOReturnSuccess && interface == nullptr) {
        ret = kIOReturnNotFound;
    }
    if (ret == kIOReturnSuccess) {
        ret = interface->Open(this, 0, nullptr);
    }
    if (ret != kIOReturnSuccess) {
        OSSafeReleaseNULL(interface);
        return ret;
    }
    ivars->interface = interface;
    return interface->CopyPipe(kFirmwareBulkOut, &ivars->pipe);
}

kern_return_t FirmwareLoader::MakeDownload() {
    kern_return_t ret = IODispatchQueue::Create("FirmwareDownload", 0, 0, &ivars->queue);
    if (ret == kIOReturnSuccess) {
        ret = SetDispatchQueue("FirmwareDownload", ivars->queue);
    }
    if (ret == kIOReturnSuccess) {
        ivars->download = new FirmwareDownload;
        ret = ivars->download->Open(this, ivars->interface, ivars->pipe);
    }
    return ret;
}

void FirmwareLoader::CloseAll() {
    if (ivars->interface != nullptr) {
        ivars->interface->Close(this, 0);
    }
    if (ivars->device != nullptr) {
        ivars->device->Close(this, 0);
        ivars->device = nullptr;
    }
}

// A download that is under way ends with the transfers of its blocks; then the stop is finished.
kern_return_t IMPL(FirmwareLoader, Stop) {
    retain();
    provider->retain();
    ivars->stopping = provider;
    ivars->queue->DispatchAsync(^{ ivars->download->Close(); });
    return kIOReturnSuccess;
}

void FirmwareLoader::FinishStop() {
    IOService *provider = ivars->stopping;
    CloseAll();
    ivars->download->DropActions();
    Stop(provider, SUPERDISPATCH);
    provider->release();
    release();
}

kern_return_t IMPL(FirmwareLoader, NewUserClient) {
    (void)type;
    IOService *service = nullptr;
    const kern_return_t ret = Create(this, "UserClientProperties", &service);
    if (ret != kIOReturnSuccess) {
        os_log(OS_LOG_DEFAULT, "FirmwareLoader: no client: 0x%08x", ret);
        return ret;
    }
    *userClient = OSDynamicCast(IOUserClient, service);
    if (*userClient == nullptr) {
        service->release();
        return kIOReturnError;
    }
    return kIOReturnSuccess;
}

void IMPL(FirmwareLoader, BlockSent) {
    (void)completionTimestamp;
    ivars->download->BlockSent(action, status, actualByteCount);
}
