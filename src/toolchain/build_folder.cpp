// SPDX-License-Identifier: Apache-2.0
#include "toolchain/build_folder.h"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>

#include <fmt/format.h>

#include "toolchain/ninja_output.h"
#include "toolchain/project/header_map.h"
#include "toolchain/subprocess.h"

namespace opendext::toolchain {

using std::filesystem::path;

namespace {

std::vector<std::string> FrameworksIn(const path &sdk) {
    std::vector<std::string> names;
    std::error_code error;
    for (const auto &entry : std::filesystem::directory_iterator(sdk, error)) {
        const std::string name = entry.path().filename().string();
        if (name.ends_with("DriverKit")) {
            names.push_back(name);
        }
    }
    std::ranges::sort(names);
    return names;
}

}  // namespace

bool WriteIfChanged(const path &file, const std::string &text) {
    {
        std::ifstream old(file, std::ios::binary);
        const std::string current((std::istreambuf_iterator<char>(old)),
                                  std::istreambuf_iterator<char>());
        if (old && current == text) {
            return true;
        }
    }
    std::ofstream stream(file, std::ios::binary | std::ios::trunc);
    stream << text;
    return static_cast<bool>(stream.flush());
}

std::string WriteFailure(const path &file) {
    return fmt::format(
        "{}: error: cannot be written; is the folder writable and the disk not full?",
        file.string());
}

std::expected<HeaderMapFiles, std::string> WriteHeaderMaps(const ProjectHeaders &headers,
                                                           const path &build_dir) {
    HeaderMapFiles made;
    const struct {
        const std::vector<path> &headers;
        const char *name;
        const char *option;
    } maps[] = {{headers.all, "project-headers.hmap", "-iquote"},
                {headers.own, "own-headers.hmap", "-I"}};
    for (const auto &map : maps) {
        if (map.headers.empty()) {
            continue;
        }
        const path file = build_dir / map.name;
        if (!WriteIfChanged(file, HeaderMap(map.headers))) {
            return std::unexpected(WriteFailure(file));
        }
        made.files.push_back(file);
        made.arguments.insert(made.arguments.end(), {map.option, file.string()});
    }
    return made;
}

std::expected<void, std::string> RunNinja(const path &build_dir, const path &sdk, bool verbose) {
    // Ninja itself runs one more than there are processors, and on a few of them each slows the others down.
    const std::string num_jobs = std::to_string(std::max(1U, std::thread::hardware_concurrency()));
    const auto result = RunProcess(
        {"ninja", "-C", build_dir.string(), "-j", num_jobs, verbose ? "-v" : "--quiet"}, !verbose);
    if (!result) {
        return std::unexpected(
            fmt::format("ninja could not be started: {}; install it with 'apt install ninja-build'",
                        result.error()));
    }
    fmt::print(stderr, "{}", CompilerMessages(result->output, FrameworksIn(sdk)));
    return result->status == 0 ? std::expected<void, std::string>()
                               : std::unexpected(std::string());
}

const char *LanguageName(SourceOptions::Language language) {
    switch (language) {
        case SourceOptions::Language::kC:
            return "c";
        case SourceOptions::Language::kAssembler:
            return "assembler-with-cpp";
        default:
            return "c++";
    }
}

}  // namespace opendext::toolchain
