// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/driver/application.h"

#include <sys/mman.h>
#include <unistd.h>
#include <array>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "base/unique_fd.h"
#include "benchmarks/child_process.h"

namespace opendext::bench {

namespace {

std::string ReadAll(int fd) {
    std::string text;
    std::array<char, 4096> part = {};
    ssize_t count = 0;
    while ((count = pread(fd, part.data(), part.size(), static_cast<off_t>(text.size()))) > 0) {
        text.append(part.data(), static_cast<size_t>(count));
    }
    return text;
}

}  // namespace

std::expected<nlohmann::ordered_json, std::string> RunDriverApplication(
    const BuildLocation &build, const std::vector<std::string> &run_arguments,
    const std::vector<std::string> &arguments) {
    // Inherited by the application, through opendext.
    const UniqueFd result(memfd_create("opendext-bench-result", 0));
    if (!result.is_valid()) {
        return std::unexpected(fmt::format("memfd_create: {}", std::strerror(errno)));
    }
    std::vector<std::string> command = {build.programs / "opendext", "run", "--quiet"};
    command.insert(command.end(), run_arguments.begin(), run_arguments.end());
    command.insert(command.end(), {"--app", build.programs / "opendext-bench-driver-app",
                                   std::to_string(result.get())});
    command.insert(command.end(), arguments.begin(), arguments.end());
    auto run = ChildProcess::Run(command);
    if (!run) {
        return std::unexpected(run.error());
    }
    if (const int status = run->Wait(); status != 0) {
        return std::unexpected(fmt::format("opendext run: exit status {}", status));
    }
    auto figures = nlohmann::ordered_json::parse(ReadAll(result.get()), nullptr, false);
    if (!figures.is_object()) {
        return std::unexpected("opendext-bench-driver-app: no results");
    }
    return figures;
}

}  // namespace opendext::bench
