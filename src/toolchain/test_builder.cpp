// SPDX-License-Identifier: Apache-2.0
#include "toolchain/test_builder.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "toolchain/build_folder.h"
#include "toolchain/ninja_file.h"
#include "toolchain/program_builder.h"

namespace opendext::toolchain {

namespace {

constexpr std::string_view kHarness = "libopendext-testing.so";

using std::filesystem::path;

bool IsCxxSource(const path &file) {
    const std::string extension = file.extension().string();
    return extension == ".cpp" || extension == ".cc" || extension == ".cxx";
}

// Coverage is the driver's: its tests are not measured.
std::vector<std::string> TestInstrumentation(const TestBuildRequest &request) {
    return request.instrumentation == Instrumentation::kCoverage
               ? std::vector<std::string>()
               : InstrumentationArguments(request.instrumentation);
}

std::vector<std::string> CompileArguments(const TestBuildRequest &request, const SdkLocation &sdk) {
    std::vector<std::string> arguments = {"-std=gnu++23", "-O1", "-fno-omit-frame-pointer", "-Wall",
                                          "-I" + request.folder.string()};
    for (const path &dir : request.include_dirs) {
        arguments.push_back("-I" + dir.string());
    }
    arguments.push_back(fmt::format("-DOPENDEXT_TEST_DEXT=\"{}\"", request.dext.string()));
    for (const std::string &argument : ClientCompilerArguments(sdk, false)) {
        arguments.push_back(argument);
    }
    // What device models are written against.
    arguments.emplace_back("-isystem");
    arguments.push_back((sdk.sdk / "opendext/testing/device_api").string());
    for (const auto &more : {TestInstrumentation(request), request.compiler_flags}) {
        arguments.insert(arguments.end(), more.begin(), more.end());
    }
    return arguments;
}

std::vector<std::string> LinkArguments(const TestBuildRequest &request, const SdkLocation &sdk,
                                       bool has_gmock) {
    std::vector<std::string> arguments = {"-lgtest_main"};
    if (has_gmock) {
        arguments.emplace_back("-lgmock");
    }
    arguments.emplace_back("-lgtest");
    arguments.push_back("-L" + sdk.libraries.string());
    arguments.emplace_back("-lopendext-testing");
    arguments.emplace_back("-lopendext-runtime");
    for (const std::string &argument : ClientCompilerArguments(sdk, true)) {
        arguments.push_back(argument);
    }
    for (const std::string &argument : TestInstrumentation(request)) {
        arguments.push_back(argument);
    }
    if (request.instrumentation == Instrumentation::kThread) {
        // What a driver's blocks call; the run-time library does not export them by itself.
        arguments.emplace_back("-Wl,--export-dynamic-symbol=__tsan_ignore_thread_begin");
        arguments.emplace_back("-Wl,--export-dynamic-symbol=__tsan_ignore_thread_end");
    }
    return arguments;
}

std::string PlanText(const TestBuildRequest &request, const SdkLocation &sdk, const path &build_dir,
                     bool has_gmock) {
    NinjaFile file;
    file.AddRule("compile",
                 fmt::format("clang++-19 -x c++ {} -MD -MF $out.d -c $in -o $out",
                             NinjaFile::QuotedAll(CompileArguments(request, sdk))),
                 "compile $in", "$out.d");
    file.AddRule("link",
                 fmt::format("clang++-19 $in -o $out {}",
                             NinjaFile::QuotedAll(LinkArguments(request, sdk, has_gmock))),
                 "link $out", "");
    std::vector<std::string> objects;
    for (const path &source : request.sources) {
        objects.push_back(
            (build_dir / fmt::format("{}-{}.o", objects.size(), source.stem().string())).string());
        file.AddStep({.rule = "compile",
                      .outputs = {objects.back()},
                      .inputs = {source.string()},
                      .implicit = {},
                      .order_only = {}});
    }
    file.AddStep({.rule = "link",
                  .outputs = {request.output.string()},
                  .inputs = objects,
                  .implicit = {(sdk.libraries / kHarness).string()},
                  .order_only = {}});
    return file.text();
}

}  // namespace

std::expected<void, std::string> CheckTestLibraries(const SdkLocation &sdk) {
    if (FindCompilerFile("libgtest.a").empty() || FindCompilerFile("libgtest_main.a").empty()) {
        return std::unexpected(
            "opendext test: error: GoogleTest is not installed; install libgtest-dev (and "
            "libgmock-dev)");
    }
    const path harness = sdk.libraries / kHarness;
    std::error_code error;
    if (!std::filesystem::exists(harness, error)) {
        return std::unexpected(
            fmt::format("{}: error: missing; build OpenDext as a whole with './dev build release'",
                        harness.string()));
    }
    return {};
}

std::expected<std::vector<path>, std::string> FindTestSources(const path &folder) {
    std::error_code error;
    std::vector<path> sources;
    for (const auto &entry : std::filesystem::directory_iterator(folder, error)) {
        if (entry.is_regular_file(error) && IsCxxSource(entry.path())) {
            sources.push_back(std::filesystem::absolute(entry.path()).lexically_normal());
        }
    }
    if (sources.empty()) {
        return std::unexpected(
            fmt::format("{}: error: {}; write {}, as docs/testing.md shows, or name the folder "
                        "with --tests DIR",
                        folder.string(),
                        std::filesystem::is_directory(folder, error) ? "no tests here"
                                                                     : "no such folder of tests",
                        (folder / "driver_test.cpp").string()));
    }
    std::ranges::sort(sources);
    return sources;
}

std::expected<void, std::string> BuildTests(const TestBuildRequest &request,
                                            const SdkLocation &sdk) {
    TestBuildRequest absolute = request;
    absolute.output = std::filesystem::absolute(request.output).lexically_normal();
    absolute.dext = std::filesystem::absolute(request.dext).lexically_normal();
    absolute.folder = std::filesystem::absolute(request.folder).lexically_normal();
    for (path &dir : absolute.include_dirs) {
        dir = std::filesystem::absolute(dir).lexically_normal();
    }
    const path build_dir =
        absolute.output.parent_path() / ("." + absolute.output.filename().string() + ".build");
    std::error_code error;
    std::filesystem::create_directories(build_dir, error);
    if (error) {
        return std::unexpected(WriteFailure(build_dir));
    }
    const path plan = build_dir / "build.ninja";
    const bool has_gmock = !FindCompilerFile("libgmock.a").empty();
    if (!WriteIfChanged(plan, PlanText(absolute, sdk, build_dir, has_gmock))) {
        return std::unexpected(WriteFailure(plan));
    }
    auto built = RunNinja(build_dir, sdk.sdk, request.verbose);
    if (!built) {
        std::filesystem::remove(absolute.output, error);  // an old one would be run by mistake
    }
    return built;
}

}  // namespace opendext::toolchain
