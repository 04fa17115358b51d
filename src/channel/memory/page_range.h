// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "base/checked.h"
#include "base/mapping.h"
#include "channel/memory/app_memory.h"

namespace opendext::channel {

inline uint64_t PageFloor(uint64_t address) {
    return address & ~(uint64_t{PageSize()} - 1);
}

/// The pages of a range, from the first byte to one past the last. @return nullopt for an empty one, or one that
/// overflows.
inline std::optional<std::pair<uint64_t, uint64_t>> PagesOf(const AppRange &range) {
    const auto end = CheckedAdd(range.address, range.length);
    const auto rounded = end ? CheckedAdd(*end, PageSize() - 1) : std::nullopt;
    if (range.length == 0 || !rounded) {
        return std::nullopt;
    }
    return std::pair(PageFloor(range.address), PageFloor(*rounded));
}

}  // namespace opendext::channel
