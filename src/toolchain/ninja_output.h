// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace opendext::toolchain {

/// What iig, the compiler and the linker said, out of the output of `ninja --quiet`: without the failed commands
/// and ninja's own remarks. A method of an .iig that has no body gets a line that says how to write it, and a
/// header or a name of the original that OpenDext does not have one that says so. `frameworks`: those of the SDK, as
/// DriverKit; a header of another of the original's gets an error that names the framework. Empty: not known.
[[nodiscard]] std::string CompilerMessages(std::string_view ninja_output,
                                           const std::vector<std::string> &frameworks = {});

}  // namespace opendext::toolchain
