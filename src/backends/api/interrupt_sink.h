// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "backends/api/pci_types.h"

namespace opendext::backends {

/// Receives the interrupts of the vectors it is connected to. Implemented above this room.
class InterruptSink {
public:
    virtual ~InterruptSink() = default;

    /// One interrupt of `vector` arrived. Called on a thread of the device, possibly on several at once,
    /// possibly on the thread of a caller of WriteMemory. Returns quickly, never blocks, and calls nothing
    /// of the backend but MaskVector.
    virtual void OnInterrupt(InterruptVector vector) = 0;
};

}  // namespace opendext::backends
