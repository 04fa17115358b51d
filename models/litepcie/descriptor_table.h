// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "models/litepcie/registers.h"

namespace opendext::models::litepcie {

/// A piece of host memory that one direction of a DMA channel works through.
struct Descriptor {
    uint64_t host_address = 0;
    uint32_t num_bytes = 0;
    bool interrupt_when_done = false;
    bool is_first = false;  ///< Went into an empty table: the loop begins here.
};

/// The descriptors of one direction: a FIFO that software fills, and that refills itself in loop mode; with the
/// count of what has been executed. Not thread-safe.
class DescriptorTable {
public:
    /// Appends; a full table loses it.
    void Push(Descriptor descriptor);

    [[nodiscard]] bool IsEmpty() const { return level_ == 0; }
    [[nodiscard]] uint32_t level() const { return level_; }

    /// The next to execute. Precondition: not empty.
    [[nodiscard]] const Descriptor &Front() const { return entries_[front_]; }

    /// Front has been executed: it leaves the table, or goes to its end in loop mode. Precondition: not empty.
    void Consume(bool loops);

    /// Empties the table and starts counting anew.
    void Reset() { *this = {}; }

    /// Bits 0 to 15: index of the last descriptor executed; 16 to 31: loops begun since the reset.
    [[nodiscard]] uint32_t LoopStatus() const { return uint32_t{loop_count_} << 16 | loop_index_; }

private:
    void CountExecuted(bool begins_loop);

    std::array<Descriptor, kTableDepth> entries_{};
    uint32_t front_ = 0;
    uint32_t level_ = 0;
    uint16_t loop_index_ = 0;
    uint16_t loop_count_ = 0;
    bool is_first_loop_ = true;
};

}  // namespace opendext::models::litepcie
