// SPDX-License-Identifier: Apache-2.0
#include "programs/opendext/project_program.h"

#include <cstdio>
#include <expected>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "toolchain/program_builder.h"
#include "toolchain/project/project.h"
#include "toolchain/project/project_build.h"

namespace opendext::cli {

namespace {

struct Options {
    std::string target;
    std::string output;
    toolchain::ProjectRequest request;
    std::vector<std::string> flags;
    bool verbose = false;
};

// The value of option `name` at words[at], which may be joined to it; `at` goes to it. NULL: another option.
const std::string *ValueOf(std::string_view name, const std::vector<std::string> &words, size_t &at,
                           std::string &joined) {
    if (words[at] == name && at + 1 < words.size()) {
        return &words[++at];
    }
    const std::string start = std::string(name) + "=";
    if (name.starts_with("--") && words[at].starts_with(start)) {
        joined = words[at].substr(start.size());
        return &joined;
    }
    return nullptr;
}

std::expected<Options, std::string> ReadOptions(const std::vector<std::string> &words) {
    Options options;
    std::string joined;
    for (size_t at = 0; at < words.size(); ++at) {
        if (words[at] == "-v" || words[at] == "--verbose") {
            options.verbose = true;
        } else if (const auto *target = ValueOf("--target", words, at, joined)) {
            options.target = *target;
        } else if (const auto *name = ValueOf("--configuration", words, at, joined)) {
            options.request.configuration = *name;
        } else if (const auto *output = ValueOf("-o", words, at, joined)) {
            options.output = *output;
        } else if (const auto *setting = ValueOf("--set", words, at, joined)) {
            auto assignment = toolchain::ParseOverride(*setting);
            if (!assignment) {
                return std::unexpected(std::move(assignment.error()));
            }
            options.request.overrides.push_back(*std::move(assignment));
        } else if (words[at].starts_with("-") && words[at] != "-o" && words[at] != "--target") {
            options.flags.push_back(words[at]);
        } else {
            return std::unexpected(fmt::format(
                "opendext: error: '{}' beside a project; write 'opendext cc X.xcodeproj --target "
                "NAME -o PROGRAM'",
                words[at]));
        }
    }
    return options;
}

std::expected<std::string, std::string> Build(const std::filesystem::path &project,
                                              const std::vector<std::string> &words) {
    const auto sdk = toolchain::SdkLocation::OfThisProgram();
    if (!sdk) {
        return std::unexpected(sdk.error());
    }
    const auto options = ReadOptions(words);
    if (!options) {
        return std::unexpected(options.error());
    }
    const auto target = toolchain::LoadTarget(project, toolchain::TargetPurpose::kProgram,
                                              options->target, options->request);
    if (!target) {
        return std::unexpected(target.error());
    }
    auto request = toolchain::ProgramRequestOf(*target);
    if (!request) {
        return std::unexpected(std::move(request.error()));
    }
    request->output = options->output.empty() ? request->name : options->output;
    request->compiler_flags = options->flags;
    request->verbose = options->verbose;
    if (auto built = toolchain::BuildProgram(*request, *sdk); !built) {
        return std::unexpected(std::move(built.error()));
    }
    return options->output.empty() ? request->name : std::string();
}

}  // namespace

int BuildProgramOfProject(const std::filesystem::path &project,
                          const std::vector<std::string> &words) {
    const auto built = Build(project, words);
    if (!built) {
        if (!built.error().empty()) {
            fmt::print(stderr, "{}\n", built.error());
        }
        return 1;
    }
    if (!built->empty()) {
        fmt::print("{}\n", *built);
    }
    return 0;
}

}  // namespace opendext::cli
