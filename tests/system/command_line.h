// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/rig/child_process.h"
#include "tests/rig/driver_test.h"
#include "tests/rig/private_folder.h"

namespace opendext::rig {

/// What a command printed, and its exit status; -1: it did not end.
struct CommandResult {
    int status = -1;
    std::string text;
};

/// Runs `opendext` in a folder of its own for what lives while it runs.
class CommandLineTest : public RigTest {
protected:
    [[nodiscard]] std::unique_ptr<ChildProcess> Begin(
        const std::vector<std::string> &arguments) const;
    [[nodiscard]] CommandResult Run(const std::vector<std::string> &arguments) const;
    /// Any program.
    [[nodiscard]] CommandResult RunProgram(std::vector<std::string> command) const;

    const PrivateFolder folder_;
};

}  // namespace opendext::rig
