// SPDX-License-Identifier: Apache-2.0
/// @file dma_preparation.h
/// Memory mapped for one device.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <DriverKit/IODMACommand.h>
#include <DriverKit/IOMemoryDescriptor.h>

#include "runtime/diagnostics/call_site.h"
#include "runtime/memory/backing.h"
#include "runtime/memory/dma_mapper.h"
#include "runtime/memory/retained.h"

namespace opendext::memory {

using diagnostics::CallSite;

/// A range of a descriptor that a device reaches as long as this object lives. Used by one thread at a time.
class DmaPreparation {
public:
    struct Request {
        IOMemoryDescriptor *memory = nullptr;
        uint64_t offset = 0;
        uint64_t length = 0;
        uint8_t max_address_bits = 0;
        const void *command = nullptr;  ///< For reports, as `callers`.
        CallSite callers;
    };

    /// @return kIOReturnOverrun (empty, or not within the current length), kIOReturnCannotWire (not all of the
    /// memory is there), kIOReturnVMError (no address space), or what the mapper says; nothing stays mapped then.
    [[nodiscard]] static std::expected<std::unique_ptr<DmaPreparation>, kern_return_t> Make(
        std::shared_ptr<DmaMapper> mapper, const Request &request);

    ~DmaPreparation();
    DmaPreparation(const DmaPreparation &) = delete;
    DmaPreparation &operator=(const DmaPreparation &) = delete;

    [[nodiscard]] IOMemoryDescriptor *memory() const { return memory_.get(); }
    [[nodiscard]] uint64_t offset() const { return offset_; }
    [[nodiscard]] uint64_t length() const { return length_; }
    [[nodiscard]] uint64_t direction() const { return direction_; }
    /// What the device uses, neighbours merged.
    [[nodiscard]] std::span<const IOAddressSegment> segments() const { return segments_; }

    /// Who prepared it, and when; for reports.
    [[nodiscard]] std::string Describe() const;

    /// Names who is about to destroy this, for reports.
    void NoteCompletedFrom(const CallSite &callers) { completed_from_ = callers; }

    /// The memory's reference, to be released without a lock; ends nothing else.
    [[nodiscard]] Retained<IOMemoryDescriptor> TakeMemory() { return std::move(memory_); }

private:
    DmaPreparation(std::shared_ptr<DmaMapper> mapper, const Request &request, uint64_t direction);
    [[nodiscard]] kern_return_t MapExtents(std::span<const Extent> extents,
                                           uint8_t max_address_bits);
    [[nodiscard]] kern_return_t MapGroup(std::span<const DmaPiece> pieces,
                                         uint8_t max_address_bits);

    const std::shared_ptr<DmaMapper> mapper_;
    Retained<IOMemoryDescriptor> memory_;
    const uint64_t offset_;
    const uint64_t length_;
    const uint64_t direction_;
    const uint64_t tag_;
    CallSite completed_from_;
    std::vector<Window> windows_;             // keep the bytes mapped
    std::vector<Extent> extents_;             // keep the regions and their leases
    std::vector<IOAddressSegment> mappings_;  // one per MapForDma
    std::vector<IOAddressSegment> segments_;
};

/// Whether memory is prepared for the command now.
[[nodiscard]] bool IsPrepared(const IODMACommand &command);

/// Copies `length` bytes between two descriptors, or zeros (`from` NULL) into one; the ranges may overlap. Both
/// are within the descriptors' capacity, else nothing moves.
/// @return kIOReturnUnderrun when nothing moved, kIOReturnNoMemory.
[[nodiscard]] kern_return_t CopyBetween(const IOMemoryDescriptor *from, uint64_t from_offset,
                                        const IOMemoryDescriptor &to, uint64_t to_offset,
                                        uint64_t length);

}  // namespace opendext::memory
