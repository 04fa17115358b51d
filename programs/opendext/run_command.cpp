// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <expected>
#include <filesystem>
#include <iterator>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "base/unique_fd.h"
#include "device_host/port_kinds.h"
#include "models/catalog.h"
#include "programs/opendext/commands.h"
#include "programs/opendext/live_registries.h"
#include "programs/opendextd/exit_status.h"
#include "toolchain/sdk_location.h"

namespace opendext::cli {

namespace {

/// Our exit status when a driver crashed and the application did not fail: EX_SOFTWARE of sysexits.h, which few
/// applications use.
constexpr int kDriverCrashed = 70;

struct Options {
    std::vector<std::string> dexts;
    std::vector<std::string> devices;
    std::string app_entitlements;
    uint64_t start_timeout_ms = 20000;
    uint32_t relaunch_limit = 10;
    bool quiet = false;
    std::vector<std::string> app;
};

int Fail(const std::string &line) {
    fmt::print(stderr, "{}\n", line);
    return 1;
}

/// How a process has ended.
struct Ending {
    int status = 0;  ///< Its exit status, or 128 + the signal.
    int signal = 0;  ///< 0: none.
};

/// A child process of ours; ended and waited for when it goes out of scope.
class Child {
public:
    explicit Child(pid_t pid) : pid_(pid) {}
    ~Child() {
        if (pid_ > 0) {
            End();
        }
    }
    Child(const Child &) = delete;
    Child &operator=(const Child &) = delete;

    [[nodiscard]] pid_t pid() const { return pid_; }

    Ending Wait() {
        int status = 0;
        while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {}
        pid_ = 0;
        return WIFEXITED(status)
                   ? Ending{.status = WEXITSTATUS(status)}
                   : Ending{.status = 128 + WTERMSIG(status), .signal = WTERMSIG(status)};
    }

    /// Asks it to end, and waits.
    Ending End() {
        kill(pid_, SIGTERM);
        return Wait();
    }

private:
    pid_t pid_;
};

/// The registry's socket; whoever made it may have been killed before he could remove it.
class SocketFile {
public:
    explicit SocketFile(std::string path) : path_(std::move(path)) {}
    ~SocketFile() { unlink(path_.c_str()); }
    SocketFile(const SocketFile &) = delete;
    SocketFile &operator=(const SocketFile &) = delete;

