// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "backends/api/usb_transfer.h"
#include "backends/remote/registered_regions.h"
#include "backends/remote/session_wire.h"
#include "backends/remote/staging_arena.h"

namespace opendext::backends::remote {

/// The ways on which a client's memory reaches the server.
struct OutgoingMemory {
    std::shared_ptr<RegisteredRegions> regions;
    StagingArena staging;
};

/// A transfer of the client in the form in which the server sees it, and what this form stands on. One per slot, used
/// again without allocation. One thread at a time.
///
/// Memory of a region is named and not copied. Up to kSlotBytes, and memory that is in no region, are copied: through the
/// slot, or if they do not fit, through a staging block.
class PackedTransfer {
public:
    /// Fills in all of `entry` but its sequence, slot and kind. The transfer stays until Unpack or Release.
    /// @return kSuccess, else what the transfer ends with: kInvalidArgument (the lengths do not fit each other, or are
    /// beyond every limit), kNoResources. Then nothing is held.
    [[nodiscard]] UsbStatus Pack(const UsbTransfer &transfer, Slot &slot, OutgoingMemory &memory,
                                 SubmissionEntry &entry);

    /// Brings back what the server says and wrote: the outcome, what was read, the frames. Before Release.
    /// @return nullopt when it cannot be.
    [[nodiscard]] std::optional<UsbOutcome> Unpack(UsbTransfer &transfer,
                                                   const CompletionEntry &completion) const;

    void Release(OutgoingMemory &memory);

private:
    struct Place {
        WireRange range = {};
        std::byte *address = nullptr;
    };

    [[nodiscard]] bool NamePieces(const UsbTransfer &transfer, OutgoingMemory &memory);
    [[nodiscard]] bool CopyPieces(const UsbTransfer &transfer, Slot &slot, OutgoingMemory &memory);
    [[nodiscard]] bool PlaceList(const UsbTransfer &transfer, Slot &slot, OutgoingMemory &memory,
                                 SubmissionEntry &entry);
    [[nodiscard]] std::optional<Place> Allocate(uint64_t num_bytes, Slot &slot,
                                                OutgoingMemory &memory);
    void EndUses(OutgoingMemory &memory);
    [[nodiscard]] bool TakeFrames(UsbTransfer &transfer, uint64_t &num_bytes) const;

    uint64_t num_wanted_ = 0;      // bytes of the data stage
    std::byte *copied_ = nullptr;  // where the data is, when it is a copy
    std::byte *frames_ = nullptr;  // where the server writes the frames
    uint64_t num_slot_bytes_ = 0;  // of the slot, in use
    std::vector<WireRange> ranges_;
    std::vector<RegisteredRegions::Use> uses_;
    std::vector<std::shared_ptr<SharedRegion>> blocks_;
};

}  // namespace opendext::backends::remote
