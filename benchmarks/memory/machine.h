// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace opendext::bench {

/// The machine in a few words: processor, cores, memory, kernel.
[[nodiscard]] std::string DescribeMachine();

}  // namespace opendext::bench
