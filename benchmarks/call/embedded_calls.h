// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <expected>
#include <filesystem>
#include <string>

#include "benchmarks/samples.h"

namespace opendext::bench {

/// The same calls to the same dext, with registry, driver and application in this process. Makes threads.
/// @return one line when the driver did not start or a call failed.
[[nodiscard]] std::expected<void, std::string> MeasureEmbeddedCalls(
    const std::filesystem::path &dext, size_t count, Samples &samples);

}  // namespace opendext::bench
