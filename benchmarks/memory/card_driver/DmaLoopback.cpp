// SPDX-License-Identifier: Apache-2.0
#include "DmaLoopback.h"

#include <string.h>
#include <time.h>

#include <DriverKit/IOLib.h>

#include "CardRegisters.h"

namespace toolkit = opendext::toolkit;

static uint64_t Now() {
    return clock_gettime_nsec_np(CLOCK_UPTIME_RAW);
}

static uint8_t *BytesOf(const OSSharedPtr<IOBufferMemoryDescriptor> &buffer) {
    toolkit::Bytes bytes;
    return toolkit::BytesOf(buffer.get(), &bytes) == kIOReturnSuccess ? bytes.data : nullptr;
}

// A buffer whose pages are all there.
static kern_return_t MakeBuffer(uint64_t length, OSSharedPtr<IOBufferMemoryDescriptor> *buffer) {
    IOBufferMemoryDescriptor *made = nullptr;
    const kern_return_t ret =
        IOBufferMemoryDescriptor::Create(kIOMemoryDirectionInOut, length, 0, &made);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    buffer->reset(made, OSNoRetain);
    uint8_t *bytes = BytesOf(*buffer);
    if (bytes == nullptr) {
        return kIOReturnNoMemory;
    }
    memset(bytes, 1, length);
    return kIOReturnSuccess;
}

kern_return_t DmaLoopback::Prepare(IOPCIDevice *openCard, uint64_t length) {
    if (length < sizeof(uint32_t) || length > UINT32_MAX) {
        return kIOReturnBadArgument;
    }
    if (card == openCard && numBytes == length) {
        return kIOReturnSuccess;
    }
    Reset();
    card = openCard;
    numBytes = length;
    const kern_return_t ret = MakeBuffers();
    if (ret != kIOReturnSuccess) {
        Reset();
        return ret;
    }
    card->MemoryWrite32(kCardRegisterIndex, kCardControl, kCardControlEnable);
    return kIOReturnSuccess;
}

kern_return_t DmaLoopback::MakeBuffers() {
    OSSharedPtr<IOBufferMemoryDescriptor> *const buffers[] = {&source, &middle, &target};
    OSSharedPtr<IODMACommand> *const commands[] = {&listCommand, &sourceCommand, &targetCommand};
    kern_return_t ret = MakeBuffer(2 * sizeof(CardDescriptor), &list);
    for (auto *buffer : buffers) {
        ret = ret == kIOReturnSuccess ? MakeBuffer(numBytes, buffer) : ret;
    }
    for (auto *command : commands) {
        ret = ret == kIOReturnSuccess ? toolkit::CreateDmaCommand(card, 0, command) : ret;
    }
    return ret;
}

void DmaLoopback::Reset() {
    card = nullptr;
    numBytes = 0;
    listCommand.reset();
    sourceCommand.reset();
    targetCommand.reset();
    list.reset();
    source.reset();
    middle.reset();
    target.reset();
}

void DmaLoopback::NewRound() {
    ++round;
    memcpy(BytesOf(source), &round, sizeof(round));
    memcpy(BytesOf(source) + numBytes - sizeof(round), &round, sizeof(round));
}

bool DmaLoopback::HasArrived() {
    return memcmp(BytesOf(target), &round, sizeof(round)) == 0 &&
           memcmp(BytesOf(target) + numBytes - sizeof(round), &round, sizeof(round)) == 0;
}

kern_return_t DmaLoopback::TimeDma(uint64_t *nanoseconds) {
    NewRound();
    const uint64_t start = Now();
    const kern_return_t ret = RunList();
    *nanoseconds = Now() - start;
    return ret == kIOReturnSuccess && !HasArrived() ? kIOReturnDMAError : ret;
}

kern_return_t DmaLoopback::TimeCopy(uint64_t *nanoseconds) {
    NewRound();
    uint8_t *const from = BytesOf(source);
    uint8_t *const via = BytesOf(middle);
    uint8_t *const to = BytesOf(target);
    const uint64_t start = Now();
    memcpy(via, from, numBytes);
    memcpy(to, via, numBytes);
    *nanoseconds = Now() - start;
    return HasArrived() ? kIOReturnSuccess : kIOReturnError;
}

// One list of two descriptors: into the card, and out of it again. An IOMMU makes one segment of each buffer.
kern_return_t DmaLoopback::RunList() {
    toolkit::DmaPreparation listPages;
    toolkit::DmaPreparation sourcePages;
    toolkit::DmaPreparation targetPages;
    kern_return_t ret = listPages.Prepare(listCommand.get(), list.get());
    ret = ret == kIOReturnSuccess ? sourcePages.Prepare(sourceCommand.get(), source.get()) : ret;
    ret = ret == kIOReturnSuccess ? targetPages.Prepare(targetCommand.get(), target.get()) : ret;
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    if (sourcePages.segment(0).length != numBytes || targetPages.segment(0).length != numBytes) {
        return kIOReturnUnsupported;
    }
    CardDescriptor *descriptors = reinterpret_cast<CardDescriptor *>(BytesOf(list));
    const uint32_t length = static_cast<uint32_t>(numBytes);
    descriptors[0] = {sourcePages.segment(0).address, 0, length, kCardDescriptorToCard, 0};
    descriptors[1] = {targetPages.segment(0).address, 0, length, kCardDescriptorLast, 0};
    OSSynchronizeIO();
    const uint64_t address = listPages.segment(0).address;
    card->MemoryWrite32(kCardRegisterIndex, kCardListBaseLow, static_cast<uint32_t>(address));
    card->MemoryWrite32(kCardRegisterIndex, kCardListBaseHigh,
                        static_cast<uint32_t>(address >> 32));
    card->MemoryWrite32(kCardRegisterIndex, kCardListCount, 2);
    card->MemoryWrite32(kCardRegisterIndex, kCardDoorbell, 1);
    uint32_t status = kCardStatusBusy;
    while ((status & kCardStatusBusy) != 0 && status != kCardAllOnes) {
        card->MemoryRead32(kCardRegisterIndex, kCardStatus, &status);
    }
    return (status & kCardStatusError) == 0 ? kIOReturnSuccess : kIOReturnDMAError;
}
