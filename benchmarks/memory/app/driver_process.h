// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>
#include <cstdint>
#include <expected>
#include <string>

namespace opendext::bench {

/// What a process holds.
struct ProcessHoldings {
    uint64_t num_descriptors = 0;
    uint64_t num_mappings = 0;
    uint64_t num_resident_bytes = 0;
};

/// The driver process that `opendext run`, this process's parent, has started; there is one.
/// @return one line when it is not found.
[[nodiscard]] std::expected<pid_t, std::string> FindDriverProcess();

/// What a process holds now; zeros when it is gone.
[[nodiscard]] ProcessHoldings HoldingsOf(pid_t process);

}  // namespace opendext::bench
