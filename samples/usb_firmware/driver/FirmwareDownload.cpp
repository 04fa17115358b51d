// SPDX-License-Identifier: Apache-2.0
#include "FirmwareDownload.h"

#include <string.h>

#include "FirmwareLoader.h"
#include "FirmwareRequests.h"
#include "LoaderClient.h"

using opendext::toolkit::BytesOf;
using opendext::toolkit::ConstBytes;
using opendext::toolkit::DescriptorPoolOptions;

namespace {

enum { kTimeoutMs = 5000, kReportsPerDownload = 64 };

kern_return_t MakeIoBuffer(const DescriptorPoolOptions &options,
                           IOBufferMemoryDescriptor **buffer) {
    return static_cast<IOUSBHostInterface *>(options.factory_context)
        ->CreateIOBuffer(static_cast<IOOptionBits>(options.direction), options.capacity, buffer);
}

}  // namespace

kern_return_t CheckedImage::Take(IOUserClientMethodArguments *arguments) {
    ConstBytes image;
    if (arguments->structureInputDescriptor != nullptr) {
        const kern_return_t ret = mapping.Map(arguments->structureInputDescriptor,
                                              opendext::toolkit::MappingAccess::kRead);
        if (ret != kIOReturnSuccess) {
            return ret;
        }
        image = mapping.bytes();
    } else if (arguments->structureInput != nullptr) {
        data.reset(arguments->structureInput, OSRetain);
        image = BytesOf(arguments->structureInput);
    }
    if (image.size <= sizeof(header)) {
        return kIOReturnBadArgument;
    }
    memcpy(&header, image.data, sizeof(header));
    payload = ConstBytes(static_cast<const uint8_t *>(image.data) + sizeof(header),
                         image.size - sizeof(header));
    const bool isImage = header.magic == kFirmwareImageMagic &&
                         header.payloadBytes == payload.size &&
                         payload.size <= kFirmwareMaxPayloadBytes;
    return isImage ? kIOReturnSuccess : kIOReturnBadArgument;
}

FirmwareDownload::FirmwareDownload() = default;

FirmwareDownload::~FirmwareDownload() {
    DropActions();
    delete image_;
}

void FirmwareDownload::DropActions() {
    for (Slot &slot : slots_) {
        OSSafeReleaseNULL(slot.action);
    }
}

kern_return_t FirmwareDownload::Open(FirmwareLoader *loader, IOUSBHostInterface *interface,
                                     IOUSBHostPipe *pipe) {
    loader_ = loader;
    interface_ = interface;
    pipe_ = pipe;
    DescriptorPoolOptions options;
    options.direction = kIOMemoryDirectionInOut;  // Out would be read-only for us on a Mac
    options.capacity = kBlockBytes;
    options.max_count = kNumSlots;
    options.factory = MakeIoBuffer;
    options.factory_context = interface;
    kern_return_t ret = pool_.Create(options);
    for (uint32_t number = 0; number < kNumSlots && ret == kIOReturnSuccess; ++number) {
        ret = loader->CreateActionBlockSent(sizeof(number), &slots_[number].action);
        if (ret == kIOReturnSuccess) {
            memcpy(slots_[number].action->GetReference(), &number, sizeof(number));
        }
    }
    return ret;
}

kern_return_t FirmwareDownload::Begin(LoaderClient *client, OSAction *completion,
                                      CheckedImage *image) {
    if (isClosed_) {
        return kIOReturnAborted;
    }
    if (image_ != nullptr) {
        return kIOReturnBusy;
    }
    // What went wrong with the one before may have halted the endpoint.
    kern_return_t ret = error_ != kIOReturnSuccess ? pipe_->ClearStall(true) : kIOReturnSuccess;
    if (ret == kIOReturnSuccess) {
        const uint64_t numBytes = image->payload.size;
        ret = SendRequest(kFirmwareRequestBegin, ConstBytes(&numBytes, sizeof(numBytes)));
    }
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    image_ = image;
    client_.reset(client, OSRetain);
    completion_.reset(completion, OSRetain);
    sentBytes_ = doneBytes_ = reportedBytes_ = 0;
    error_ = kIOReturnSuccess;
    SendBlocks();
    return kIOReturnSuccess;
}

