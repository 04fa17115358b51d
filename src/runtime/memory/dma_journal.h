// SPDX-License-Identifier: Apache-2.0
/// @file dma_journal.h
/// Who prepared memory for DMA and who completed it: the last preparations of the process, so that a refused
/// access of a device can be reported with a name. Any thread.
#pragma once

#include <cstdint>
#include <string>

#include "runtime/diagnostics/call_site.h"

namespace opendext::memory {

using diagnostics::CallSite;

/// A preparation, as far as a report needs it.
struct PreparationNote {
    const void *command = nullptr;  ///< The IODMACommand; only printed.
    uint64_t offset = 0;            ///< In the memory.
    uint64_t num_bytes = 0;
    uint64_t direction = 0;  ///< kIOMemoryDirection bits.
    CallSite callers;        ///< Of PrepareForDMA.
};

/// Enters a preparation by the calling thread. @return its tag, never 0.
[[nodiscard]] uint64_t NotePreparation(const PreparationNote &note);

/// The calling thread ends the preparation. `callers` are those of CompleteDMA; none when the command was
/// released.
void NoteCompletion(uint64_t tag, const CallSite &callers);

/// One line without a full stop: "IODMACommand 0x5555 prepared 4096 bytes from offset 0 for the device to
/// write, by thread 71 0.5 ms ago in Driver::Send()+0x17 (Driver.so+0x1137); completed by thread 71 0.1 ms ago in
/// ...". A tag of long ago: says so.
[[nodiscard]] std::string DescribePreparation(uint64_t tag);

}  // namespace opendext::memory
