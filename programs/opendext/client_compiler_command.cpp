// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <expected>
#include <filesystem>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <CLI/CLI.hpp>

#include "programs/opendext/commands.h"
#include "programs/opendext/project_program.h"
#include "toolchain/program_builder.h"
#include "toolchain/project/project.h"

namespace opendext::cli {

namespace {

bool IsC(const std::string &word) {
    return std::filesystem::path(word).extension() == ".c";
}

bool IsCxx(const std::string &word) {
    const auto extension = std::filesystem::path(word).extension();
    return extension == ".cpp" || extension == ".cc" || extension == ".cxx";
}

// What of the original's frameworks our libraries hold; they are linked anyway.
constexpr std::string_view kFrameworks[] = {"IOKit", "CoreFoundation"};

// Without "-framework X", which the compiler knows on the original only. The error names an X that is not here.
std::expected<std::vector<std::string>, std::string> WithoutFrameworks(
    const std::vector<std::string> &words) {
    std::vector<std::string> kept;
    for (size_t i = 0; i < words.size(); ++i) {
        if (words[i] != "-framework") {
            kept.push_back(words[i]);
            continue;
        }
        const std::string name = ++i < words.size() ? words[i] : "";
        if (std::ranges::find(kFrameworks, name) == std::end(kFrameworks)) {
            return std::unexpected(fmt::format(
                "opendext: error: -framework {}: there is none of that name here; there are {}",
                name, fmt::join(kFrameworks, " and ")));
        }
    }
    return kept;
}

// Of a project that is among the words, its program; nothing when there is none.
std::optional<int> CompileProject(std::vector<std::string> words) {
    const auto project = std::ranges::find_if(words, [](const std::string &word) {
        const auto extension = std::filesystem::path(word).extension();
        return extension == ".xcodeproj" || word.ends_with(".xcodeproj/") || extension == ".yml" ||
               extension == ".yaml";
    });
    if (project == words.end()) {
        return std::nullopt;
    }
    const auto found = toolchain::FindProject(*project);
    if (!found) {
        fmt::print(stderr, "{}\n", found.error());
        return 1;
    }
    words.erase(project);
    return BuildProgramOfProject(**found, words);
}

int Compile(const std::vector<std::string> &all_words) {
    const auto given = WithoutFrameworks(all_words);
    if (!given) {
        fmt::print(stderr, "{}\n", given.error());
        return 1;
    }
    const std::vector<std::string> &words = *given;
    if (const auto status = CompileProject(words)) {
        return *status;
    }
    if (words.empty()) {
        fmt::print(stderr,
                   "opendext: error: no source file; write 'opendext cc app.cpp -o app', "
                   "'opendext cc --help' says more\n");
        return 1;
    }
    const auto sdk = toolchain::SdkLocation::OfThisProgram();
    if (!sdk) {
        fmt::print(stderr, "{}\n", sdk.error());
        return 1;
    }
    bool any_c = false;
    bool any_cxx = false;
    bool compile_only = false;
    for (const std::string &word : words) {
        any_c |= IsC(word);
        any_cxx |= IsCxx(word);
        compile_only |= word == "-c";
        std::error_code error;
        if ((IsC(word) || IsCxx(word)) && !std::filesystem::exists(word, error)) {
            fmt::print(stderr, "{}: error: no such file\n", word);
            return 1;
        }
    }
    std::vector<std::string> command = {any_c && !any_cxx ? "clang-19" : "clang++-19"};
    command.insert(command.end(), words.begin(), words.end());
    for (std::string &argument : toolchain::ClientCompilerArguments(*sdk, !compile_only)) {
        command.push_back(std::move(argument));
    }
    std::vector<char *> arguments;
    for (std::string &word : command) {
        arguments.push_back(word.data());
    }
    arguments.push_back(nullptr);
    execvp(arguments[0], arguments.data());
    fmt::print(stderr, "{}: error: {}; install it with 'apt install clang-19'\n", command.front(),
               std::strerror(errno));
    return 1;
}

}  // namespace

void AddClientCompilerCommand(CLI::App &program, Run &run) {
    CLI::App *command = program.add_subcommand("cc",
                                               "Compile an application against our IOKit: clang-19 "
                                               "(.c) or clang++-19, with what it needs.");
    command->prefix_command();
    command->footer(
        "Everything after 'cc' goes to the compiler, before our own include folders and "
        "libraries; '-framework IOKit' and '-framework CoreFoundation' are accepted.\n"
        "Of a project, it compiles a tool or an application: '--target NAME' chooses it, "
        "'--configuration NAME' and '--set NAME=VALUE' are as of 'opendext build'.\n"
        "Examples:\n"
        "  opendext cc app.cpp -o app -O2 -Wall\n"
        "  opendext cc MyDriver.xcodeproj --target my-app -o app\n");
    command->callback(
        [command, &run] { run = [words = command->remaining()] { return Compile(words); }; });
}

}  // namespace opendext::cli