// A request to the device with a few bytes of data.
kern_return_t FirmwareDownload::SendRequest(uint8_t request, ConstBytes bytes) {
    OSSharedPtr<IOBufferMemoryDescriptor> buffer;
    const kern_return_t ret =
        opendext::toolkit::CreateFilled(kIOMemoryDirectionOut, bytes, &buffer);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    const uint8_t type = kFirmwareRequestTypeOut;
    uint16_t numBytes = 0;
    return interface_->DeviceRequest(type, request, 0, 0, static_cast<uint16_t>(bytes.size),
                                     buffer.get(), &numBytes, kTimeoutMs);
}

// Keeps every slot busy while there is something to send.
void FirmwareDownload::SendBlocks() {
    for (Slot &slot : slots_) {
        if (error_ == kIOReturnSuccess && !slot.buffer && sentBytes_ < image_->payload.size) {
            const kern_return_t ret = SendBlock(&slot);
            if (ret != kIOReturnSuccess) {
                Fail(ret);
            }
        }
    }
    if (numInFlight_ != 0) {
        return;
    }
    if (error_ != kIOReturnSuccess) {
        End(error_);
    } else {
        Verify();
    }
}

kern_return_t FirmwareDownload::SendBlock(Slot *slot) {
    const ConstBytes payload = image_->payload;
    const uint64_t left = payload.size - sentBytes_;
    const size_t size = left < kBlockBytes ? static_cast<size_t>(left) : size_t{kBlockBytes};
    kern_return_t ret = pool_.Take(&slot->buffer);
    if (ret == kIOReturnSuccess) {
        ret = slot->buffer.Fill(
            ConstBytes(static_cast<const uint8_t *>(payload.data) + sentBytes_, size));
    }
    if (ret == kIOReturnSuccess) {
        slot->numBytes = static_cast<uint32_t>(size);
        ret = pipe_->AsyncIO(slot->buffer.get(), slot->numBytes, slot->action, kTimeoutMs);
    }
    if (ret != kIOReturnSuccess) {
        slot->buffer.Reset();
        return ret;
    }
    sentBytes_ += size;
    ++numInFlight_;
    return kIOReturnSuccess;
}

// The first error counts; what is still under way ends too.
void FirmwareDownload::Fail(kern_return_t error) {
    if (error_ == kIOReturnSuccess) {
        error_ = error;
        pipe_->Abort(kIOUSBAbortAsynchronous, kIOReturnAborted, nullptr);
    }
}

void FirmwareDownload::BlockSent(OSAction *action, IOReturn status, uint32_t numBytes) {
    uint32_t number = 0;
    memcpy(&number, action->GetReference(), sizeof(number));
    Slot &slot = slots_[number];
    slot.buffer.Reset();
    --numInFlight_;
    doneBytes_ += numBytes;
    if (status != kIOReturnSuccess) {
        Fail(status);
    } else if (numBytes != slot.numBytes) {
        Fail(kIOReturnUnderrun);
    } else if (doneBytes_ - reportedBytes_ >= image_->payload.size / kReportsPerDownload) {
        reportedBytes_ = doneBytes_;
        Report(kIOReturnSuccess, kFirmwarePhaseDownloading);
    }
    SendBlocks();
}

// The device compares the SHA-256 of what it has with the header's, and stalls the request when they differ.
void FirmwareDownload::Verify() {
    const FirmwareImageHeader &header = image_->header;
    const kern_return_t ret =
        SendRequest(kFirmwareRequestFinish, ConstBytes(header.sha256, sizeof(header.sha256)));
    End(ret == kUSBHostReturnPipeStalled ? kIOReturnNotPermitted : ret);
}

void FirmwareDownload::Report(kern_return_t status, FirmwarePhase phase) {
    if (client_ == nullptr) {
        return;
    }
    IOUserClientAsyncArgumentsArray words = {};
    words[kFirmwareProgressPhase] = phase;
    words[kFirmwareProgressDoneBytes] = doneBytes_;
    words[kFirmwareProgressTotalBytes] = image_->payload.size;
    client_->AsyncCompletion(completion_.get(), status, words, kFirmwareProgressWords);
}

void FirmwareDownload::End(kern_return_t status) {
    Report(status, kFirmwarePhaseDone);
    client_.reset();
    completion_.reset();
    delete image_;
    image_ = nullptr;
    if (isClosed_) {
        loader_->FinishStop();
    }
}

void FirmwareDownload::Abandon(LoaderClient *client) {
    if (client_.get() == client) {
        client_.reset();
        Fail(kIOReturnAborted);
    }
}

void FirmwareDownload::Close() {
    isClosed_ = true;
    if (image_ == nullptr) {
        loader_->FinishStop();
    } else {
        Fail(kIOReturnAborted);
    }
}
