// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

/// The commands of `opendext`. Each adds its own options to the program and, when it is the one that was
/// given, leaves in `run` what main is to do; that returns the program's exit status.
namespace opendext::cli {

using Run = std::function<int()>;

void AddBuildCommand(CLI::App &program, Run &run);
void AddClientCompilerCommand(CLI::App &program, Run &run);
/// `app_command`: what stood after --app, which is not CLI11's to parse.
void AddRunCommand(CLI::App &program, Run &run, std::vector<std::string> app_command);
/// `app_command` as of AddRunCommand.
void AddRecordCommand(CLI::App &program, Run &run, std::vector<std::string> app_command);
void AddTestCommand(CLI::App &program, Run &run);
void AddTreeCommand(CLI::App &program, Run &run);
void AddLogCommand(CLI::App &program, Run &run);
void AddPowerCommand(CLI::App &program, Run &run);

}  // namespace opendext::cli
