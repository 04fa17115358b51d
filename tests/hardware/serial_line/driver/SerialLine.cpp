// SPDX-License-Identifier: Apache-2.0
#include "SerialLine.h"

#include <DriverKit/IOLib.h>
#include <DriverKit/IOUserClient.h>
#include <USBDriverKit/IOUSBHostInterface.h>
#include <USBDriverKit/IOUSBHostPipe.h>
#include <USBDriverKit/USBDriverKit.h>
#include <os/log.h>

namespace {

constexpr uint32_t kTimeoutMilliseconds = 100000;
constexpr uint8_t kInEndpoint = 0x81;
constexpr uint8_t kOutEndpoint = 0x02;
constexpr uint32_t kPacketBytes = 64;
/// Each packet from the adapter begins with the state of the modem and of the line.
constexpr uint32_t kStateBytes = 2;

/// Vendor requests of the adapter.
constexpr uint8_t kVendorRequest = 0x40;
constexpr uint8_t kReset = 0;
constexpr uint8_t kSetBaudRate = 3;
constexpr uint8_t kSetData = 4;
constexpr uint16_t kBaud115200 = 0x001A;
constexpr uint16_t kEightBits = 8;

}  // namespace

struct SerialLine_IVars {
    IOUSBHostInterface *interface;
    IOUSBHostPipe *in;
    IOUSBHostPipe *out;
    IOBufferMemoryDescriptor *packet;
    uint8_t *packetBytes;
    uint32_t next;   // of the packet: the first byte that nobody has read
    uint32_t limit;  // its end
};

bool SerialLine::init() {
    if (!super::init()) {
        return false;
    }
    ivars = IONewZero(SerialLine_IVars, 1);
    return ivars != nullptr;
}

void SerialLine::free() {
    if (ivars != nullptr) {
        OSSafeReleaseNULL(ivars->packet);
        OSSafeReleaseNULL(ivars->out);
        OSSafeReleaseNULL(ivars->in);
        OSSafeReleaseNULL(ivars->interface);
    }
    IOSafeDeleteNULL(ivars, SerialLine_IVars, 1);
    super::free();
}

kern_return_t IMPL(SerialLine, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    ivars->interface = OSDynamicCast(IOUSBHostInterface, provider);
    if (ivars->interface == nullptr) {
        return kIOReturnBadArgument;
    }
    ivars->interface->retain();
    ret = ivars->interface->Open(this, 0, nullptr);
    if (ret == kIOReturnSuccess) {
        ret = OpenPipes();
    }
    if (ret == kIOReturnSuccess) {
        ret = SetUpLine();
    }
    if (ret == kIOReturnSuccess) {
        ret = RegisterService();
    }
    if (ret != kIOReturnSuccess) {
        os_log(OS_LOG_DEFAULT, "SerialLine: Start failed: 0x%08x", ret);
        Stop(provider, SUPERDISPATCH);
    }
    return ret;
}

kern_return_t IMPL(SerialLine, Stop) {
    if (ivars->interface != nullptr) {
        ivars->interface->Close(this, 0);
    }
    return Stop(provider, SUPERDISPATCH);
}

kern_return_t IMPL(SerialLine, NewUserClient) {
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

kern_return_t SerialLine::OpenPipes() {
    kern_return_t ret = ivars->interface->CopyPipe(kInEndpoint, &ivars->in);
    if (ret == kIOReturnSuccess) {
        ret = ivars->interface->CopyPipe(kOutEndpoint, &ivars->out);
    }
    if (ret == kIOReturnSuccess) {
        ret = ivars->interface->CreateIOBuffer(kIOMemoryDirectionIn, kPacketBytes, &ivars->packet);
    }
    if (ret == kIOReturnSuccess) {
        IOAddressSegment range = {};
        ret = ivars->packet->GetAddressRange(&range);
        ivars->packetBytes = reinterpret_cast<uint8_t *>(range.address);
    }
    return ret;
}

kern_return_t SerialLine::SetUpLine() {
    struct {
        uint8_t request;
        uint16_t value;
    } const steps[] = {{kReset, 0}, {kSetBaudRate, kBaud115200}, {kSetData, kEightBits}};
    for (const auto &step : steps) {
        const kern_return_t ret = ivars->interface->DeviceRequest(
            kVendorRequest, step.request, step.value, 0, 0, nullptr, nullptr, kTimeoutMilliseconds);
        if (ret != kIOReturnSuccess) {
            return ret;
        }
    }
    return kIOReturnSuccess;
}

kern_return_t IMPL(SerialLine, Write) {
    uint32_t numSent = 0;
    const kern_return_t ret = ivars->out->IO(data, numBytes, &numSent, kTimeoutMilliseconds);
    return ret == kIOReturnSuccess && numSent != numBytes ? kIOReturnUnderrun : ret;
}

kern_return_t SerialLine::ReadPacket() {
    uint32_t numRead = 0;
    const kern_return_t ret =
        ivars->in->IO(ivars->packet, kPacketBytes, &numRead, kTimeoutMilliseconds);
    ivars->next = kStateBytes;
    ivars->limit = ret == kIOReturnSuccess && numRead > kStateBytes ? numRead : kStateBytes;
    return ret;
}

kern_return_t IMPL(SerialLine, Read) {
    IOAddressSegment range = {};
    kern_return_t ret = data->GetAddressRange(&range);
    if (ret == kIOReturnSuccess && numBytes > range.length) {
        ret = kIOReturnBadArgument;
    }
    uint32_t numDone = 0;
    while (ret == kIOReturnSuccess && numDone < numBytes) {
        if (ivars->next == ivars->limit) {
            ret = ReadPacket();
            continue;
        }
        reinterpret_cast<uint8_t *>(range.address)[numDone++] = ivars->packetBytes[ivars->next++];
    }
    return ret;
}
