// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/child_process.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

#include <fmt/format.h>

namespace opendext::bench {

std::expected<ChildProcess, std::string> ChildProcess::Fork(int end_signal,
                                                            const std::function<int()> &work) {
    std::fflush(nullptr);
    const pid_t parent = getpid();
    const pid_t pid = fork();
    if (pid < 0) {
        return std::unexpected(fmt::format("fork: {}", std::strerror(errno)));
    }
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, end_signal);
        // The parent may have died before it was asked.
        _exit(getppid() == parent ? work() : 1);
    }
    return ChildProcess(pid, end_signal);
}

std::expected<ChildProcess, std::string> ChildProcess::Run(
    const std::vector<std::string> &command) {
    std::vector<char *> arguments;
    for (const std::string &word : command) {
        arguments.push_back(const_cast<char *>(word.c_str()));
    }
    arguments.push_back(nullptr);
    return Fork(SIGTERM, [&] {
        execv(arguments[0], arguments.data());
        fmt::print(stderr, "{}: error: {}\n", arguments[0], std::strerror(errno));
        return 127;
    });
}

int ChildProcess::Wait() {
    if (pid_ <= 0) {
        return 0;
    }
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {}
    pid_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int ChildProcess::End() {
    if (pid_ > 0) {
        kill(pid_, end_signal_);
    }
    return Wait();
}

}  // namespace opendext::bench
