// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>
#include <cstddef>
#include <string>
#include <vector>

namespace opendext::rig {

/// Living processes (no zombies) whose parent is `parent`.
[[nodiscard]] std::vector<pid_t> ChildrenOf(pid_t parent);

/// Its arguments, joined by spaces; empty when there is no such process.
[[nodiscard]] std::string CommandLineOf(pid_t process);

[[nodiscard]] size_t CountDescriptors(pid_t process);

/// Lines of the process's maps that have `text` in them.
[[nodiscard]] size_t CountMappings(pid_t process, const std::string &text);

}  // namespace opendext::rig
