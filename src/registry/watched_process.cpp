// SPDX-License-Identifier: Apache-2.0
#include "registry/watched_process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cerrno>
#include <utility>

extern "C" {
#include <sys/pidfd.h>  // without extern "C" of its own in glibc 2.36
}
#include <systemd/sd-event.h>

#include "channel/transport/bus_peer.h"
#include "registry/crash_symbols.h"

extern char **environ;

namespace opendext::registry {

namespace {

constexpr int kBusDescriptor = 3;
constexpr int kCrashDescriptor = 4;
constexpr size_t kLongestReport = size_t{64} << 10;

struct Pipe {
    UniqueFd reader;
    UniqueFd writer;
};

std::expected<Pipe, int> MakePipe() {
    int ends[2] = {-1, -1};
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
        return std::unexpected(errno);
    }
    return Pipe{.reader = UniqueFd(ends[0]), .writer = UniqueFd(ends[1])};
}

// The child's descriptors 3 and 4 may be in use here, so both go through numbers out of the way.
std::expected<pid_t, int> Spawn(const std::vector<std::string> &command, int bus, int crash) {
    const UniqueFd high_bus(fcntl(bus, F_DUPFD_CLOEXEC, 16));
    const UniqueFd high_crash(fcntl(crash, F_DUPFD_CLOEXEC, 16));
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, high_bus.get(), kBusDescriptor);
    posix_spawn_file_actions_adddup2(&actions, high_crash.get(), kCrashDescriptor);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t none;
    sigemptyset(&none);
    posix_spawnattr_setsigmask(&attributes, &none);
    // A terminal's Ctrl-C goes to the registry, which ends its processes in order.
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
    std::vector<char *> arguments;
    for (const std::string &word : command) {
        arguments.push_back(const_cast<char *>(word.c_str()));
    }
    arguments.push_back(nullptr);
    pid_t pid = 0;
    const int error = posix_spawn(&pid, command.front().c_str(), &actions, &attributes,
                                  arguments.data(), environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0) {
        return std::unexpected(error);
    }
    return pid;
}

std::string ReadReport(int fd) {
    std::string report;
    char buffer[4096];
    for (;;) {
        const ssize_t num_bytes = read(fd, buffer, sizeof(buffer));
        if (num_bytes <= 0 || report.size() > kLongestReport) {
            return report;
        }
        report.append(buffer, static_cast<size_t>(num_bytes));
    }
}

}  // namespace

WatchedProcess::~WatchedProcess() {
    if (symbolizer_.joinable()) {
        symbolizer_.join();
    }
    if (pid_ != 0) {
        sd_event_source_disable_unref(child_source_);
        kill(pid_, SIGKILL);
        waitpid(pid_, nullptr, 0);
    }
}

std::expected<UniqueFd, int> WatchedProcess::Start() {
    auto sockets = channel::MakeBusSocketPair();
    auto crash = MakePipe();
    if (!sockets || !crash) {
        return std::unexpected(sockets ? crash.error() : sockets.error());
    }
    const auto pid = Spawn(options_.command, sockets->second.get(), crash->writer.get());
    if (!pid) {
        return std::unexpected(pid.error());
    }
    pid_ = *pid;
    pidfd_ = UniqueFd(pidfd_open(pid_, 0));
    crash_report_ = std::move(crash->reader);
    if (!pidfd_.is_valid()) {
        return std::unexpected(errno);
    }
    const int watched = sd_event_add_child_pidfd(bus_thread_.event(), &child_source_, pidfd_.get(),
                                                 WEXITED, OnChildExit, this);
    if (watched < 0) {
        return std::unexpected(-watched);
    }
    // After the bus: what the process said last is read before its end is told.
    sd_event_source_set_priority(child_source_, SD_EVENT_PRIORITY_IDLE);
    return std::move(sockets->first);
}

void WatchedProcess::Kill(int signal) {
    if (pidfd_.get() >= 0) {
        pidfd_send_signal(pidfd_.get(), signal, nullptr, 0);
    }
}

int WatchedProcess::OnChildExit(sd_event_source * /*source*/, const siginfo_t *information,
                                void *userdata) {
    auto *self = static_cast<WatchedProcess *>(userdata);
    sd_event_source_disable_unref(std::exchange(self->child_source_, nullptr));
    const bool exited = information->si_code == CLD_EXITED;
    channel::HostExit exit;
    exit.pid = std::exchange(self->pid_, 0);
    exit.signal = exited ? 0 : information->si_status;
    exit.exit_code = exited ? information->si_status : 0;
    self->options_.on_end();
    self->ReportExit(std::move(exit), ReadReport(self->crash_report_.get()));
    return 0;
}

// Names for the frames come from a program that takes its time, which the bus thread has not.
void WatchedProcess::ReportExit(channel::HostExit exit, std::string report) {
    if (report.empty()) {
        options_.on_exit(exit);
        return;
    }
    symbolizer_ = std::thread([this, alive = std::weak_ptr(alive_), exit = std::move(exit),
                               report = std::move(report)]() mutable {
        exit.backtrace = SymbolizeCrashReport(report);
        bus_thread_.Post([this, alive, exit = std::move(exit)] {
            if (!alive.expired()) {
                options_.on_exit(exit);
            }
        });
    });
}

}  // namespace opendext::registry
