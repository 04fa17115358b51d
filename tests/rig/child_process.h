// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>
#include <chrono>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/unique_fd.h"
#include "tests/rig/log_lines.h"

namespace opendext::rig {

/// A program that a test runs. Its standard output and error arrive as lines, in the order of arrival. It is
/// killed, if it still runs, when this object goes.
class ChildProcess {
public:
    struct Options {
        std::vector<std::string> command;
        /// "NAME=VALUE", over what this process has.
        std::vector<std::string> environment;
        /// Also inherited, under the same number; -1: none.
        int descriptor = -1;
    };

    [[nodiscard]] static std::expected<std::unique_ptr<ChildProcess>, std::string> Start(
        const Options &options);
    ~ChildProcess();
    ChildProcess(const ChildProcess &) = delete;
    ChildProcess &operator=(const ChildProcess &) = delete;

    [[nodiscard]] pid_t pid() const { return pid_; }
    [[nodiscard]] LogLines &output() { return *output_; }

    /// Whether WaitForExit has seen its end.
    [[nodiscard]] bool has_ended() const { return status_.has_value(); }

    void Kill(int signal) const;

    /// Waits for the end, and for the end of the output. @return the exit status, 128 + the signal, or nothing
    /// when it still runs after `hang_guard`.
    std::optional<int> WaitForExit(std::chrono::seconds hang_guard = std::chrono::seconds(30));

private:
    explicit ChildProcess(pid_t pid, UniqueFd pidfd, UniqueFd output);
    void ReadOutput();

    const pid_t pid_;
    const UniqueFd pidfd_;
    const UniqueFd output_end_;
    const UniqueFd stop_reading_;
    const std::unique_ptr<LogLines> output_;
    std::optional<int> status_;
    std::thread reader_;
};

}  // namespace opendext::rig
