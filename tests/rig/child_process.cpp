// SPDX-License-Identifier: Apache-2.0
#include "tests/rig/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <utility>

#include <fmt/format.h>

extern char **environ;

namespace opendext::rig {

namespace {

std::vector<char *> Pointers(std::vector<std::string> &words) {
    std::vector<char *> pointers;
    for (std::string &word : words) {
        pointers.push_back(word.data());
    }
    pointers.push_back(nullptr);
    return pointers;
}

std::vector<std::string> MergedEnvironment(const std::vector<std::string> &changes) {
    std::vector<std::string> environment = changes;
    for (char **variable = environ; *variable != nullptr; ++variable) {
        const std::string text = *variable;
        const std::string name = text.substr(0, text.find('=') + 1);
        bool is_changed = false;
        for (const std::string &change : changes) {
            is_changed |= change.starts_with(name);
        }
        if (!is_changed) {
            environment.push_back(text);
        }
    }
    return environment;
}

std::expected<pid_t, int> Spawn(const ChildProcess::Options &options, int output) {
    std::vector<std::string> command = options.command;
    std::vector<std::string> environment = MergedEnvironment(options.environment);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
    if (options.descriptor >= 0) {
        // Onto itself: that takes the close-on-exec flag away.
        posix_spawn_file_actions_adddup2(&actions, options.descriptor, options.descriptor);
    }
    pid_t pid = 0;
    const int error = posix_spawnp(&pid, command.front().c_str(), &actions, nullptr,
                                   Pointers(command).data(), Pointers(environment).data());
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0) {
        return std::unexpected(error);
    }
    return pid;
}

}  // namespace

std::expected<std::unique_ptr<ChildProcess>, std::string> ChildProcess::Start(
    const Options &options) {
    int ends[2] = {-1, -1};
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return std::unexpected(fmt::format("pipe: {}", std::strerror(errno)));
    }
    UniqueFd reader(ends[0]);
    const UniqueFd writer(ends[1]);
    const auto pid = Spawn(options, writer.get());
    if (!pid) {
        return std::unexpected(
            fmt::format("{}: {}", options.command.front(), std::strerror(pid.error())));
    }
    UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, *pid, 0)));
    return std::unique_ptr<ChildProcess>(
        new ChildProcess(*pid, std::move(pidfd), std::move(reader)));
}

ChildProcess::ChildProcess(pid_t pid, UniqueFd pidfd, UniqueFd output)
    : pid_(pid),
      pidfd_(std::move(pidfd)),
      output_end_(std::move(output)),
      stop_reading_(eventfd(0, EFD_CLOEXEC)),
      output_(std::make_unique<LogLines>()),
      reader_([this] { ReadOutput(); }) {}

ChildProcess::~ChildProcess() {
    if (!status_) {
        Kill(SIGKILL);
        static_cast<void>(WaitForExit());
    }
}

void ChildProcess::Kill(int signal) const {
    syscall(SYS_pidfd_send_signal, pidfd_.get(), signal, nullptr, 0);
}

std::optional<int> ChildProcess::WaitForExit(std::chrono::seconds hang_guard) {
    if (status_) {
        return status_;
    }
    pollfd ended = {.fd = pidfd_.get(), .events = POLLIN, .revents = 0};
    const auto timeout = static_cast<int>(std::chrono::milliseconds(hang_guard).count());
    if (poll(&ended, 1, timeout) != 1) {
        return std::nullopt;
    }
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {}
    status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = write(stop_reading_.get(), &one, sizeof(one));
    reader_.join();
    return status_;
}

void ChildProcess::ReadOutput() {
    std::string text;
    bool is_over = false;
    while (!is_over) {
        pollfd ends[] = {{.fd = output_end_.get(), .events = POLLIN, .revents = 0},
                         {.fd = stop_reading_.get(), .events = POLLIN, .revents = 0}};
        if (poll(ends, 2, -1) < 0) {
            continue;
        }
        if (ends[0].revents == 0) {
            break;  // it has ended; what it left running keeps the pipe open
        }
        char buffer[4096];
        const ssize_t num_bytes = read(output_end_.get(), buffer, sizeof(buffer));
        is_over = num_bytes == 0 || (num_bytes < 0 && errno != EINTR);
        text.append(buffer, num_bytes > 0 ? static_cast<size_t>(num_bytes) : 0);
        for (size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n')) {
            output_->Add(text.substr(0, end));
            text.erase(0, end + 1);
        }
    }
    if (!text.empty()) {
        output_->Add(text);
    }
}

}  // namespace opendext::rig
