// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>
#include <csignal>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/unique_fd.h"
#include "channel/transport/bus_thread.h"
#include "channel/wire/host_seam.h"

struct sd_event_source;

namespace opendext::registry {

/// A process that the registry starts, with a bus socket as descriptor 3 and a pipe for its crash report as descriptor
/// 4, and watches over. Killed with this object if it still runs. On the bus thread.
class WatchedProcess {
public:
    struct Options {
        std::vector<std::string> command;  ///< The program, with its path, and its arguments.
        /// It has ended; what it said last has been read.
        std::function<void()> on_end;
        /// After on_end, when its crash report has been read and has the names of its frames. May destroy this object.
        std::function<void(const channel::HostExit &)> on_exit;
    };

    WatchedProcess(channel::BusThread &bus_thread, Options options)
        : bus_thread_(bus_thread), options_(std::move(options)) {}
    ~WatchedProcess();
    WatchedProcess(const WatchedProcess &) = delete;
    WatchedProcess &operator=(const WatchedProcess &) = delete;

    /// Once. @return our end of its bus socket, or errno; then neither function is called.
    [[nodiscard]] std::expected<UniqueFd, int> Start();

    void Kill(int signal);

private:
    static int OnChildExit(sd_event_source *source, const siginfo_t *information, void *userdata);
    void ReportExit(channel::HostExit exit, std::string report);

    channel::BusThread &bus_thread_;
    const Options options_;
    pid_t pid_ = 0;  ///< 0 before the start and after the exit.
    UniqueFd pidfd_;
    UniqueFd crash_report_;
    sd_event_source *child_source_ = nullptr;
    std::thread symbolizer_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // destroyed first
};

}  // namespace opendext::registry
