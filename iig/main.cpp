// SPDX-License-Identifier: Apache-2.0
// iig: the interface generator. Makes Class.h and Class.iig.cpp from Class.iig.
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "iig/command_line.h"
#include "iig/generator.h"
#include "iig/output_files.h"

namespace {

constexpr int kExitErrors = 1;
constexpr int kExitUsage = 2;

int Run(const opendext::iig::CommandLine &line) {
    using namespace opendext::iig;
    std::expected<std::string, std::string> text = ReadWholeFile(line.definition);
    if (!text) {
        fmt::print(stderr, "iig: error: {}\n", text.error());
        return kExitErrors;
    }
    const Generated generated =
        Generate({line.definition, std::move(*text), line.framework, line.arguments});
    fmt::print(stderr, "{}", generated.diagnostics);
    if (!generated.is_good) {
        return kExitErrors;
    }
    std::vector<OutputFile> outputs = {{line.header, generated.header},
                                       {line.implementation, generated.implementation}};
    if (!line.dependencies.empty()) {
        std::vector<std::string> targets = {line.header, line.implementation};
        if (!line.dependency_target.empty()) {
            targets = {line.dependency_target};
        }
        outputs.push_back({line.dependencies, DependencyRule(targets, generated.files)});
    }
    if (const std::optional<std::string> problem = WriteOutputs(outputs)) {
        fmt::print(stderr, "iig: error: {}\n", *problem);
        return kExitErrors;
    }
    return 0;
}

}  // namespace

int main(int argc, char **argv) {
    const std::vector<std::string> words(argv + 1, argv + argc);
    const std::expected<opendext::iig::CommandLine, std::string> line =
        opendext::iig::ReadCommandLine(words);
    if (!line) {
        fmt::print(stderr, "iig: error: {} (iig --help shows the usage)\n", line.error());
        return kExitUsage;
    }
    if (line->is_help) {
        fmt::print("{}", opendext::iig::HelpText());
        return 0;
    }
    return Run(*line);
}
