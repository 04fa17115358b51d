// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <expected>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "programs/opendext/commands.h"
#include "programs/opendext/dext_options.h"
#include "toolchain/coverage_report.h"
#include "toolchain/dext_builder.h"
#include "toolchain/instrumentation.h"
#include "toolchain/project/project.h"
#include "toolchain/subprocess.h"
#include "toolchain/test_builder.h"

namespace opendext::cli {

namespace {

using std::filesystem::path;
using toolchain::Instrumentation;

struct Options {
    DextOptions dext;
    std::string tests;
    bool address = false;
    bool thread = false;
    bool coverage = false;
    std::string filter;
    uint32_t repeat = 1;
    std::optional<uint64_t> seed;
};

int Fail(const std::string &message) {
    if (!message.empty()) {
        fmt::print(stderr, "{}\n", message);
    }
    return 1;
}

Instrumentation InstrumentationOf(const Options &options) {
    if (options.address) {
        return Instrumentation::kAddress;
    }
    if (options.thread) {
        return Instrumentation::kThread;
    }
    return options.coverage ? Instrumentation::kCoverage : Instrumentation::kNone;
}

/// Where the driver and its tests are, below what the user named.
struct Places {
    std::string driver;
    path tests;
};

// MyDriver with MyDriver/driver (or a project, or the sources themselves) and MyDriver/tests.
std::expected<Places, std::string> FindPlaces(const Options &options) {
    const path place = options.dext.place;
    const auto project = toolchain::FindProject(place);
    if (!project) {
        return std::unexpected(project.error());
    }
    std::error_code error;
    Places places{.driver = options.dext.place, .tests = options.tests};
    if (!*project && std::filesystem::is_directory(place / "driver", error)) {
        places.driver = (place / "driver").string();
    }
    if (places.tests.empty()) {
        const bool is_in =
            std::filesystem::is_directory(place, error) && place.extension() != ".xcodeproj";
        const path whole = std::filesystem::absolute(place).lexically_normal();
        const path above =
            whole.has_filename() ? whole.parent_path() : whole.parent_path().parent_path();
        places.tests = (is_in ? place : std::filesystem::relative(above, error)) / "tests";
    }
    return places;
}

// All that is made, in a folder of its own for each kind of build.
path OutputFolder(const Options &options, const path &place) {
    if (!options.dext.output.empty()) {
        return std::filesystem::absolute(options.dext.output).lexically_normal();
    }
    const std::string kind = toolchain::InstrumentationName(InstrumentationOf(options));
    const std::string name = path(NameOfFolder(place.string())).stem().string();
    return std::filesystem::absolute(".opendext-test") / (kind.empty() ? name : name + "-" + kind);
}

struct Built {
    path dext;
    path library;
    path program;
};

// The folders in which the driver's files are: its tests include the protocol from there.
std::vector<path> DriverFolders(const toolchain::DextBuildRequest &request) {
    std::vector<path> folders = request.include_dirs;
    for (const auto *files : {&request.folder.sources, &request.folder.iigs}) {
        for (const path &file : *files) {
            if (std::ranges::find(folders, file.parent_path()) == folders.end()) {
                folders.push_back(file.parent_path());
            }
        }
    }
    return folders;
}

std::expected<Built, std::string> BuildAll(const Options &options, const Places &places,
                                           const path &output, const toolchain::SdkLocation &sdk) {
    auto sources = toolchain::FindTestSources(places.tests);
    if (!sources) {
        return std::unexpected(std::move(sources.error()));
    }
    DextOptions dext_options = options.dext;
    dext_options.place = places.driver;
    dext_options.output =
        (output / (path(NameOfFolder(options.dext.place)).stem().string() + ".dext"));
    auto request = DextRequest(dext_options);
    if (!request) {
        return std::unexpected(std::move(request.error()));
    }
    request->instrumentation = toolchain::InstrumentationArguments(InstrumentationOf(options));
    std::error_code error;
    std::filesystem::create_directories(output, error);
    if (auto built = toolchain::BuildDext(*request, sdk); !built) {
        return std::unexpected(std::move(built.error()));
    }
    Built made{.dext = request->output, .library = {}, .program = output / "tests"};
    for (const auto &entry : std::filesystem::directory_iterator(made.dext, error)) {
        if (entry.path().extension() == ".so") {
            made.library = entry.path();
        }
    }
    auto tests = toolchain::BuildTests({.sources = *std::move(sources),
                                        .folder = places.tests,
                                        .dext = made.dext,
                                        .include_dirs = DriverFolders(*request),
                                        .compiler_flags = options.dext.flags,
                                        .output = made.program,
                                        .instrumentation = InstrumentationOf(options),
                                        .verbose = options.dext.verbose},
                                       sdk);
    if (!tests) {
        return std::unexpected(std::move(tests.error()));
    }
    return made;
}

// Ours first: what the user has set comes later and wins.
void AddDefault(const char *name, const std::string &value) {
    const char *present = std::getenv(name);
    setenv(name, (present == nullptr ? value : value + ":" + present).c_str(), 1);
}

void PrepareEnvironment(const Options &options, const Built &built, const path &profiles) {
    setenv("OPENDEXT_TEST_DEXT", built.dext.c_str(), 1);
    if (options.seed) {
        setenv("OPENDEXT_SEED", std::to_string(*options.seed).c_str(), 1);
    }
    // In DriverKit new and IOMalloc are both malloc.
    AddDefault("ASAN_OPTIONS", "alloc_dealloc_mismatch=0");
    // What the libraries themselves access is none of the driver's business, and they are not instrumented.
    AddDefault("TSAN_OPTIONS", "ignore_noninstrumented_modules=1");
    if (options.coverage) {
        std::error_code error;
        std::filesystem::remove_all(profiles, error);
        std::filesystem::create_directories(profiles, error);
        setenv("LLVM_PROFILE_FILE", (profiles / "%4m.profraw").c_str(), 1);
    }
}

int RunTests(const Options &options, const Built &built) {
    std::vector<std::string> command = {built.program.string()};
    if (!options.filter.empty()) {
        command.push_back("--gtest_filter=" + options.filter);
    }
    if (options.repeat != 1) {
        command.push_back("--gtest_repeat=" + std::to_string(options.repeat));
    }
    const auto ran = toolchain::RunProcess(command, false);
    if (!ran) {
        return Fail(fmt::format("{}: error: {}", built.program.string(), ran.error()));
    }
    return ran->status;
}

int Report(const path &output, const Built &built, const path &profiles,
           const toolchain::SdkLocation &sdk) {
    const path generated = output / ("." + built.dext.filename().string() + ".build");
    const auto summary = toolchain::ReportCoverage({.library = built.library,
                                                    .profiles = profiles,
                                                    .ignored = {generated, sdk.sdk},
                                                    .html = output / "html"});
    if (!summary) {
        return Fail(summary.error());
    }
    fmt::print("{}\nLine by line: {}\n", *summary, (output / "html/index.html").string());
    return 0;
}

int Test(const Options &options) {
    const auto sdk = toolchain::SdkLocation::OfThisProgram();
    if (!sdk) {
        return Fail(sdk.error());
    }
    if (auto possible = toolchain::CheckInstrumentation(InstrumentationOf(options)); !possible) {
        return Fail(possible.error());
    }
    if (auto possible = toolchain::CheckTestLibraries(*sdk); !possible) {
        return Fail(possible.error());
    }
    const auto places = FindPlaces(options);
    if (!places) {
        return Fail(places.error());
    }
    const path output = OutputFolder(options, options.dext.place);
    const auto built = BuildAll(options, *places, output, *sdk);
    if (!built) {
        return Fail(built.error());
    }
    const path profiles = output / "profiles";
    PrepareEnvironment(options, *built, profiles);
    const int status = RunTests(options, *built);
    const int reported = options.coverage ? Report(output, *built, profiles, *sdk) : 0;
    return status != 0 ? status : reported;
}

}  // namespace

void AddTestCommand(CLI::App &program, Run &run) {
    auto options = std::make_shared<Options>();
    CLI::App *command =
        program.add_subcommand("test", "Build a driver and its tests, and run them.");
    command
        ->add_option("PLACE", options->dext.place,
                     "A folder with the driver's sources in driver/ and tests in tests/; or what "
                     "'opendext build' takes, with tests/ in it or beside the project")
        ->required();
    command->add_option("--tests", options->tests, "The folder with the tests' .cpp files");
    auto *address = command->add_flag("--asan", options->address,
                                      "With AddressSanitizer and UndefinedBehaviorSanitizer");
    auto *thread = command->add_flag("--tsan", options->thread, "With ThreadSanitizer");
    auto *coverage = command->add_flag(
        "--coverage", options->coverage,
        "Say which of the driver's lines the tests run: a summary, and a folder of HTML");
    address->excludes(thread)->excludes(coverage);
    thread->excludes(coverage);
    command->add_option("--filter", options->filter,
                        "Which tests to run: SUITE.NAME, with * and ?, as --gtest_filter");
    command->add_option("--repeat", options->repeat, "How often to run them; 0: until Ctrl-C");
    command->add_option("--seed", options->seed,
                        "The interleaving to replay, as a failed test has printed it");
    command->add_option("-o,--output", options->dext.output,
                        "The folder for all that is made; if not given, .opendext-test/NAME here");
    AddDextOptions(*command, options->dext);
    command->footer(
        "Examples:\n"
        "  opendext test MyDriver\n"
        "  opendext test MyDriver.xcodeproj --tests Tests --asan --filter 'CounterTest.*'\n"
        "  opendext test MyDriver --coverage\n");
    command->callback([options, &run] { run = [options] { return Test(*options); }; });
}

}  // namespace opendext::cli
