// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "benchmarks/call/call_client.h"
#include "benchmarks/samples.h"

namespace opendext::bench {

/// What an application measures on a connection.
struct CallSamples {
    uint64_t first_answer_at = 0;  ///< When the first call was answered; MonotonicNow.
    Samples busy;                  ///< Calls back to back.
    Samples parked;                ///< Calls after kIdle.

    /// Adds `num_busy` and `num_parked` calls, after some that do not count. @return false when one failed.
    [[nodiscard]] bool Measure(CallClient &client, size_t num_busy, size_t num_parked);

    /// Writes all to `fd`, for Read in another process. @return false when that failed.
    [[nodiscard]] bool Write(int fd) const;

    /// Adds what Write wrote; reads from the start of `fd`. @return false when it is not whole.
    [[nodiscard]] bool Read(int fd);
};

}  // namespace opendext::bench
