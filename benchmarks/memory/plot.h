// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <filesystem>
#include <string>

namespace opendext::bench {

/// Draws what ReportPlotData wrote to `data` as an SVG, and waits for that: gnuplot runs `script`, throughput.gp.
/// @return one line when there is no picture.
[[nodiscard]] std::expected<void, std::string> DrawThroughput(const std::filesystem::path &script,
                                                              const std::filesystem::path &data,
                                                              const std::filesystem::path &picture);

}  // namespace opendext::bench
