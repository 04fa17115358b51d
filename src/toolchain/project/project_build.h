// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <string>

#include "toolchain/dext_builder.h"
#include "toolchain/program_builder.h"
#include "toolchain/project/project_target.h"

namespace opendext::toolchain {

/// What a driver extension of a project asks of BuildDext, without its output: sources, how each is compiled,
/// property lists and the settings that these refer to.
/// The error is one line: a file that is missing, a language that is not built here, a setting without a value.
[[nodiscard]] std::expected<DextBuildRequest, std::string> DextRequestOf(
    const ProjectTarget &target);

/// What a tool or an application of a project asks of BuildProgram, likewise.
[[nodiscard]] std::expected<ProgramBuildRequest, std::string> ProgramRequestOf(
    const ProjectTarget &target);

}  // namespace opendext::toolchain
