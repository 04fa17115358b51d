// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

namespace opendext::bench {

/// Writes a dext of at least `num_lines` lines to `folder`: a service with an interrupt and a timer, a user client with
/// a table of methods, and parts that fill and check register blocks. It compiles; nobody runs it.
/// @return how many lines it has; 0: it could not be written.
unsigned WriteLargeDext(const std::filesystem::path &folder, unsigned num_lines);

}  // namespace opendext::bench
