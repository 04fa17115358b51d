// SPDX-License-Identifier: Apache-2.0
#include "tests/system/command_line.h"

#include <utility>

namespace opendext::rig {

namespace {

std::unique_ptr<ChildProcess> Spawn(std::vector<std::string> command, const PrivateFolder &folder) {
    std::vector<std::string> environment = SanitizerEnvironment();
    environment.push_back("OPENDEXT_RUNTIME_DIR=" + folder.path().string());
    auto child =
        ChildProcess::Start({.command = std::move(command), .environment = std::move(environment)});
    EXPECT_TRUE(child.has_value()) << child.error();
    return child ? *std::move(child) : nullptr;
}

}  // namespace

std::unique_ptr<ChildProcess> CommandLineTest::Begin(
    const std::vector<std::string> &arguments) const {
    std::vector<std::string> command = {BuiltProgram("opendext")};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return Spawn(std::move(command), folder_);
}

CommandResult CommandLineTest::Run(const std::vector<std::string> &arguments) const {
    const auto child = Begin(arguments);
    CommandResult result;
    if (child != nullptr) {
        result.status = child->WaitForExit().value_or(-1);
        result.text = child->output().Text();
        EXPECT_EQ(SanitizerReports(child->output()), "");
    }
    return result;
}

CommandResult CommandLineTest::RunProgram(std::vector<std::string> command) const {
    const auto child = Spawn(std::move(command), folder_);
    CommandResult result;
    if (child != nullptr) {
        result.status = child->WaitForExit().value_or(-1);
        result.text = child->output().Text();
    }
    return result;
}

}  // namespace opendext::rig
