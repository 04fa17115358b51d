// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "benchmarks/memory/results.h"

namespace opendext::bench {

/// The results in four forms.
/// @{
/// For a terminal. @param machine, why_no_fuse a line each; the latter may be empty.
[[nodiscard]] std::string ReportText(const MemoryResults &results, const std::string &machine,
                                     const std::string &why_no_fuse);
/// For docs/performance.md.
[[nodiscard]] std::string ReportMarkdown(const MemoryResults &results, const std::string &machine);
/// One flat object.
[[nodiscard]] std::string ReportJson(const MemoryResults &results, const std::string &machine);
/// For throughput.gp: a block per way and use, of lines with bytes, GB/s and microseconds.
[[nodiscard]] std::string ReportPlotData(const MemoryResults &results);
/// @}

}  // namespace opendext::bench
