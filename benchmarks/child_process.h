// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>
#include <expected>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace opendext::bench {

/// A child process that does not outlive this one: it gets its end signal when this process dies, however that
/// happens, and when this object goes, which waits for it. Fork only from a process with one thread.
class ChildProcess {
public:
    /// The child runs `work` and exits with what it returns. @return one line when there is no process.
    [[nodiscard]] static std::expected<ChildProcess, std::string> Fork(
        int end_signal, const std::function<int()> &work);

    /// The child is the program `command[0]`; SIGTERM ends it.
    [[nodiscard]] static std::expected<ChildProcess, std::string> Run(
        const std::vector<std::string> &command);

    ChildProcess(ChildProcess &&other) noexcept
        : pid_(std::exchange(other.pid_, 0)), end_signal_(other.end_signal_) {}
    ChildProcess &operator=(ChildProcess &&) = delete;
    ~ChildProcess() { End(); }

    /// Waits until it exits. @return its status, or 128 + the signal.
    int Wait();

    /// Sends the end signal and waits. @return as Wait; 0 when it has been waited for.
    int End();

private:
    ChildProcess(pid_t pid, int end_signal) : pid_(pid), end_signal_(end_signal) {}

    pid_t pid_;
    int end_signal_;
};

}  // namespace opendext::bench
