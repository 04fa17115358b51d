// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <expected>
#include <string>

#include "benchmarks/build_location.h"
#include "benchmarks/call/call_samples.h"
#include "benchmarks/samples.h"

namespace opendext::bench {

/// One `opendext run` with an application that makes calls: registry, driver and application are processes of
/// their own. Adds the calls to `calls`, and to `starts` the nanoseconds from before the start of `opendext run`
/// to the first answer. @return one line when a program failed.
[[nodiscard]] std::expected<void, std::string> MeasureProcessCalls(const BuildLocation &build,
                                                                   size_t num_busy,
                                                                   size_t num_parked,
                                                                   CallSamples &calls,
                                                                   Samples &starts);

}  // namespace opendext::bench
