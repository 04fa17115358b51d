// SPDX-License-Identifier: Apache-2.0
#include "toolchain/instrumentation.h"

#include <string_view>

#include <fmt/format.h>

#include "toolchain/subprocess.h"

namespace opendext::toolchain {

namespace {

constexpr std::string_view kOwnSanitizers = OPENDEXT_SANITIZER_FLAGS;

bool IsInstalled(const std::string &program) {
    const auto result = RunProcess({program, "--version"}, true);
    return result && result->status == 0;
}

std::expected<void, std::string> NeedLibrary(const std::string &option, const std::string &name) {
    // The file carries the machine's name: libclang_rt.asan-x86_64.a, libclang_rt.asan-aarch64.a.
    for (const std::string_view machine : {"x86_64", "aarch64"}) {
        if (!FindCompilerFile(fmt::format("lib{}-{}.a", name, machine)).empty()) {
            return {};
        }
    }
    return std::unexpected(fmt::format(
        "opendext test: error: {} needs clang's run-time library {}, which is not installed; "
        "install libclang-rt-19-dev",
        option, name));
}

}  // namespace

std::vector<std::string> InstrumentationArguments(Instrumentation instrumentation) {
    // With the same sanitizer in OpenDext itself, everything has it already.
    switch (kOwnSanitizers.empty() ? instrumentation : Instrumentation::kNone) {
        case Instrumentation::kAddress:
            return {"-fsanitize=address,undefined", "-fno-sanitize=function,vptr",
                    "-fno-sanitize-recover=all"};
        case Instrumentation::kThread:
            return {"-fsanitize=thread"};
        case Instrumentation::kCoverage:
            return {"-fprofile-instr-generate", "-fcoverage-mapping"};
        case Instrumentation::kNone:
            break;
    }
    return {};
}

std::string InstrumentationName(Instrumentation instrumentation) {
    switch (instrumentation) {
        case Instrumentation::kAddress:
            return "asan";
        case Instrumentation::kThread:
            return "tsan";
        case Instrumentation::kCoverage:
            return "coverage";
        case Instrumentation::kNone:
            break;
    }
    return "";
}

std::expected<void, std::string> CheckInstrumentation(Instrumentation instrumentation) {
    const std::string option = "--" + InstrumentationName(instrumentation);
    const bool is_own_address = kOwnSanitizers.find("address") != std::string_view::npos;
    const bool is_own_thread = kOwnSanitizers.find("thread") != std::string_view::npos;
    const bool fits = (instrumentation == Instrumentation::kAddress && is_own_address) ||
                      (instrumentation == Instrumentation::kThread && is_own_thread);
    if (instrumentation != Instrumentation::kNone && !kOwnSanitizers.empty() && !fits) {
        return std::unexpected(fmt::format(
            "opendext test: error: {} cannot be had from this OpenDext, which is itself built with "
            "'{}'; use one that is built without, as './dev build release' makes it",
            option, kOwnSanitizers.substr(0, kOwnSanitizers.find(' '))));
    }
    switch (instrumentation) {
        case Instrumentation::kAddress:
            return NeedLibrary(option, "clang_rt.asan");
        case Instrumentation::kThread:
            return NeedLibrary(option, "clang_rt.tsan");
        case Instrumentation::kCoverage:
            for (const char *program : {"llvm-profdata-19", "llvm-cov-19"}) {
                if (!IsInstalled(program)) {
                    return std::unexpected(
                        fmt::format("opendext test: error: {} needs {}, which is not installed; "
                                    "install llvm-19",
                                    option, program));
                }
            }
            return NeedLibrary(option, "clang_rt.profile");
        case Instrumentation::kNone:
            break;
    }
    return {};
}

std::filesystem::path FindCompilerFile(const std::string &name) {
    const auto result = RunProcess({"clang++-19", "-print-file-name=" + name}, true);
    if (!result || result->status != 0) {
        return {};
    }
    // A file that it does not find is printed as it was named.
    const std::string found = result->output.substr(0, result->output.find('\n'));
    return found == name ? std::filesystem::path() : std::filesystem::path(found);
}

}  // namespace opendext::toolchain
