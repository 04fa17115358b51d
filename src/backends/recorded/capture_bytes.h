// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <expected>
#include <string>
#include <vector>

namespace opendext::backends {

/// A capture larger than this is not read.
inline constexpr size_t kMaxCaptureBytes = size_t{1} << 30;

/// All of a file. @return why it cannot be read, in one line.
[[nodiscard]] std::expected<std::vector<std::byte>, std::string> ReadCaptureBytes(
    const std::string &path);

}  // namespace opendext::backends
