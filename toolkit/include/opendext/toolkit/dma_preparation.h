// SPDX-License-Identifier: Apache-2.0
/// @file dma_preparation.h
/// Memory that a device reaches, for as long as an object lives.
#ifndef OPENDEXT_TOOLKIT_DMA_PREPARATION_H
#define OPENDEXT_TOOLKIT_DMA_PREPARATION_H

#include <stdint.h>

#include <DriverKit/IODMACommand.h>
#include <DriverKit/IOMemoryDescriptor.h>
#include <DriverKit/IOReturn.h>
#include <DriverKit/OSSharedPtr.h>

namespace opendext::toolkit {

/// A command for DMA by `device`. Making one is slow on the original: make it once, prepare with it often.
/// @param max_address_bits width of the device's addresses in bits; 0: no limit.
/// @param command receives the command; empty after an error.
/// @return IODMACommand::Create's result.
[[nodiscard]] inline kern_return_t CreateDmaCommand(IOService *device, uint64_t max_address_bits,
                                                    OSSharedPtr<IODMACommand> *command) {
    command->reset();
    IODMACommandSpecification specification = {};
    specification.options = kIODMACommandSpecificationNoOptions;
    specification.maxAddressBits = max_address_bits;
    IODMACommand *created = nullptr;
    const kern_return_t ret =
        IODMACommand::Create(device, kIODMACommandCreateNoOptions, &specification, &created);
    if (ret == kIOReturnSuccess) {
        command->reset(created, OSNoRetain);
    }
    return ret;
}

/// A PrepareForDMA whose CompleteDMA is not forgotten: the destructor does it. The device must have let go of the
/// memory by then. One object is for one thread at a time; one command is for one preparation at a time.
class DmaPreparation {
public:
    /// As many as one preparation tells.
    static constexpr uint32_t kMaxSegments = 32;

    DmaPreparation() = default;
    ~DmaPreparation() { Reset(); }
    DmaPreparation(const DmaPreparation &) = delete;
    DmaPreparation &operator=(const DmaPreparation &) = delete;

    /// Makes a range of `memory` reachable for the command's device; an earlier preparation of this object is
    /// completed first.
    /// @param command retained until the end of the preparation. It retains the memory.
    /// @param offset first byte.
    /// @param length bytes; 0: to the end of the memory, also with an offset.
    /// @return kIOReturnSuccess, also when the segments tell only the first part of the range: see num_bytes();
    ///         kIOReturnBadArgument for NULL; else PrepareForDMA's error, and nothing is prepared.
    [[nodiscard]] kern_return_t Prepare(IODMACommand *command, IOMemoryDescriptor *memory,
                                        uint64_t offset = 0, uint64_t length = 0) {
        Reset();
        if (command == nullptr || memory == nullptr) {
            return kIOReturnBadArgument;
        }
        kern_return_t ret = kIOReturnSuccess;
        if (offset != 0 && length == 0) {
            ret = memory->GetLength(&length);
            length = length > offset ? length - offset : 0;
        }
        uint32_t num_segments = kMaxSegments;
        if (ret == kIOReturnSuccess) {
            ret = command->PrepareForDMA(kIODMACommandPrepareForDMANoOptions, memory, offset,
                                         length, &flags_, &num_segments, segments_);
        }
        if (ret == kIOReturnSuccess) {
            command_.reset(command, OSRetain);
            Take(num_segments);
        }
        return ret;
    }

    /// Ends the preparation now, to learn how that went.
    /// @return CompleteDMA's result; kIOReturnNotReady when nothing is prepared.
    kern_return_t Complete() {
        if (!command_) {
            return kIOReturnNotReady;
        }
        const kern_return_t ret = command_->CompleteDMA(kIODMACommandCompleteDMANoOptions);
        command_.reset();
        num_segments_ = 0;
        num_bytes_ = 0;
        return ret;
    }

    /// Ends the preparation, if there is one.
    void Reset() { static_cast<void>(Complete()); }

    [[nodiscard]] bool is_prepared() const { return static_cast<bool>(command_); }

    /// What the device reaches, in order: addresses as the device uses them, lengths in bytes.
    /// @{
    [[nodiscard]] const IOAddressSegment *begin() const { return segments_; }
    [[nodiscard]] const IOAddressSegment *end() const { return segments_ + num_segments_; }
    [[nodiscard]] uint32_t num_segments() const { return num_segments_; }
    [[nodiscard]] const IOAddressSegment &segment(uint32_t index) const { return segments_[index]; }
    /// @}

    /// Bytes of all segments together. Memory in more than kMaxSegments pieces is told in part: go on from there
    /// with another preparation.
    [[nodiscard]] uint64_t num_bytes() const { return num_bytes_; }

    /// Direction bits of the memory, kIOMemoryDirection*.
    [[nodiscard]] uint64_t direction() const { return flags_; }

private:
    void Take(uint32_t num_segments) {
        num_segments_ = num_segments;
        num_bytes_ = 0;
        for (const IOAddressSegment &segment : *this) {
            num_bytes_ += segment.length;
        }
    }

    OSSharedPtr<IODMACommand> command_;
    uint64_t flags_ = 0;
    uint64_t num_bytes_ = 0;
    uint32_t num_segments_ = 0;
    IOAddressSegment segments_[kMaxSegments] = {};
};

}  // namespace opendext::toolkit

#endif
