// SPDX-License-Identifier: Apache-2.0
/// @file read_only_mappings.h
/// The mappings of this process that a driver may not write, so that the fault of a write can be explained.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/diagnostics/call_site.h"

namespace opendext::memory {

/// Why a mapping is read-only.
enum class ReadOnlyReason : uint8_t {
    kDirectionOut,  ///< The descriptor's direction is Out, and the driver is not its creator.
    kOption,        ///< kIOMemoryMapReadOnly was given.
};

struct ReadOnlyMapping {
    uintptr_t start = 0;
    size_t num_bytes = 0;
    ReadOnlyReason reason = ReadOnlyReason::kDirectionOut;
    diagnostics::CallSite mapped_at;
};

/// A mapping's entry in the table, for as long as it lives. When thousands are there, one may have none. Any thread.
class ReadOnlyMappingEntry {
public:
    ReadOnlyMappingEntry() = default;
    explicit ReadOnlyMappingEntry(const ReadOnlyMapping &mapping);
    ~ReadOnlyMappingEntry();
    ReadOnlyMappingEntry(const ReadOnlyMappingEntry &) = delete;
    ReadOnlyMappingEntry &operator=(const ReadOnlyMappingEntry &) = delete;

private:
    size_t slot_ = SIZE_MAX;
};

/// Reports the write by the code at `place` when `address` is in one of the mappings. For the handler of a fault: takes
/// no lock before it has found one. @return whether it is.
bool ReportReadOnlyFault(uintptr_t address, const diagnostics::CallSite &place);

}  // namespace opendext::memory
