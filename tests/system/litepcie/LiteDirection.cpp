// SPDX-License-Identifier: Apache-2.0
#include "LiteDirection.h"

#include <DriverKit/IOLib.h>

#include "models/litepcie/registers.h"

namespace registers = opendext::models::litepcie;

namespace {

constexpr uint32_t kBuffersPerPart = 32;
constexpr uint32_t kParts = kLiteCardBuffers / kBuffersPerPart;

}  // namespace

kern_return_t LiteDirection::Make(IOPCIDevice *pci, uint64_t offset, uint8_t seed) {
    pci_ = pci;
    registers_ = offset;
    for (uint32_t i = 0; i < kLiteCardBuffers; ++i) {
        const kern_return_t ret = MakeBuffer(i, static_cast<uint8_t>(seed + i));
        if (ret != kIOReturnSuccess) {
            return ret;
        }
    }
    return Join();
}

kern_return_t LiteDirection::MakeBuffer(uint32_t index, uint8_t first) {
    kern_return_t ret = IOBufferMemoryDescriptor::Create(kIOMemoryDirectionInOut,
                                                         kLiteCardBufferBytes, 0, &buffers_[index]);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    buffers_[index]->SetLength(kLiteCardBufferBytes);
    IOAddressSegment range = {};
    buffers_[index]->GetAddressRange(&range);
    *reinterpret_cast<uint8_t *>(range.address) = first;
    IODMACommandSpecification specification = {};
    specification.maxAddressBits = 32;
    ret =
        IODMACommand::Create(pci_, kIODMACommandCreateNoOptions, &specification, &commands_[index]);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    uint64_t flags = kIOMemoryDirectionInOut;
    uint32_t count = 1;
    IOAddressSegment segment = {};
    ret = commands_[index]->PrepareForDMA(kIODMACommandPrepareForDMANoOptions, buffers_[index], 0,
                                          0, &flags, &count, &segment);
    addresses_[index] = segment.address;
    return ret;
}

// In two steps: a concatenation can be part of another.
kern_return_t LiteDirection::Join() {
    IOMemoryDescriptor *parts[kParts] = {};
    kern_return_t ret = kIOReturnSuccess;
    for (uint32_t i = 0; i < kParts && ret == kIOReturnSuccess; ++i) {
        ret = IOBufferMemoryDescriptor::CreateWithMemoryDescriptors(
            kIOMemoryDirectionInOut, kBuffersPerPart,
            reinterpret_cast<IOMemoryDescriptor **>(&buffers_[i * kBuffersPerPart]), &parts[i]);
    }
    if (ret == kIOReturnSuccess) {
        ret = IOMemoryDescriptor::CreateWithMemoryDescriptors(kIOMemoryDirectionInOut, kParts,
                                                              parts, &joined_);
    }
    for (IOMemoryDescriptor *&part : parts) {
        OSSafeReleaseNULL(part);
    }
    return ret;
}

void LiteDirection::Free() {
    for (uint32_t i = 0; i < kLiteCardBuffers; ++i) {
        if (commands_[i] != nullptr) {
            commands_[i]->CompleteDMA(kIODMACommandCompleteDMANoOptions);
        }
        OSSafeReleaseNULL(commands_[i]);
        OSSafeReleaseNULL(buffers_[i]);
    }
    OSSafeReleaseNULL(joined_);
}

void LiteDirection::Write(uint64_t offset, uint32_t value) {
    pci_->MemoryWrite32(0, registers_ + offset, value);
}

void LiteDirection::Enable() {
    Write(registers::kDmaTableReset, 1);
    Write(registers::kDmaTableLoopProgN, 0);
    for (uint32_t i = 0; i < kLiteCardBuffers; ++i) {
        const bool interrupts =
            i % kLiteCardBuffersPerInterrupt == kLiteCardBuffersPerInterrupt - 1;
        Write(registers::kDmaTableValueHigh,
              kLiteCardBufferBytes | registers::kDescriptorLastDisable |
                  (interrupts ? 0 : registers::kDescriptorIrqDisable));
        Write(registers::kDmaTableValueLow, static_cast<uint32_t>(addresses_[i]));
        Write(registers::kDmaTableWe, static_cast<uint32_t>(addresses_[i] >> 32));
    }
    count_ = 0;
    latest_status_ = 0;
    Write(registers::kDmaTableLoopProgN, 1);
    Write(registers::kDmaEnable, registers::kDmaEnabled);
}

void LiteDirection::Disable() {
    Write(registers::kDmaEnable, 0);
    uint32_t enable = 0;
    do {
        pci_->MemoryRead32(0, registers_ + registers::kDmaEnable, &enable);
    } while ((enable & registers::kDmaIdle) == 0);
}

uint64_t LiteDirection::Count() {
    uint32_t status = 0;
    pci_->MemoryRead32(0, registers_ + registers::kDmaTableLoopStatus, &status);
    const uint64_t done = uint64_t{status >> 16} * kLiteCardBuffers + (status & 0xFFFF);
    const uint64_t wrap = done < latest_status_ ? uint64_t{0x10000} * kLiteCardBuffers : 0;
    count_ += wrap + done - latest_status_;
    latest_status_ = done;
    return count_;
}

IOMemoryDescriptor *LiteDirection::CopyJoined() const {
    joined_->retain();
    return joined_;
}
