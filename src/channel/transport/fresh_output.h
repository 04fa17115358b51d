// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "channel/wire/call.h"

namespace opendext::channel {

/// Delivers a variable output: fresh memory of the application that holds the bytes, which the application unmaps
/// by its size. Sets *variable_output (NULL for no bytes) and *num_structure_output.
/// @return 0, or kIOReturnNoMemory.
[[nodiscard]] int32_t GiveFreshOutput(std::span<const std::byte> bytes, const ClientCall &call);

/// As above, with the bytes of a slice that lies in its region. @return also kIOReturnVMError.
[[nodiscard]] int32_t GiveFreshOutput(const SharedSlice &slice, const ClientCall &call);

}  // namespace opendext::channel
