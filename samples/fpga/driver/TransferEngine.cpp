// SPDX-License-Identifier: Apache-2.0
#include "TransferEngine.h"

#include <string.h>
#include <time.h>

#include <DriverKit/IOLib.h>
#include <DriverKit/IOTimerDispatchSource.h>
#include <os/log.h>

using opendext::toolkit::Bytes;
using opendext::toolkit::BytesOf;
using opendext::toolkit::ConstBytes;
using opendext::toolkit::CreateDmaCommand;

// A list of 64 MiB takes tens of milliseconds on a slow link; a card that needs this long is stuck.
static constexpr uint64_t kListTimeoutNanoseconds = 10ULL * 1000 * 1000 * 1000;

// The length in a descriptor has 32 bits.
static constexpr uint64_t kMaxPieceBytes = 1ULL << 30;

static constexpr uint64_t kAddressBits = 64;

// A short list is done before an interrupt would have reached the driver: it is worth a look first.
static constexpr uint64_t kPolledBytes = 64ULL * 1024;
static constexpr uint64_t kPollNanoseconds = 30ULL * 1000;

static uint64_t Now() {
    return clock_gettime_nsec_np(CLOCK_MONOTONIC_RAW);
}

uint32_t TransferEngine::ReadRegister(FpgaRegister reg) const {
    uint32_t value = kFpgaAllOnes;
    pci_->MemoryRead32(registerIndex_, reg, &value);
    return value;
}

void TransferEngine::WriteRegister(FpgaRegister reg, uint32_t value) {
    pci_->MemoryWrite32(registerIndex_, reg, value);
}

// ---- Start and end ----

kern_return_t TransferEngine::Open(IOPCIDevice *pci, IODispatchQueue *queue) {
    pci_ = pci;
    queue_.reset(queue, OSRetain);
    kern_return_t ret = Identify();
    if (ret == kIOReturnSuccess) {
        ret = PrepareList();
    }
    if (ret == kIOReturnSuccess) {
        ResetCard();
    }
    return ret;
}

kern_return_t TransferEngine::Identify() {
    uint64_t windowBytes = 0;
    uint64_t registerBytes = 0;
    uint8_t type = 0;
    kern_return_t ret = pci_->GetBARInfo(kFpgaRegisterBar, &registerIndex_, &registerBytes, &type);
    if (ret == kIOReturnSuccess) {
        ret = pci_->GetBARInfo(kFpgaRamBar, &ramIndex_, &windowBytes, &type);
    }
    if (ret != kIOReturnSuccess || registerBytes <= kFpgaErrorIndex) {
        os_log(OS_LOG_DEFAULT, "Fpga: BAR 0 or BAR 2 is missing: 0x%08x", ret);
        return kIOReturnNoDevice;
    }
    const uint32_t id = ReadRegister(kFpgaId);
    version_ = ReadRegister(kFpgaVersion);
    if (id != kFpgaIdValue || (version_ >> 16) != kFpgaVersionMajor) {
        os_log(OS_LOG_DEFAULT, "Fpga: not our card: id 0x%08x, version 0x%08x", id, version_);
        return kIOReturnNoDevice;
    }
    ramBytes_ = (static_cast<uint64_t>(ReadRegister(kFpgaRamSizeHigh)) << 32) |
                ReadRegister(kFpgaRamSizeLow);
    if (ramBytes_ == 0 || ramBytes_ > windowBytes) {
        os_log(OS_LOG_DEFAULT, "Fpga: RAM of %llu bytes in a window of %llu",
               static_cast<unsigned long long>(ramBytes_),
               static_cast<unsigned long long>(windowBytes));
        return kIOReturnDeviceError;
    }
    return kIOReturnSuccess;
}

// The list stays prepared for DMA until the engine is closed.
kern_return_t TransferEngine::PrepareList() {
    const uint64_t numBytes = DmaPreparation::kMaxSegments * sizeof(FpgaDescriptor);
    IOBufferMemoryDescriptor *memory = nullptr;
    kern_return_t ret =
        IOBufferMemoryDescriptor::Create(kIOMemoryDirectionOut, numBytes, IOVMPageSize, &memory);
    listMemory_.reset(memory, OSNoRetain);
    OSSharedPtr<IODMACommand> listCommand;
    if (ret == kIOReturnSuccess) {
        ret = CreateDmaCommand(pci_, kAddressBits, &listCommand);
    }
    if (ret == kIOReturnSuccess) {
        ret = CreateDmaCommand(pci_, kAddressBits, &dataCommand_);
    }
    Bytes list;
    if (ret == kIOReturnSuccess) {
        ret = BytesOf(memory, &list);
    }
    if (ret == kIOReturnSuccess) {
        ret = listPreparation_.Prepare(listCommand.get(), memory);
    }
    if (ret == kIOReturnSuccess && listPreparation_.segment(0).length < numBytes) {
        ret = kIOReturnNoResources;
    }
    if (ret != kIOReturnSuccess) {
        os_log(OS_LOG_DEFAULT, "Fpga: no memory for descriptors: 0x%08x", ret);
        return ret;
    }
    list_ = reinterpret_cast<FpgaDescriptor *>(list.data);
    return kIOReturnSuccess;
}

