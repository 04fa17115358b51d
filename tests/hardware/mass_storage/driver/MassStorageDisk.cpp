// SPDX-License-Identifier: Apache-2.0
#include "MassStorageDisk.h"

#include <DriverKit/IOBufferMemoryDescriptor.h>
#include <DriverKit/IOLib.h>
#include <DriverKit/IOUserClient.h>
#include <DriverKit/OSAction.h>
#include <USBDriverKit/IOUSBHostInterface.h>
#include <USBDriverKit/IOUSBHostPipe.h>
#include <USBDriverKit/USBDriverKit.h>
#include <mach/mach_time.h>
#include <os/log.h>

#include "BulkOnlyTransport.h"
#include "MassStorageProtocol.h"

namespace {

constexpr uint32_t kTimeoutMilliseconds = 100000;
constexpr uint32_t kInquiryBytes = 36;
constexpr uint32_t kCapacityBytes = 8;
constexpr uint32_t kSenseBytes = 18;
constexpr uint32_t kRead10Bytes = 10;
constexpr uint32_t kMaxRead10Blocks = 0xFFFF;

uint32_t ReadBigEndian(const uint8_t *bytes) {
    return static_cast<uint32_t>(bytes[0]) << 24 | static_cast<uint32_t>(bytes[1]) << 16 |
           static_cast<uint32_t>(bytes[2]) << 8 | bytes[3];
}

void WriteRead10(uint8_t *command, uint32_t block, uint32_t numBlocks) {
    command[0] = kScsiRead10;
    command[2] = static_cast<uint8_t>(block >> 24);
    command[3] = static_cast<uint8_t>(block >> 16);
    command[4] = static_cast<uint8_t>(block >> 8);
    command[5] = static_cast<uint8_t>(block);
    command[7] = static_cast<uint8_t>(numBlocks >> 8);
    command[8] = static_cast<uint8_t>(numBlocks);
}

template <typename T>
T *BytesOf(IOBufferMemoryDescriptor *buffer) {
    IOAddressSegment range = {};
    buffer->GetAddressRange(&range);
    return reinterpret_cast<T *>(range.address);
}

}  // namespace

/// One run of Measure.
struct Measurement {
    IOUserClient *client;
    OSAction *action;
    uint32_t numLeft;      // not started
    uint32_t numUnderWay;  // started
    uint64_t numBytes;
    uint64_t start;
    kern_return_t status;
};

struct MassStorageDisk_IVars {
    IOUSBHostInterface *interface;
    uint8_t interfaceNumber;
    IOUSBHostPipe *in;
    IOUSBHostPipe *out;
    IOBufferMemoryDescriptor *command;
    IOBufferMemoryDescriptor *status;
    IOBufferMemoryDescriptor *data;  // for the driver's own commands, and for measuring
    uint32_t tag;
    uint32_t numBlocks;
    uint32_t blockBytes;
    OSAction *transferDone;
    Measurement measurement;
};

bool MassStorageDisk::init() {
    if (!super::init()) {
        return false;
    }
    ivars = IONewZero(MassStorageDisk_IVars, 1);
    return ivars != nullptr;
}

void MassStorageDisk::free() {
    if (ivars != nullptr) {
        OSSafeReleaseNULL(ivars->transferDone);
        OSSafeReleaseNULL(ivars->data);
        OSSafeReleaseNULL(ivars->status);
        OSSafeReleaseNULL(ivars->command);
        OSSafeReleaseNULL(ivars->out);
        OSSafeReleaseNULL(ivars->in);
        OSSafeReleaseNULL(ivars->interface);
    }
    IOSafeDeleteNULL(ivars, MassStorageDisk_IVars, 1);
    super::free();
}