    [[nodiscard]] const std::string &path() const { return path_; }

private:
    const std::string path_;
};

// Out of the terminal's reach: Ctrl-C is the application's, which may still call its driver while it ends.
void LeaveTerminal() {
    setpgid(0, 0);
    std::signal(SIGTTOU, SIG_IGN);
}

// What kept `program` from being run, and what to do.
std::string WhyNotRun(const std::string &program, int error) {
    const bool is_path = program.contains('/');
    if (error == ENOENT && !is_path) {
        return access(program.c_str(), F_OK) == 0
                   ? fmt::format(
                         "no program of that name is in PATH; the one in this folder is ./{}",
                         program)
                   : "no program of that name is in PATH";
    }
    std::error_code unknown;
    if (error == EACCES && is_path && std::filesystem::is_directory(program, unknown)) {
        return "it is a folder; name the program itself (`opendext cc` builds one)";
    }
    if (error == EACCES && is_path && std::filesystem::is_regular_file(program, unknown) &&
        access(program.c_str(), X_OK) != 0) {
        return "it is not executable; `opendext cc` builds a program of sources";
    }
    return std::strerror(error);
}

// `keep`: a descriptor that the program inherits, or -1: then it is the application. Signals are as they were when
// opendext began. @return -1 when there can be no process.
pid_t Spawn(const std::vector<std::string> &command, int keep, const sigset_t &signals) {
    std::vector<char *> arguments;
    for (const std::string &word : command) {
        arguments.push_back(const_cast<char *>(word.c_str()));
    }
    arguments.push_back(nullptr);
    std::fflush(nullptr);
    const pid_t pid = fork();
    if (pid == 0) {
        if (keep >= 0) {
            fcntl(keep, F_SETFD, 0);
            LeaveTerminal();
        }
        std::signal(SIGPIPE, SIG_DFL);
        sigprocmask(SIG_SETMASK, &signals, nullptr);
        execvp(arguments[0], arguments.data());
        fmt::print(stderr, "{}: error: {}\n", command[0], WhyNotRun(command[0], errno));
        _exit(127);
    }
    return pid;
}

/// What the registry writes until it closes the pipe `fd`, or the signal that came before that.
std::expected<std::string, int> AwaitReport(int fd, const sigset_t &waited) {
    const UniqueFd signals(signalfd(-1, &waited, SFD_CLOEXEC | SFD_NONBLOCK));
    std::string text;
    for (;;) {
        pollfd wanted[] = {{.fd = fd, .events = POLLIN, .revents = 0},
                           {.fd = signals.get(), .events = POLLIN, .revents = 0}};
        poll(wanted, std::size(wanted), -1);
        signalfd_siginfo signal = {};
        if (read(signals.get(), &signal, sizeof(signal)) == sizeof(signal) &&
            signal.ssi_signo != SIGCHLD) {
            return std::unexpected(static_cast<int>(signal.ssi_signo));
        }
        if (wanted[0].revents == 0) {
            continue;
        }
        char buffer[1024];
        const ssize_t num_bytes = read(fd, buffer, sizeof(buffer));
        if (num_bytes > 0) {
            text.append(buffer, static_cast<size_t>(num_bytes));
        } else if (num_bytes == 0 || errno != EINTR) {
            return text;
        }
    }
}

std::vector<std::string> RegistryCommand(const Options &options, const std::string &program,
                                         const std::string &socket, int ready_fd) {
    std::vector<std::string> command = {program,
                                        "--socket",
                                        socket,
                                        "--ready-fd",
                                        std::to_string(ready_fd),
                                        "--exit-with-parent",
                                        "--start-timeout",
                                        std::to_string(options.start_timeout_ms),
                                        "--relaunch-limit",
                                        std::to_string(options.relaunch_limit)};
    for (const std::string &device : options.devices) {
        command.insert(command.end(), {"--device", device});
    }
    for (const std::string &dext : options.dexts) {
        command.insert(command.end(), {"--dext", dext});
    }
    if (!options.app_entitlements.empty()) {
        command.insert(command.end(), {"--app-entitlements", options.app_entitlements});
    }
    if (options.quiet) {
        command.emplace_back("--quiet");
    }
    return command;
}

void TellSignal(const std::string &name, int signal) {
    fmt::print(stderr, "opendext: {} died of signal {} ({})\n", name, signal, strsignal(signal));
}

// Runs the application while signals to us are passed on. A terminal's Ctrl-C reaches it by itself.
int RunApplication(const Options &options, const sigset_t &waited, const sigset_t &original) {
    Child app(Spawn(options.app, -1, original));
    if (app.pid() < 0) {
        return Fail(fmt::format("opendext: error: fork: {}", std::strerror(errno)));
    }
    for (;;) {
        siginfo_t cause = {};
        const int signal = sigwaitinfo(&waited, &cause);
        siginfo_t information = {};
        if (signal != SIGCHLD) {
            const bool is_of_terminal = signal == SIGINT && cause.si_code == SI_KERNEL;
            if (signal > 0 && !is_of_terminal) {
                kill(app.pid(), signal);
            }
        } else if (waitid(P_PID, static_cast<id_t>(app.pid()), &information,
                          WEXITED | WNOHANG | WNOWAIT) == 0 &&
                   information.si_pid == app.pid()) {
            const Ending ending = app.Wait();
            if (ending.signal != 0) {
                TellSignal(options.app.front(), ending.signal);
            }
            return ending.status;
        }
    }
}

int RunUntilSignal(const std::string &socket, pid_t registry, const sigset_t &waited) {
    fmt::print("running; Ctrl-C ends it. Start applications with OPENDEXT_REGISTRY={}\n", socket);
    std::fflush(stdout);
    for (;;) {
        int signal = 0;
        sigwait(&waited, &signal);
        siginfo_t information = {};
        if (signal != SIGCHLD) {
            return 0;
        }
        if (waitid(P_PID, static_cast<id_t>(registry), &information, WEXITED | WNOHANG | WNOWAIT) ==
                0 &&
            information.si_pid == registry) {
            return Fail("opendext: error: the registry has ended");
        }
    }
}

// The application's own failure counts more than that of a driver.
int WithDriversFate(int status, const Ending &registry) {
    if (registry.signal != 0) {
        TellSignal("the registry (opendextd)", registry.signal);
        return status != 0 ? status : registry.status;
    }
    if (registry.status != kRegistrySawCrash) {
        return status;
    }
    fmt::print(stderr, "opendext: a driver crashed meanwhile, see above; exit status {}\n",
               status != 0 ? status : kDriverCrashed);
    return status != 0 ? status : kDriverCrashed;
}

int RunAll(const Options &options) {
    const auto sdk = toolchain::SdkLocation::OfThisProgram();
    const auto folder = RuntimeFolder();
    if (!sdk || !folder) {
        return Fail(sdk ? folder.error() : sdk.error());
    }
    sigset_t waited;
    sigset_t original;
    sigemptyset(&waited);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGCHLD}) {
        sigaddset(&waited, signal);
    }
    sigprocmask(SIG_SETMASK, nullptr, &original);
    std::signal(SIGCHLD, SIG_DFL);  // ignored by some callers: then no exit status could be had
    int ends[2] = {-1, -1};
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return Fail(fmt::format("opendext: error: pipe: {}", std::strerror(errno)));
    }
    const UniqueFd reader(ends[0]);
    UniqueFd writer(ends[1]);
    const SocketFile socket((*folder / fmt::format("{}.sock", getpid())).string());
    if (socket.path().size() >= sizeof(sockaddr_un::sun_path)) {
        return Fail(fmt::format(
            "opendext: error: {}: too long for a socket (107 bytes); set OPENDEXT_RUNTIME_DIR to a "
            "folder with a shorter path",
            socket.path()));
    }
    const std::string program = (sdk->programs / "opendextd").string();
    Child registry(Spawn(RegistryCommand(options, program, socket.path(), writer.get()),
                         writer.get(), original));
    writer.Reset();
    if (registry.pid() < 0) {
        return Fail(fmt::format("opendext: error: fork: {}", std::strerror(errno)));
    }
    const auto report = AwaitReport(reader.get(), waited);
    if (!report) {
        return 128 + report.error();
    }
    if (*report != "ready\n") {
        fmt::print(stderr, "{}",
                   report->empty() ? "opendext: error: the registry has ended while it started\n"
                                   : *report);
        if (!options.app.empty()) {
            fmt::print(stderr, "opendext: error: {} was not run, because of the above\n",
                       options.app.front());
        }
        return 1;
    }
    // From here on signals are waited for; until now they end us, and with us the registry.
    sigprocmask(SIG_BLOCK, &waited, nullptr);
    int status = 0;
    if (options.app.empty()) {
        status = RunUntilSignal(socket.path(), registry.pid(), waited);
    } else {
        setenv("OPENDEXT_REGISTRY", socket.path().c_str(), 1);
        status = RunApplication(options, waited, original);
    }
    return WithDriversFate(status, registry.End());
}

