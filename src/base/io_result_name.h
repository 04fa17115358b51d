// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace opendext {

/// A kern_return_t for a log line: "kIOReturnBadArgument (0xe00002c2)", or the number alone when it has no name.
[[nodiscard]] std::string DescribeIoResult(int32_t result);

}  // namespace opendext
