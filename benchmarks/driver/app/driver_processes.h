// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

namespace opendext::bench {

/// Bytes of memory that nobody else shares, of each driver process of the registry that this process talks to: those
/// that its parent, `opendext run`, has started.
[[nodiscard]] std::vector<uint64_t> PrivateBytesOfDriverProcesses();

}  // namespace opendext::bench