// What --device takes.
std::string DeviceList() {
    std::string list = "Devices:\n";
    for (const models::ModelSummary &model : models::KnownModels()) {
        list += fmt::format("  model:{:<22}{}\n{:30}options: {}\n", model.name, model.summary, "",
                            model.options);
    }
    for (const device_host::PortKind &kind : device_host::PortKinds()) {
        if (kind.prefix != "model") {
            list += fmt::format("  {:<27} {}\n", kind.example, kind.summary);
        }
    }
    return list;
}

}  // namespace

void AddRunCommand(CLI::App &program, Run &run, std::vector<std::string> app_command) {
    auto options = std::make_shared<Options>();
    options->app = std::move(app_command);
    CLI::App *command = program.add_subcommand("run",
                                               "Start a registry with drivers and devices, then an "
                                               "application; its exit status is ours, or 70 "
                                               "if it is 0 and a driver crashed.");
    command->add_option("DEXT", options->dexts, "The .dext folders to match")->required();
    command
        ->add_option("--device", options->devices,
                     "A device to attach, such as model:fpga-dma; may be repeated")
        ->allow_extra_args(false);
    command->add_option(
        "--app-entitlements", options->app_entitlements,
        "What the application is entitled to (a .entitlements file); without it no check is made");
    command
        ->add_option("--start-timeout", options->start_timeout_ms,
                     "Milliseconds that a driver's Start may take")
        ->capture_default_str();
    command
        ->add_option(
            "--relaunch-limit", options->relaunch_limit,
            "After how many crashes more than one a driver is not started again; 0: never again")
        ->capture_default_str();
    command->add_flag("-q,--quiet", options->quiet, "Do not print what drivers log");
    command->footer(
        "  --app PROGRAM ARGS...       The application and its arguments; comes last. Without it "
        "the drivers run\n"
        "                              until Ctrl-C.\n\n" +
        DeviceList() +
        "\nExample:\n  opendext run Fpga.dext --device model:fpga-dma --app ./fpga-app demo\n");
    command->callback([options, &run] { run = [options] { return RunAll(*options); }; });
}

}  // namespace opendext::cli