// A reset returns when the card no longer reaches host memory. The list's place is the same for
// every transfer, and its last descriptor says so itself: a transfer takes nothing but the
// doorbell.
void TransferEngine::ResetCard() {
    const uint64_t listAddress = listPreparation_.segment(0).address;
    WriteRegister(kFpgaControl, kFpgaControlReset);
    WriteRegister(kFpgaListBaseLow, static_cast<uint32_t>(listAddress));
    WriteRegister(kFpgaListBaseHigh, static_cast<uint32_t>(listAddress >> 32));
    WriteRegister(kFpgaListCount, DmaPreparation::kMaxSegments);
    WriteRegister(kFpgaInterruptEnable, kFpgaInterruptListDone | kFpgaInterruptError);
    WriteRegister(kFpgaControl, kFpgaControlEnable);
}

void TransferEngine::Close() {
    if (!queue_) {
        return;
    }
    queue_->DispatchSync(^{
        isClosing_ = true;
        queue_->WakeupWithOptions(&isEnded_, kIODispatchQueueWakeupAll);
        while (isBusy_) {
            queue_->SleepWithDeadline(&isBusy_, 0, 0);
        }
        if (list_ != nullptr) {
            WriteRegister(kFpgaControl, kFpgaControlReset);
            list_ = nullptr;
        }
        listPreparation_.Reset();
    });
}

// ---- Transfers through the window ----

kern_return_t TransferEngine::CheckRange(uint64_t cardAddress, uint64_t numBytes) const {
    if (numBytes == 0) {
        return kIOReturnBadArgument;
    }
    return numBytes <= ramBytes_ && cardAddress <= ramBytes_ - numBytes ? kIOReturnSuccess
                                                                        : kIOReturnNoSpace;
}

// The card's memory is accessed in words where it is aligned, in bytes at the ends; host memory has
// any alignment.
kern_return_t TransferEngine::Write(uint64_t cardAddress, ConstBytes bytes) {
    const kern_return_t ret = CheckRange(cardAddress, bytes.size);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    return queue_->RunAction(^kern_return_t {
        if (isClosing_) {
            return kIOReturnAborted;
        }
        const uint8_t *from = bytes.data;
        const uint64_t end = cardAddress + bytes.size;
        uint64_t at = cardAddress;
        while (at < end) {
            if (at % sizeof(uint64_t) == 0 && end - at >= sizeof(uint64_t)) {
                uint64_t word = 0;
                memcpy(&word, from, sizeof(word));
                pci_->MemoryWrite64(ramIndex_, at, word);
                at += sizeof(word);
                from += sizeof(word);
            } else {
                pci_->MemoryWrite8(ramIndex_, at++, *from++);
            }
        }
        return kIOReturnSuccess;
    });
}

kern_return_t TransferEngine::Read(uint64_t cardAddress, Bytes bytes) {
    const kern_return_t ret = CheckRange(cardAddress, bytes.size);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    return queue_->RunAction(^kern_return_t {
        if (isClosing_) {
            return kIOReturnAborted;
        }
        uint8_t *to = bytes.data;
        const uint64_t end = cardAddress + bytes.size;
        uint64_t at = cardAddress;
        while (at < end) {
            if (at % sizeof(uint64_t) == 0 && end - at >= sizeof(uint64_t)) {
                uint64_t word = 0;
                pci_->MemoryRead64(ramIndex_, at, &word);
                memcpy(to, &word, sizeof(word));
                at += sizeof(word);
                to += sizeof(word);
            } else {
                pci_->MemoryRead8(ramIndex_, at++, to++);
            }
        }
        return kIOReturnSuccess;
    });
}

// ---- Transfers by DMA ----

kern_return_t TransferEngine::Move(TransferDirection direction, uint64_t cardAddress,
                                   IOMemoryDescriptor *memory, uint64_t numBytes) {
    const kern_return_t ret = CheckRange(cardAddress, numBytes);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    return queue_->RunAction(^kern_return_t {
        while (isBusy_ && !isClosing_) {
            queue_->SleepWithDeadline(&isBusy_, 0, 0);
        }
        if (isClosing_) {
            // The wake-up that this one used up belongs to the next.
            queue_->WakeupWithOptions(&isBusy_, kIODispatchQueueWakeupAll);
            return kIOReturnAborted;
        }
        isBusy_ = true;
        const kern_return_t moved = MoveInPieces(direction, cardAddress, memory, numBytes);
        isBusy_ = false;
        queue_->WakeupWithOptions(&isBusy_, isClosing_ ? kIODispatchQueueWakeupAll : 0);
        return moved;
    });
}

