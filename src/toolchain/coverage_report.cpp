// SPDX-License-Identifier: Apache-2.0
#include "toolchain/coverage_report.h"

#include <string_view>

#include <fmt/format.h>

#include "toolchain/subprocess.h"

namespace opendext::toolchain {

namespace {

using std::filesystem::path;

std::expected<std::string, std::string> Run(const std::vector<std::string> &command) {
    auto result = RunProcess(command, true);
    if (!result) {
        return std::unexpected(
            fmt::format("opendext test: error: {}: {}", command.front(), result.error()));
    }
    if (result->status != 0) {
        return std::unexpected(fmt::format("opendext test: error: {} failed: {}", command.front(),
                                           result->output.substr(0, result->output.find('\n'))));
    }
    return std::move(result->output);
}

// A regular expression for the files below a folder.
std::string FilesBelow(const path &folder) {
    constexpr std::string_view kSpecial = R"(.^$*+?()[]{}|\)";
    std::string expression = "^";
    for (const char c : folder.string()) {
        if (kSpecial.find(c) != std::string_view::npos) {
            expression += '\\';
        }
        expression += c;
    }
    return expression + "/";
}

}  // namespace

std::expected<std::string, std::string> ReportCoverage(const CoverageRequest &request) {
    std::vector<std::string> merge = {"llvm-profdata-19", "merge", "-sparse", "-o",
                                      (request.profiles / "merged.profdata").string()};
    const size_t num_words = merge.size();
    std::error_code error;
    for (const auto &entry : std::filesystem::directory_iterator(request.profiles, error)) {
        if (entry.path().extension() == ".profraw") {
            merge.push_back(entry.path().string());
        }
    }
    if (merge.size() == num_words) {
        return std::unexpected(
            "opendext test: error: no coverage was recorded: no test has loaded the driver; call "
            "LoadDriver in a test");
    }
    if (auto merged = Run(merge); !merged) {
        return merged;
    }
    std::vector<std::string> what = {
        request.library.string(),
        "-instr-profile=" + (request.profiles / "merged.profdata").string()};
    for (const path &folder : request.ignored) {
        what.push_back("-ignore-filename-regex=" + FilesBelow(folder));
    }
    std::vector<std::string> show = {"llvm-cov-19", "show", "-format=html", "-show-line-counts",
                                     "-output-dir=" + request.html.string()};
    show.insert(show.end(), what.begin(), what.end());
    if (auto shown = Run(show); !shown) {
        return shown;
    }
    std::vector<std::string> report = {"llvm-cov-19", "report"};
    report.insert(report.end(), what.begin(), what.end());
    return Run(report);
}

}  // namespace opendext::toolchain
