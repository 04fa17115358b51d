// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>

#include "base/shared_region.h"

namespace opendext::channel {

/// The driver process behind a connection, as far as lending memory to it goes. Any thread.
class LendingPeer {
public:
    /// Makes a region known there; waits for the answer. @return its name there, 0 when it was not taken.
    [[nodiscard]] virtual uint64_t RegisterRegion(SharedRegion &region) = 0;

    /// The name is not used any more. Returns at once.
    virtual void DropRegion(uint64_t region_id) = 0;

    /// Has ClientMemoryLender::TrimIdle called once, when `delay` has passed. Returns at once.
    virtual void TrimAfter(std::chrono::milliseconds delay) = 0;

    /// A call comes in a moment: a driver that sleeps begins to wake up. Returns at once.
    virtual void ExpectCall() = 0;

protected:
    ~LendingPeer() = default;
};

}  // namespace opendext::channel
