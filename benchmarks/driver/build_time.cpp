// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/driver/build_time.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "benchmarks/child_process.h"
#include "benchmarks/driver/large_dext.h"
#include "benchmarks/driver/scratch_folder.h"
#include "benchmarks/samples.h"

namespace opendext::bench {

namespace {

namespace fs = std::filesystem;

constexpr unsigned kRounds = 5;

using Result = std::expected<void, std::string>;

// Runs a line of shell and adds its time.
Result Time(const std::string &command, Samples &samples) {
    const uint64_t begin = MonotonicNow();
    auto child = ChildProcess::Run({"/bin/sh", "-c", command});
    if (!child) {
        return std::unexpected(child.error());
    }
    if (const int status = child->Wait(); status != 0) {
        return std::unexpected(fmt::format("{}: exit status {}", command, status));
    }
    samples.Add(MonotonicNow() - begin);
    return {};
}

std::vector<std::string> LinesOf(const fs::path &file) {
    std::vector<std::string> lines;
    std::ifstream stream(file);
    for (std::string line; std::getline(stream, line);) {
        lines.push_back(line);
    }
    return lines;
}

// What `opendext build` would run, and of that the compiler over the dext's own sources, and iig.
class BuildCommands {
public:
    BuildCommands(const fs::path &scratch, const fs::path &sources)
        : folder_(scratch / ".large.dext.build"), file_(scratch / "commands"), sources_(sources) {}

    Result Read() {
        Samples ignored;
        if (Result done = Time(
                fmt::format("ninja -C '{}' -t commands > '{}'", folder_.string(), file_.string()),
                ignored);
            !done) {
            return done;
        }
        std::ofstream compiler(file_.string() + ".compiler");
        for (const std::string &line : LinesOf(file_)) {
            if (line.contains(fmt::format(" -c {}/", sources_.string()))) {
                // The commands run in the build's folder.
                compiler << fmt::format("cd '{}' && {}\n", folder_.string(), line);
                ++num_compiler;
            } else if (line.contains("/iig' ")) {
                iig.push_back(fmt::format("cd '{}' && {}", folder_.string(), line));
            }
        }
        return {};
    }

    [[nodiscard]] std::string RunCompiler() const {
        return fmt::format("xargs -a '{}.compiler' -d '\\n' -n 1 -P {} sh -c", file_.string(),
                           std::max(1U, std::thread::hardware_concurrency()));
    }

    unsigned num_compiler = 0;
    std::vector<std::string> iig;

private:
    fs::path folder_;
    fs::path file_;
    fs::path sources_;
};

}  // namespace

std::expected<BuildTimes, std::string> MeasureBuild(const BuildLocation &build,
                                                    unsigned num_lines) {
    const ScratchFolder scratch;
    const fs::path sources = scratch.path() / "large";
    const fs::path dext = scratch.path() / "large.dext";
    BuildTimes times{.num_lines = WriteLargeDext(sources, num_lines)};
    Samples builds;
    Samples compilers;
    uint64_t slowest_iig = 0;
    for (unsigned round = 0; round < kRounds; ++round) {
        fs::remove_all(dext);
        fs::remove_all(scratch.path() / ".large.dext.build");
        BuildCommands commands(scratch.path(), sources);
        Result done = Time(
            fmt::format("'{}' build '{}' -o '{}' > /dev/null",
                        (build.programs / "opendext").string(), sources.string(), dext.string()),
            builds);
        if (done) {
            done = commands.Read();
        }
        if (done && (commands.num_compiler == 0 || commands.iig.empty())) {
            done = std::unexpected("opendext build: its commands are not understood");
        }
        if (done) {
            done = Time(commands.RunCompiler(), compilers);
        }
        for (size_t i = 0; done && i < commands.iig.size(); ++i) {
            Samples one;
            done = Time(commands.iig[i], one);
            slowest_iig = std::max(slowest_iig, one.Median());
        }
        if (!done) {
            return std::unexpected(done.error());
        }
    }
    // What else the machine does can only make them longer.
    times.build_ns = builds.Percentile(0);
    times.compiler_ns = compilers.Percentile(0);
    times.slowest_iig_ns = slowest_iig;
    return times;
}

}  // namespace opendext::bench
