// SPDX-License-Identifier: Apache-2.0
#include "FirmwareDevice.h"

#include <DriverKit/DriverKit.h>
#include <USBDriverKit/USBDriverKit.h>
#include <opendext/toolkit.h>
#include <os/log.h>
#include <string.h>

#include "FirmwareProtocol.h"
#include "FirmwareRequests.h"

struct FirmwareDevice_IVars {
    IOUSBHostInterface *interface;  // open; borrowed from the provider
    IOUSBHostPipe *pipe;
    IOBufferMemoryDescriptor *heartbeat;
    OSAction *heartbeatCame;
    uint32_t numHeartbeats;  // used on any queue
};

enum { kHeartbeatBytes = 8, kTimeoutMs = 5000 };

bool FirmwareDevice::init() {
    if (!super::init()) {
        return false;
    }
    ivars = IONewZero(FirmwareDevice_IVars, 1);
    return ivars != nullptr;
}

void FirmwareDevice::free() {
    if (ivars != nullptr) {
        OSSafeReleaseNULL(ivars->heartbeatCame);
        OSSafeReleaseNULL(ivars->heartbeat);
        OSSafeReleaseNULL(ivars->pipe);
    }
    IOSafeDeleteNULL(ivars, FirmwareDevice_IVars, 1);
    super::free();
}

kern_return_t IMPL(FirmwareDevice, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret == kIOReturnSuccess) {
        ret = OpenInterface(provider);
    }
    if (ret == kIOReturnSuccess) {
        ret = ListenToHeartbeat();
    }
    if (ret == kIOReturnSuccess) {
        ret = RegisterService();
    }
    if (ret != kIOReturnSuccess) {
        os_log(OS_LOG_DEFAULT, "FirmwareDevice: Start failed: 0x%08x", ret);
        CloseInterface();
    }
    return ret;
}

kern_return_t FirmwareDevice::OpenInterface(IOService *provider) {
    IOUSBHostInterface *interface = OSDynamicCast(IOUSBHostInterface, provider);
    if (interface == nullptr) {
        return kIOReturnNoDevice;
    }
    const kern_return_t ret = interface->Open(this, 0, nullptr);
    if (ret == kIOReturnSuccess) {
        ivars->interface = interface;
    }
    return ret;
}

kern_return_t FirmwareDevice::ListenToHeartbeat() {
    kern_return_t ret = ivars->interface->CopyPipe(kFirmwareHeartbeatIn, &ivars->pipe);
    if (ret == kIOReturnSuccess) {
        ret = ivars->interface->CreateIOBuffer(kIOMemoryDirectionIn, kHeartbeatBytes,
                                               &ivars->heartbeat);
    }
    if (ret == kIOReturnSuccess) {
        ret = CreateActionHeartbeatCame(0, &ivars->heartbeatCame);
    }
    if (ret == kIOReturnSuccess) {
        ret = ivars->pipe->AsyncIO(ivars->heartbeat, kHeartbeatBytes, ivars->heartbeatCame, 0);
    }
    return ret;
}

void FirmwareDevice::CloseInterface() {
    if (ivars->interface != nullptr) {
        ivars->interface->Close(this, 0);
        ivars->interface = nullptr;
    }
}

// The next one is asked for, unless the pipe has ended.
void IMPL(FirmwareDevice, HeartbeatCame) {
    (void)completionTimestamp;
    if (status != kIOReturnSuccess || actualByteCount != kHeartbeatBytes) {
        return;
    }
    __atomic_add_fetch(&ivars->numHeartbeats, 1, __ATOMIC_RELAXED);
    const kern_return_t ret = ivars->pipe->AsyncIO(ivars->heartbeat, kHeartbeatBytes, action, 0);
    if (ret != kIOReturnSuccess) {
        os_log(OS_LOG_DEFAULT, "FirmwareDevice: no more heartbeats: 0x%08x", ret);
    }
}

// The last completion may be under way on this queue: the action's end comes after it.
kern_return_t IMPL(FirmwareDevice, Stop) {
    CloseInterface();
    retain();
    provider->retain();
    ivars->heartbeatCame->Cancel(^{
        Stop(provider, SUPERDISPATCH);
        provider->release();
        release();
    });
    return kIOReturnSuccess;
}

kern_return_t IMPL(FirmwareDevice, NewUserClient) {
    (void)type;
    IOService *service = nullptr;
    const kern_return_t ret = Create(this, "UserClientProperties", &service);
    if (ret != kIOReturnSuccess) {
        os_log(OS_LOG_DEFAULT, "FirmwareDevice: no client: 0x%08x", ret);
        return ret;
    }
    *userClient = OSDynamicCast(IOUserClient, service);
    if (*userClient == nullptr) {
        service->release();
        return kIOReturnError;
    }
    return kIOReturnSuccess;
}

kern_return_t FirmwareDevice::GetFirmware(FirmwareReport *report) {
    IOUSBHostInterface *interface = ivars->interface;
    if (interface == nullptr) {
        return kIOReturnNoDevice;
    }
    FirmwareDescription description = {};
    OSSharedPtr<IOBufferMemoryDescriptor> buffer;
    opendext::toolkit::Bytes bytes;
    kern_return_t ret = opendext::toolkit::CreateFilled(
        kIOMemoryDirectionInOut, opendext::toolkit::ConstBytes(&description, sizeof(description)),
        &buffer);
    if (ret == kIOReturnSuccess) {
        ret = opendext::toolkit::BytesOf(buffer.get(), &bytes);
    }
    uint16_t numBytes = 0;
    if (ret == kIOReturnSuccess) {
        ret = interface->DeviceRequest(kFirmwareRequestTypeIn, kFirmwareRequestDescribe, 0, 0,
                                       sizeof(description), buffer.get(), &numBytes, kTimeoutMs);
    }
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    if (numBytes != sizeof(description)) {
        return kIOReturnUnderrun;
    }
    memcpy(&description, bytes.data, sizeof(description));
    report->version = description.version;
    report->numHeartbeats = __atomic_load_n(&ivars->numHeartbeats, __ATOMIC_RELAXED);
    report->payloadBytes = description.payloadBytes;
    memcpy(report->sha256, description.sha256, sizeof(report->sha256));
    return kIOReturnSuccess;
}

kern_return_t FirmwareDevice::EnterLoader() {
    IOUSBHostInterface *interface = ivars->interface;
    if (interface == nullptr) {
        return kIOReturnNoDevice;
    }
    uint16_t numBytes = 0;
    return interface->DeviceRequest(kFirmwareRequestTypeOut, kFirmwareRequestRestart, 0, 0, 0,
                                    nullptr, &numBytes, kTimeoutMs);
}
