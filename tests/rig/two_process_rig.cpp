// SPDX-License-Identifier: Apache-2.0
#include "tests/rig/two_process_rig.h"

#include <fcntl.h>
#include <unistd.h>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <utility>

#include <fmt/format.h>

#include "channel/transport/bus_service_directory.h"
#include "iokit/session.h"
#include "programs/opendextd/exit_status.h"
#include "tests/rig/process_table.h"
#include "tests/rig/wait_until.h"

namespace opendext::rig {

namespace {

std::string ReadToEnd(int fd) {
    std::string text;
    char buffer[1024];
    for (;;) {
        const ssize_t num_bytes = read(fd, buffer, sizeof(buffer));
        if (num_bytes > 0) {
            text.append(buffer, static_cast<size_t>(num_bytes));
        } else if (num_bytes == 0 || errno != EINTR) {
            return text;
        }
    }
}

std::vector<std::string> RegistryCommand(const RigOptions &options, const PrivateFolder &folder,
                                         const std::string &socket, int ready_fd) {
    std::vector<std::string> command = {BuiltProgram("opendextd"), "--socket", socket,
                                        "--exit-with-parent"};
    command.insert(command.end(), {"--ready-fd", std::to_string(ready_fd)});
    command.insert(command.end(),
                   {"--start-timeout", std::to_string(options.start_timeout.count())});
    command.insert(command.end(), {"--relaunch-limit", std::to_string(options.relaunch_limit)});
    for (const std::string &device : options.devices) {
        command.insert(command.end(), {"--device", device});
    }
    for (const auto &dext : options.dexts) {
        command.insert(command.end(), {"--dext", dext});
    }
    if (!options.app_entitlements.empty()) {
        command.insert(command.end(), {"--app-entitlements",
                                       folder.Write("app.entitlements", options.app_entitlements)});
    }
    return command;
}

}  // namespace

std::vector<std::string> SanitizerEnvironment() {
    std::vector<std::string> environment;
    for (const char *name : {"ASAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS"}) {
        const char *present = std::getenv(name);
        environment.push_back(
            fmt::format("{}={}:handle_segv=0:handle_abort=0:handle_sigbus=0:handle_sigfpe=0:"
                        "handle_sigill=0",
                        name, present == nullptr ? "" : present));
    }
    return environment;
}

std::string SanitizerReports(const LogLines &log) {
    for (const char *mark : {"ERROR: AddressSanitizer", "ERROR: LeakSanitizer",
                             "WARNING: ThreadSanitizer", "runtime error:"}) {
        if (log.Contains(mark)) {
            return log.Text();
        }
    }
    return {};
}

std::expected<std::unique_ptr<TwoProcessRig>, std::string> TwoProcessRig::Start(
    const RigOptions &options) {
    std::unique_ptr<TwoProcessRig> rig(new TwoProcessRig);
    int ends[2] = {-1, -1};
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return std::unexpected("no pipe");
    }
    const UniqueFd reader(ends[0]);
    UniqueFd writer(ends[1]);
    auto registry = ChildProcess::Start(
        {.command = RegistryCommand(options, rig->folder_, rig->socket(), writer.get()),
         .environment = SanitizerEnvironment(),
         .descriptor = writer.get()});
    if (!registry) {
        return std::unexpected(std::move(registry.error()));
    }
    rig->registry_ = *std::move(registry);
    writer.Reset();
    rig->readiness_ = ReadToEnd(reader.get());
    auto directory = channel::BusServiceDirectory::Connect(rig->socket());
    if (!directory) {
        return std::unexpected(
            fmt::format("{}: {}; {}", rig->socket(), directory.error(), rig->readiness_));
    }
    iokit::Session::Current().Install(*std::move(directory));
    return rig;
}

TwoProcessRig::~TwoProcessRig() {
    static_cast<void>(Stop());
}

std::string TwoProcessRig::Stop() {
    iokit::Session::Current().Install(nullptr);
    if (registry_ == nullptr || registry_->has_ended()) {
        return {};
    }
    const std::vector<pid_t> children = ChildrenWith("opendext-");
    registry_->Kill(SIGTERM);
    std::string problems;
    const auto status = registry_->WaitForExit();
    // Tests crash drivers on purpose.
    if (status != 0 && status != kRegistrySawCrash) {
        problems = fmt::format("the registry ended with {}\n{}", status.value_or(-1),
                               registry_->output().Text());
        registry_->Kill(SIGKILL);
    }
    for (const pid_t child : children) {
        if (!WaitUntil([child] { return !CommandLineOf(child).contains("opendext-"); })) {
            problems += fmt::format("process {} is left\n", child);
        }
    }
    problems += SanitizerReports(registry_->output());
    return problems;
}

void TwoProcessRig::KillRegistry() {
    registry_->Kill(SIGKILL);
    static_cast<void>(registry_->WaitForExit());
}

std::string TwoProcessRig::socket() const {
    return (folder_.path() / "registry.sock").string();
}

std::vector<pid_t> TwoProcessRig::Hosts() const {
    return ChildrenWith("opendext-host");
}

std::vector<pid_t> TwoProcessRig::DeviceProcesses() const {
    return ChildrenWith("opendext-device");
}

std::vector<pid_t> TwoProcessRig::ChildrenWith(std::string_view program) const {
    std::vector<pid_t> found = ChildrenOf(registry_->pid());
    std::erase_if(found, [&](pid_t child) { return !CommandLineOf(child).contains(program); });
    return found;
}

pid_t TwoProcessRig::HostOf(std::string_view dext) const {
    const std::string bundle = fmt::format("/{}.dext ", dext);
    pid_t found = 0;
    static_cast<void>(WaitUntil([&] {
        for (const pid_t host : Hosts()) {
            found = CommandLineOf(host).contains(bundle) ? host : found;
        }
        return found != 0;
    }));
    return found;
}

void TwoProcessRig::KillHost(std::string_view dext) const {
    if (const pid_t host = HostOf(dext); host > 0) {
        kill(host, SIGKILL);
    }
}

}  // namespace opendext::rig
