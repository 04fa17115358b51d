// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/call/process_calls.h"

#include <sys/mman.h>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "base/unique_fd.h"
#include "benchmarks/child_process.h"

namespace opendext::bench {

std::expected<void, std::string> MeasureProcessCalls(const BuildLocation &build, size_t num_busy,
                                                     size_t num_parked, CallSamples &calls,
                                                     Samples &starts) {
    // Inherited by the application, through opendext.
    const UniqueFd result(memfd_create("opendext-bench-result", 0));
    if (!result.is_valid()) {
        return std::unexpected(fmt::format("memfd_create: {}", std::strerror(errno)));
    }
    const uint64_t started_at = MonotonicNow();
    auto run = ChildProcess::Run(
        {build.programs / "opendext", "run", "--quiet", build.assets / "Bench.dext", "--app",
         build.programs / "opendext-bench-app", std::to_string(result.get()),
         std::to_string(num_busy), std::to_string(num_parked)});
    if (!run) {
        return std::unexpected(run.error());
    }
    if (const int status = run->Wait(); status != 0) {
        return std::unexpected(fmt::format("opendext run: exit status {}", status));
    }
    if (!calls.Read(result.get())) {
        return std::unexpected("opendext-bench-app: no samples");
    }
    starts.Add(calls.first_answer_at - started_at);
    return {};
}

}  // namespace opendext::bench
