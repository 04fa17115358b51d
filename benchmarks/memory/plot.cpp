// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/memory/plot.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#include <array>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>

namespace opendext::bench {

namespace {

std::string Failure(const std::filesystem::path &picture, const std::string &why) {
    return fmt::format("{}: not drawn: {}", picture.string(), why);
}

}  // namespace

std::expected<void, std::string> DrawThroughput(const std::filesystem::path &script,
                                                const std::filesystem::path &data,
                                                const std::filesystem::path &picture) {
    const std::array<const char *, 6> command = {
        "gnuplot", "-c", script.c_str(), data.c_str(), picture.c_str(), nullptr};
    // By now this process has threads, so that nothing but another program may run in a child.
    pid_t gnuplot = 0;
    const int error = posix_spawnp(&gnuplot, command[0], nullptr, nullptr,
                                   const_cast<char *const *>(command.data()), environ);
    if (error != 0) {
        return std::unexpected(Failure(
            picture, fmt::format("gnuplot: {} (Debian: gnuplot-nox)", std::strerror(error))));
    }
    int status = 0;
    while (waitpid(gnuplot, &status, 0) < 0 && errno == EINTR) {}
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        return std::unexpected(Failure(picture, "gnuplot failed"));
    }
    return {};
}

}  // namespace opendext::bench
