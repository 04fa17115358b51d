// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

namespace opendext::bench {

/// Where things of this build are.
struct BuildLocation {
    std::filesystem::path programs;
    std::filesystem::path assets;  ///< The benchmarks' dexts, and the script of the plot.

    /// Of the running program.
    [[nodiscard]] static BuildLocation OfThisProgram() {
        const auto programs = std::filesystem::read_symlink("/proc/self/exe").parent_path();
        return {.programs = programs, .assets = programs.parent_path() / "bench"};
    }
};

}  // namespace opendext::bench
