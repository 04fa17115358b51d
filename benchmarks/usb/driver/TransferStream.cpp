// SPDX-License-Identifier: Apache-2.0
#include "TransferStream.h"

#include <string.h>

#include "UsbBenchService.h"

void TransferStream::Close() {
    DropBuffers();
    for (Slot &slot : slots_) {
        OSSafeReleaseNULL(slot.action);
    }
}

kern_return_t TransferStream::Open(UsbBenchService *service, IOUSBHostInterface *interface,
                                   IOUSBHostPipe *pipe, IODispatchQueue *queue) {
    service_ = service;
    interface_ = interface;
    pipe_ = pipe;
    queue_ = queue;
    for (uint32_t number = 0; number < kMaxInFlight; ++number) {
        const kern_return_t ret =
            service->CreateActionTransferDone(sizeof(number), &slots_[number].action);
        if (ret != kIOReturnSuccess) {
            return ret;
        }
        memcpy(slots_[number].action->GetReference(), &number, sizeof(number));
    }
    return kIOReturnSuccess;
}

void TransferStream::DropBuffers() {
    for (Slot &slot : slots_) {
        OSSafeReleaseNULL(slot.buffer);
    }
    numBuffers_ = 0;
}

// Those of the run before, when they are the same.
kern_return_t TransferStream::MakeBuffers(uint32_t bytesEach, uint32_t count) {
    if (numBuffers_ == count && bytesEach_ == bytesEach) {
        return kIOReturnSuccess;
    }
    DropBuffers();
    for (uint32_t i = 0; i < count; ++i) {
        Slot &slot = slots_[i];
        kern_return_t ret =
            interface_->CreateIOBuffer(kIOMemoryDirectionInOut, bytesEach, &slot.buffer);
        IOAddressSegment range = {};
        if (ret == kIOReturnSuccess) {
            ret = slot.buffer->GetAddressRange(&range);
        }
        if (ret != kIOReturnSuccess) {
            return ret;
        }
        slot.bytes = reinterpret_cast<uint8_t *>(static_cast<uintptr_t>(range.address));
        memset(slot.bytes, static_cast<int>(i), bytesEach);
    }
    numBuffers_ = count;
    bytesEach_ = bytesEach;
    return kIOReturnSuccess;
}

void TransferStream::SendNext(Slot *slot) {
    const uint64_t left = numBytes_ - sentBytes_;
    if (left == 0 || result_ != kIOReturnSuccess) {
        return;
    }
    const uint32_t size = left < bytesEach_ ? static_cast<uint32_t>(left) : bytesEach_;
    if (source_ != nullptr) {
        memcpy(slot->bytes, source_ + sentBytes_, size);
    }
    const kern_return_t ret = pipe_->AsyncIO(slot->buffer, size, slot->action, 0);
    if (ret != kIOReturnSuccess) {
        result_ = ret;
        return;
    }
    sentBytes_ += size;
    ++numInFlight_;
}

void TransferStream::TransferDone(OSAction *action, IOReturn status, uint32_t numBytes) {
    uint32_t number = 0;
    memcpy(&number, action->GetReference(), sizeof(number));
    --numInFlight_;
    ++numDone_;
    if (status != kIOReturnSuccess && result_ == kIOReturnSuccess) {
        result_ = status;
    }
    if (isAtOnce_) {
        numOutOfTurn_ += numBytes != numDone_ ? 1 : 0;
    } else {
        SendNext(&slots_[number]);
    }
    if (numInFlight_ == 0) {
        isOver_ = true;
        queue_->Wakeup(&isOver_);
    }
}

kern_return_t TransferStream::Run(uint64_t numBytes, uint32_t bytesEach, uint32_t depth,
                                  const uint8_t *source) {
    const kern_return_t ret = MakeBuffers(bytesEach, depth);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    __block kern_return_t status = kIOReturnSuccess;
    queue_->DispatchSync(^{
        source_ = source;
        numBytes_ = numBytes;
        sentBytes_ = 0;
        isAtOnce_ = false;
        result_ = kIOReturnSuccess;
        for (uint32_t i = 0; i < depth; ++i) {
            SendNext(&slots_[i]);
        }
        isOver_ = numInFlight_ == 0;
        status = AwaitEnd();
    });
    return status;
}

// The n-th transfer has n bytes.
kern_return_t TransferStream::RunAtOnce(uint32_t count, uint64_t *numOutOfTurn) {
    const kern_return_t ret = MakeBuffers(kMaxAtOnce, 1);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    __block kern_return_t status = kIOReturnSuccess;
    queue_->DispatchSync(^{
        isAtOnce_ = true;
        result_ = kIOReturnSuccess;
        numDone_ = 0;
        numOutOfTurn_ = 0;
        for (uint32_t i = 1; i <= count && result_ == kIOReturnSuccess; ++i) {
            result_ = pipe_->AsyncIO(slots_[0].buffer, i, slots_[0].action, 0);
            numInFlight_ += result_ == kIOReturnSuccess ? 1 : 0;
        }
        isOver_ = numInFlight_ == 0;
        status = AwaitEnd();
    });
    *numOutOfTurn = numOutOfTurn_;
    return status;
}

// On the queue, which is given up meanwhile.
kern_return_t TransferStream::AwaitEnd() {
    enum : uint64_t { kPatienceNs = 1000 * 1000 * 1000 };
    while (!isOver_) {
        queue_->SleepWithTimeout(&isOver_, kPatienceNs);
    }
    return result_;
}