// Memory may be in more segments than one preparation tells: each piece takes what it got.
kern_return_t TransferEngine::MoveInPieces(TransferDirection direction, uint64_t cardAddress,
                                           IOMemoryDescriptor *memory, uint64_t numBytes) {
    uint64_t done = 0;
    while (done < numBytes) {
        uint64_t moved = 0;
        uint64_t wanted = numBytes - done;
        if (wanted > kMaxPieceBytes) {
            wanted = kMaxPieceBytes;
        }
        const kern_return_t ret =
            MovePiece(direction, cardAddress + done, memory, done, wanted, &moved);
        if (ret != kIOReturnSuccess) {
            return ret;
        }
        done += moved;
    }
    return kIOReturnSuccess;
}

kern_return_t TransferEngine::MovePiece(TransferDirection direction, uint64_t cardAddress,
                                        IOMemoryDescriptor *memory, uint64_t offset,
                                        uint64_t numBytes, uint64_t *moved) {
    DmaPreparation preparation;
    const kern_return_t ret = preparation.Prepare(dataCommand_.get(), memory, offset, numBytes);
    if (ret != kIOReturnSuccess) {
        os_log(OS_LOG_DEFAULT, "Fpga: the client's memory cannot be prepared: 0x%08x", ret);
        return ret;
    }
    *moved = FillList(direction, cardAddress, preparation, numBytes);
    return *moved != 0 ? RunList(*moved) : kIOReturnDMAError;
}

/// @return bytes that the list moves: at most `numBytes`, 0 when there is no segment.
uint64_t TransferEngine::FillList(TransferDirection direction, uint64_t cardAddress,
                                  const DmaPreparation &preparation, uint64_t numBytes) {
    const uint32_t flags = direction == TransferDirection::kToCard ? kFpgaDescriptorToCard : 0;
    uint64_t total = 0;
    uint32_t count = 0;
    for (const IOAddressSegment &segment : preparation) {
        const uint64_t left = numBytes - total;
        const uint64_t length = segment.length < left ? segment.length : left;
        if (length == 0) {
            break;
        }
        list_[count] = FpgaDescriptor{.hostAddress = segment.address,
                                      .cardAddress = cardAddress + total,
                                      .numBytes = static_cast<uint32_t>(length),
                                      .flags = flags,
                                      .reserved = 0};
        total += length;
        ++count;
    }
    if (count != 0) {
        list_[count - 1].flags |= kFpgaDescriptorLast;
    }
    return total;
}

kern_return_t TransferEngine::RunList(uint64_t numBytes) {
    isEnded_ = false;
    events_ = 0;
    // The descriptors are in memory before the card is told.
    OSSynchronizeIO();
    WriteRegister(kFpgaDoorbell, 1);
    const uint64_t start = Now();
    // The interrupt that comes for what was seen here finds nothing left to do.
    while (!isEnded_ && numBytes <= kPolledBytes && Now() - start < kPollNanoseconds) {
        HandleInterrupt();
    }
    kern_return_t ret = kIOReturnSuccess;
    while (!isEnded_ && !isClosing_ && ret == kIOReturnSuccess) {
        ret = queue_->SleepWithDeadline(&isEnded_, kIOTimerClockMonotonicRaw,
                                        start + kListTimeoutNanoseconds);
    }
    if (isEnded_) {
        return (events_ & kFpgaInterruptError) == 0 ? kIOReturnSuccess : ReportError();
    }
    // The card must have let go of the memory before it is taken from under it.
    ResetCard();
    if (isClosing_) {
        return kIOReturnAborted;
    }
    os_log(OS_LOG_DEFAULT, "Fpga: the card does not answer, and was reset: 0x%08x", ret);
    return kIOReturnTimeout;
}

kern_return_t TransferEngine::ReportError() {
    const uint32_t code = ReadRegister(kFpgaErrorCode);
    const uint32_t index = ReadRegister(kFpgaErrorIndex);
    const uint64_t address = (static_cast<uint64_t>(ReadRegister(kFpgaErrorAddressHigh)) << 32) |
                             ReadRegister(kFpgaErrorAddressLow);
    if (code == kFpgaAllOnes) {
        os_log(OS_LOG_DEFAULT, "Fpga: the card is gone");
        return kIOReturnNoDevice;
    }
    os_log(OS_LOG_DEFAULT, "Fpga: descriptor %u ended with error %u at host address 0x%llx", index,
           code, static_cast<unsigned long long>(address));
    ResetCard();
    return kIOReturnDMAError;
}

void TransferEngine::HandleInterrupt() {
    const uint32_t status = ReadRegister(kFpgaInterruptStatus);
    if (status == 0 || isClosing_) {
        return;
    }
    WriteRegister(kFpgaInterruptStatus, status);
    if ((status & (kFpgaInterruptListDone | kFpgaInterruptError)) != 0) {
        events_ |= status;
        isEnded_ = true;
        queue_->Wakeup(&isEnded_);
    }
}
