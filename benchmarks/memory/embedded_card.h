// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <filesystem>
#include <string>

#include "benchmarks/memory/results.h"

namespace opendext::bench {

/// Register reads and DMA of a driver for the card fpga-dma, with registry, driver, card and application in this
/// process. Adds figures. Makes threads. @return one line when the driver did not start or a call failed.
[[nodiscard]] std::expected<void, std::string> MeasureEmbeddedCard(
    const std::filesystem::path &dext, MemoryResults &results);

}  // namespace opendext::bench