kern_return_t IMPL(MassStorageDisk, Start) {
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
        ret = CreateBuffers();
    }
    if (ret == kIOReturnSuccess) {
        ret = CreateActionTransferDone(0, &ivars->transferDone);
    }
    if (ret == kIOReturnSuccess) {
        ret = Identify();
    }
    if (ret == kIOReturnSuccess) {
        ret = RegisterService();
    }
    if (ret != kIOReturnSuccess) {
        os_log(OS_LOG_DEFAULT, "MassStorageDisk: Start failed: 0x%08x", ret);
        Stop(provider, SUPERDISPATCH);
    }
    return ret;
}

kern_return_t IMPL(MassStorageDisk, Stop) {
    if (ivars->interface != nullptr) {
        ivars->interface->Close(this, 0);
    }
    if (ivars->transferDone == nullptr) {
        return Stop(provider, SUPERDISPATCH);
    }
    retain();
    provider->retain();
    return ivars->transferDone->Cancel(^{
        Stop(provider, SUPERDISPATCH);
        provider->release();
        release();
    });
}

kern_return_t IMPL(MassStorageDisk, NewUserClient) {
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

// The first bulk endpoint of each direction.
kern_return_t MassStorageDisk::OpenPipes() {
    const IOUSBConfigurationDescriptor *configuration =
        ivars->interface->CopyConfigurationDescriptor();
    if (configuration == nullptr) {
        return kIOReturnNoDevice;
    }
    const IOUSBInterfaceDescriptor *interface =
        ivars->interface->GetInterfaceDescriptor(configuration);
    kern_return_t ret = interface != nullptr ? kIOReturnSuccess : kIOReturnNotFound;
    const IOUSBDescriptorHeader *previous = nullptr;
    while (ret == kIOReturnSuccess) {
        const IOUSBEndpointDescriptor *endpoint =
            IOUSBGetNextEndpointDescriptor(configuration, interface, previous);
        if (endpoint == nullptr) {
            break;
        }
        previous = reinterpret_cast<const IOUSBDescriptorHeader *>(endpoint);
        if (IOUSBGetEndpointType(endpoint) != kIOUSBEndpointTypeBulk) {
            continue;
        }
        IOUSBHostPipe **pipe = IOUSBGetEndpointDirection(endpoint) == kIOUSBEndpointDirectionIn
                                   ? &ivars->in
                                   : &ivars->out;
        if (*pipe == nullptr) {
            ret = ivars->interface->CopyPipe(IOUSBGetEndpointAddress(endpoint), pipe);
        }
    }
    if (interface != nullptr) {
        ivars->interfaceNumber = interface->bInterfaceNumber;
    }
    IOUSBHostFreeDescriptor(configuration);
    if (ret == kIOReturnSuccess && (ivars->in == nullptr || ivars->out == nullptr)) {
        ret = kIOReturnNotFound;
    }
    return ret;
}

kern_return_t MassStorageDisk::CreateBuffers() {
    kern_return_t ret = ivars->interface->CreateIOBuffer(
        kIOMemoryDirectionInOut, sizeof(CommandBlockWrapper), &ivars->command);
    if (ret == kIOReturnSuccess) {
        ret = ivars->interface->CreateIOBuffer(kIOMemoryDirectionIn, sizeof(CommandStatusWrapper),
                                               &ivars->status);
    }
    if (ret == kIOReturnSuccess) {
        ret = ivars->interface->CreateIOBuffer(kIOMemoryDirectionIn, kMassStorageTransferBytes,
                                               &ivars->data);
    }
    return ret;
}

// What the disk is, and how large.
kern_return_t MassStorageDisk::Identify() {
    constexpr uint8_t kVendorOffset = 8;
    constexpr int kVendorAndProductBytes = 24;
    const uint8_t inquiry[6] = {kScsiInquiry, 0, 0, 0, kInquiryBytes, 0};
    const uint8_t readCapacity[10] = {kScsiReadCapacity10};
    kern_return_t ret = Execute(inquiry, sizeof(inquiry), kInquiryBytes, ivars->data);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    const uint8_t *bytes = BytesOf<uint8_t>(ivars->data);
    os_log(OS_LOG_DEFAULT, "MassStorageDisk: %.*s", kVendorAndProductBytes,
           reinterpret_cast<const char *>(bytes + kVendorOffset));
    ret = Execute(readCapacity, sizeof(readCapacity), kCapacityBytes, ivars->data);
    if (ret == kIOReturnNotReady) {
        // A disk that was plugged in says so first.
        ret = Execute(readCapacity, sizeof(readCapacity), kCapacityBytes, ivars->data);
    }
    if (ret == kIOReturnSuccess) {
        ivars->numBlocks = ReadBigEndian(bytes) + 1;
        ivars->blockBytes = ReadBigEndian(bytes + 4);
        if (ivars->blockBytes == 0 || ivars->blockBytes > kMassStorageTransferBytes) {
            ret = kIOReturnUnsupported;
        }
    }
    return ret;
}

kern_return_t MassStorageDisk::ReadSense() {
    const uint8_t requestSense[6] = {kScsiRequestSense, 0, 0, 0, kSenseBytes, 0};
    return Execute(requestSense, sizeof(requestSense), kSenseBytes, ivars->data);
}

kern_return_t MassStorageDisk::Execute(const uint8_t *command, uint8_t commandLength,
                                       uint32_t numBytes, IOMemoryDescriptor *data) {
    kern_return_t ret = SendCommand(command, commandLength, numBytes);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    uint32_t numRead = 0;
    ret = ivars->in->IO(data, numBytes, &numRead, kTimeoutMilliseconds);
    if (ret == kUSBHostReturnPipeStalled) {
        // No data, or no more: the status says why.
        ivars->in->ClearStall(true);
    } else if (ret != kIOReturnSuccess) {
        Recover();
        return ret;
    }
    ret = ReceiveStatus();
    if (ret == kIOReturnNotReady && command[0] != kScsiRequestSense) {
        ReadSense();
        return kIOReturnNotReady;
    }
    return ret == kIOReturnSuccess && numRead != numBytes ? kIOReturnUnderrun : ret;
}

kern_return_t MassStorageDisk::SendCommand(const uint8_t *command, uint8_t commandLength,
                                           uint32_t numBytes) {
    CommandBlockWrapper block = {};
    block.signature = kCommandSignature;
    block.tag = ++ivars->tag;
    block.dataTransferLength = numBytes;
    block.flags = kDataIn;
    block.commandLength = commandLength;
    memcpy(block.command, command, commandLength);
    memcpy(BytesOf<CommandBlockWrapper>(ivars->command), &block, sizeof(block));
    const kern_return_t ret =
        ivars->out->IO(ivars->command, sizeof(block), nullptr, kTimeoutMilliseconds);
    if (ret != kIOReturnSuccess) {
        Recover();
    }
    return ret;
}

// @return kIOReturnNotReady when the disk has refused the command.
kern_return_t MassStorageDisk::ReceiveStatus() {
    uint32_t numRead = 0;
    kern_return_t ret =
        ivars->in->IO(ivars->status, sizeof(CommandStatusWrapper), &numRead, kTimeoutMilliseconds);
    if (ret == kUSBHostReturnPipeStalled) {
        ivars->in->ClearStall(true);
        ret = ivars->in->IO(ivars->status, sizeof(CommandStatusWrapper), &numRead,
                            kTimeoutMilliseconds);
    }
    CommandStatusWrapper status = {};
    memcpy(&status, BytesOf<CommandStatusWrapper>(ivars->status), sizeof(status));
    if (ret == kIOReturnSuccess &&
        (numRead != sizeof(status) || status.signature != kStatusSignature ||
         status.tag != ivars->tag || status.status > kStatusFailed)) {
        ret = kIOReturnIOError;
    }
    if (ret != kIOReturnSuccess) {
        Recover();
        return ret;
    }
    return status.status == kStatusPassed ? kIOReturnSuccess : kIOReturnNotReady;
}

// Has the disk forget what it was doing.
kern_return_t MassStorageDisk::Recover() {
    constexpr uint8_t kClassRequestToInterface = 0x21;
    constexpr uint8_t kBulkOnlyReset = 0xFF;
    const kern_return_t ret = ivars->interface->DeviceRequest(
        kClassRequestToInterface, kBulkOnlyReset, 0, ivars->interfaceNumber, 0, nullptr, nullptr,
        kTimeoutMilliseconds);
    ivars->in->ClearStall(true);
    ivars->out->ClearStall(true);
    return ret;
}

kern_return_t IMPL(MassStorageDisk, GetCapacity) {
    *numBlocks = ivars->numBlocks;
    *blockBytes = ivars->blockBytes;
    return kIOReturnSuccess;
}

kern_return_t IMPL(MassStorageDisk, ReadBlocks) {
    if (numBlocks == 0 || numBlocks > kMaxRead10Blocks || block >= ivars->numBlocks ||
        numBlocks > ivars->numBlocks - block) {
        return kIOReturnBadArgument;
    }
    uint8_t command[kRead10Bytes] = {};
    WriteRead10(command, block, numBlocks);
    return Execute(command, sizeof(command), numBlocks * ivars->blockBytes, data);
}

kern_return_t IMPL(MassStorageDisk, Measure) {
    Measurement &run = ivars->measurement;
    const uint64_t numBytes = static_cast<uint64_t>(numTransfers) * kMassStorageTransferBytes;
    const uint64_t numBlocks = numBytes / ivars->blockBytes;
    if (run.action != nullptr) {
        return kIOReturnBusy;
    }
    if (numTransfers == 0 || numAtATime == 0 || numBlocks > kMaxRead10Blocks ||
        numBlocks > ivars->numBlocks) {
        return kIOReturnBadArgument;
    }
    uint8_t command[kRead10Bytes] = {};
    WriteRead10(command, 0, static_cast<uint32_t>(numBlocks));
    run.numLeft = numTransfers;
    run.numBytes = 0;
    run.status = kIOReturnSuccess;
    run.start = mach_absolute_time();
    kern_return_t ret = SendCommand(command, sizeof(command), static_cast<uint32_t>(numBytes));
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    client->retain();
    action->retain();
    run.client = client;
    run.action = action;
    for (uint32_t i = 0; i < numAtATime && ret == kIOReturnSuccess && run.numLeft != 0; ++i) {
        ret = StartTransfer();
    }
    if (run.numUnderWay == 0) {
        EndMeasurement(ret);
    }
    return kIOReturnSuccess;
}

kern_return_t MassStorageDisk::StartTransfer() {
    Measurement &run = ivars->measurement;
    // All into the same memory: nobody looks at it.
    const kern_return_t ret = ivars->in->AsyncIO(ivars->data, kMassStorageTransferBytes,
                                                 ivars->transferDone, kTimeoutMilliseconds);
    if (ret == kIOReturnSuccess) {
        --run.numLeft;
        ++run.numUnderWay;
    } else {
        run.status = ret;
    }
    return ret;
}

void IMPL(MassStorageDisk, TransferDone) {
    (void)action;
    (void)completionTimestamp;
    Measurement &run = ivars->measurement;
    --run.numUnderWay;
    run.numBytes += actualByteCount;
    if (status != kIOReturnSuccess) {
        run.status = status;
    }
    if (run.status == kIOReturnSuccess && run.numLeft != 0) {
        StartTransfer();
    }
    if (run.numUnderWay == 0) {
        EndMeasurement(run.status);
    }
}

void MassStorageDisk::EndMeasurement(kern_return_t status) {
    Measurement &run = ivars->measurement;
    if (status == kIOReturnSuccess) {
        status = ReceiveStatus();
    } else {
        Recover();
    }
    const uint64_t event[kMassStorageEventWords] = {run.numBytes, mach_absolute_time() - run.start};
    run.client->AsyncCompletion(run.action, status, event, kMassStorageEventWords);
    OSSafeReleaseNULL(run.action);
    OSSafeReleaseNULL(run.client);
}
