// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "benchmarks/memory/results.h"
#include "benchmarks/table.h"

namespace opendext::bench {

/// What the memory path is meant to reach, and what it reached. A row whose figures are missing has no verdict.
[[nodiscard]] std::vector<TableRow> TargetRows(const MemoryResults &results);

}  // namespace opendext::bench
