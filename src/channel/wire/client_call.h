// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>

#include "channel/wire/call.h"

namespace opendext::channel {

/// A ClientCall whose counts and sizes are within the limits of semantics.md 2.3, 2.4 and 2.7. Counts are
/// copies: what the app's own words say later does not matter.
struct CheckedCall {
    uint32_t num_scalars = 0;
    uint32_t scalar_output_capacity = 0;
    uint64_t num_structure_bytes = 0;
    uint64_t structure_output_capacity = 0;  ///< 0 for variable output.
    bool is_variable_output = false;

    [[nodiscard]] bool has_input_slice() const { return num_structure_bytes > kMaxInlineBytes; }
    [[nodiscard]] bool has_output_slice() const {
        return structure_output_capacity > kMaxInlineBytes;
    }
};

/// Room for more than 16 scalar outputs counts as room for 16.
/// @return kMigArrayTooLarge for more than 16 scalars or more than 8 reference words;
/// kIOReturnBadArgument for a NULL pointer with a count, or an asynchronous call without a reference word;
/// kIOReturnIPCError for an output of 4 GiB and more.
[[nodiscard]] std::expected<CheckedCall, int32_t> CheckClientCall(const ClientCall &call);

}  // namespace opendext::channel
