// SPDX-License-Identifier: Apache-2.0
#include "toolchain/subprocess.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "base/unique_fd.h"

extern char **environ;

namespace opendext::toolchain {

namespace {

std::string ReadToEnd(int fd) {
    std::string text;
    char buffer[4096];
    for (;;) {
        const ssize_t num_bytes = read(fd, buffer, sizeof(buffer));
        if (num_bytes <= 0) {
            if (num_bytes < 0 && errno == EINTR) {
                continue;
            }
            return text;
        }
        text.append(buffer, static_cast<size_t>(num_bytes));
    }
}

}  // namespace

std::expected<ProcessResult, std::string> RunProcess(const std::vector<std::string> &command,
                                                     bool capture) {
    std::vector<char *> arguments;
    for (const std::string &word : command) {
        arguments.push_back(const_cast<char *>(word.c_str()));
    }
    arguments.push_back(nullptr);
    int ends[2] = {-1, -1};
    if (capture && pipe2(ends, O_CLOEXEC) != 0) {
        return std::unexpected(fmt::format("pipe: {}", std::strerror(errno)));
    }
    const UniqueFd reader(ends[0]);
    UniqueFd writer(ends[1]);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    if (capture) {
        posix_spawn_file_actions_adddup2(&actions, writer.get(), STDOUT_FILENO);
        posix_spawn_file_actions_adddup2(&actions, writer.get(), STDERR_FILENO);
    }
    pid_t pid = 0;
    const int error =
        posix_spawnp(&pid, arguments[0], &actions, nullptr, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    writer.Reset();
    if (error != 0) {
        return std::unexpected(fmt::format("{}: {}", command.front(), std::strerror(error)));
    }
    ProcessResult result;
    if (capture) {
        result.output = ReadToEnd(reader.get());
    }
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
    result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return result;
}

}  // namespace opendext::toolchain
