// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <string>

#include "benchmarks/samples.h"

namespace opendext::bench {

/// Times how long the registry takes from a new device's arrival until the process of its driver is asked for, among
/// `num_personalities` of which one matches; each is in a bundle of its own.
[[nodiscard]] std::expected<Samples, std::string> MeasureMatching(unsigned num_personalities);

}  // namespace opendext::bench
