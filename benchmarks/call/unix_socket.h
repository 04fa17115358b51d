// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <expected>
#include <string>

#include "benchmarks/samples.h"

namespace opendext::bench {

/// 64 bytes to another process over a Unix socket and 64 bytes back; each side sleeps in read while the other
/// works. Adds `num_busy` round trips back to back, and `num_idle` after kIdle each. @return one line when it could
/// not be measured.
[[nodiscard]] std::expected<void, std::string> MeasureUnixSocket(size_t num_busy, Samples &busy,
                                                                 size_t num_idle, Samples &idle);

}  // namespace opendext::bench
