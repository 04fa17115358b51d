// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/memory/memory_benchmark.h"

#include <sys/mman.h>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <vector>

#include <fmt/format.h>

#include "base/unique_fd.h"
#include "benchmarks/build_location.h"
#include "benchmarks/child_process.h"
#include "benchmarks/memory/embedded_card.h"
#include "benchmarks/memory/fuse_write.h"
#include "benchmarks/memory/machine.h"
#include "benchmarks/memory/plot.h"
#include "benchmarks/memory/report.h"
#include "benchmarks/memory/results.h"

namespace opendext::bench {

namespace {

using Result = std::expected<void, std::string>;

/// Registry, driver and application are processes of their own.
Result MeasureProcesses(const BuildLocation &build, uint64_t max_bytes,
                        const std::string &fuse_file, MemoryResults &results) {
    // Inherited by the application, through opendext.
    const UniqueFd file(memfd_create("opendext-bench-result", 0));
    if (!file.is_valid()) {
        return std::unexpected(fmt::format("memfd_create: {}", std::strerror(errno)));
    }
    std::vector<std::string> command = {build.programs / "opendext",
                                        "run",
                                        "--quiet",
                                        build.assets / "MemoryBench.dext",
                                        "--app",
                                        build.programs / "opendext-bench-memory-app",
                                        std::to_string(file.get()),
                                        std::to_string(max_bytes)};
    if (!fuse_file.empty()) {
        command.push_back(fuse_file);
    }
    auto run = ChildProcess::Run(command);
    if (!run) {
        return std::unexpected(run.error());
    }
    if (const int status = run->Wait(); status != 0) {
        return std::unexpected(fmt::format("opendext run: exit status {}", status));
    }
    if (!results.Read(file.get())) {
        return std::unexpected("opendext-bench-memory-app: no results");
    }
    return {};
}

Result WriteFile(const std::filesystem::path &file, const std::string &text) {
    std::ofstream stream(file);
    stream << text;
    stream.close();
    if (!stream) {
        return std::unexpected(fmt::format("{}: cannot be written", file.string()));
    }
    fmt::print("{}\n", file.string());
    return {};
}

}  // namespace

std::expected<void, std::string> RunMemoryBenchmark(const std::filesystem::path &folder,
                                                    uint64_t max_bytes) {
    const BuildLocation build = BuildLocation::OfThisProgram();
    MemoryResults results;
    std::string why_no_fuse;
    {
        const auto mount = MountFuseWriteFile();
        why_no_fuse = mount ? "" : mount.error();
        if (Result done = MeasureProcesses(build, max_bytes, mount ? mount->file() : "", results);
            !done) {
            return done;
        }
    }
    // Last: it makes threads, and the others fork.
    if (Result done = MeasureEmbeddedCard(build.assets / "CardBench.dext", results); !done) {
        return done;
    }
    const std::string machine = DescribeMachine();
    fmt::print("{}\n", ReportText(results, machine, why_no_fuse));
    std::error_code ignored;
    std::filesystem::create_directories(folder, ignored);
    if (Result done = WriteFile(folder / "memory.json", ReportJson(results, machine)); !done) {
        return done;
    }
    if (Result done = WriteFile(folder / "memory.dat", ReportPlotData(results)); !done) {
        return done;
    }
    if (Result done = WriteFile(folder / "memory.md", ReportMarkdown(results, machine)); !done) {
        return done;
    }
    const std::filesystem::path picture = folder / "throughput.svg";
    if (Result done =
            DrawThroughput(build.assets / "throughput.gp", folder / "memory.dat", picture);
        !done) {
        return done;
    }
    fmt::print("{}\n", picture.string());
    return {};
}

}  // namespace opendext::bench
