// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <string>

#include "benchmarks/build_location.h"

namespace opendext::bench {

struct BuildTimes {
    unsigned num_lines = 0;  ///< Of the dext's own sources and .iig files.
    uint64_t build_ns = 0;   ///< `opendext build`, nothing built before.
    uint64_t compiler_ns =
        0;  ///< Its compiler commands for the dext's own sources alone, as many at once.
    uint64_t slowest_iig_ns = 0;  ///< Of its iig commands.
};

/// Builds a made-up dext of about `num_lines` lines several times. The times are the shortest.
[[nodiscard]] std::expected<BuildTimes, std::string> MeasureBuild(const BuildLocation &build,
                                                                  unsigned num_lines);

}  // namespace opendext::bench
