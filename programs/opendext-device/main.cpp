// SPDX-License-Identifier: Apache-2.0
// opendext-device: the process of one USB device, or of the port that devices are plugged into. The registry starts it
// with a bus socket as descriptor 3 and the pipe for its crash report as descriptor 4; it ends when the registry says so,
// or is gone.
#include <sys/prctl.h>
#include <unistd.h>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <future>
#include <memory>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "backends/remote/usb_session_server.h"
#include "base/log.h"
#include "base/os_log.h"
#include "base/unique_fd.h"
#include "channel/transport/bus_thread.h"
#include "channel/transport/device_connection.h"
#include "device_host/device_host.h"
#include "device_host/port_kinds.h"
#include "host/crash_report.h"

namespace opendext {

namespace {

constexpr int kBusDescriptor = 3;
constexpr int kCrashDescriptor = 4;

void ForwardLogs(channel::DeviceConnection &registry) {
    SetLogSink([&registry](LogLevel level, std::string_view line) {
        registry.LogLine(level == LogLevel::kError ? OS_LOG_TYPE_ERROR : OS_LOG_TYPE_DEFAULT,
                         std::string(line));
    });
}

/// What is on its way to the registry goes out. A device's own threads may still be at work, so nothing that they use is
/// taken down under them.
[[noreturn]] void End(int status, channel::BusThread &bus_thread) {
    bus_thread.RunAndWait([] {});
    std::fflush(nullptr);
    _exit(status);
}

[[noreturn]] void Serve(const std::string &specification, channel::BusThread &bus_thread) {
    std::promise<void> end;
    std::atomic<bool> is_ending = false;
    auto registry = channel::DeviceConnection::Attach(bus_thread, UniqueFd(kBusDescriptor), [&] {
        if (!is_ending.exchange(true)) {
            end.set_value();
        }
    });
    if (!registry) {
        fmt::print(stderr,
                   "opendext-device: error: descriptor 3 is no bus socket ({}); 'opendext run' "
                   "starts this program\n",
                   std::strerror(registry.error()));
        End(2, bus_thread);
    }
    ForwardLogs(**registry);
    auto port = device_host::MakePort(specification);
    if (!port) {
        (*registry)->ReportFailure(port.error());
        end.get_future().wait();
        End(1, bus_thread);
    }
    {
        backends::UsbSessionServer sessions;
        device_host::DeviceHost host(
            {.port = *std::move(port),
             .reports = registry->get(),
             .serve =
                 [&](UniqueFd socket, std::shared_ptr<backends::UsbBackend> session) {
                     auto served = sessions.Serve(std::move(socket), std::move(session));
                     if (!served) {
                         LogError("a driver gets no session: {}", served.error().message);
                     }
                 },
             .on_exit = {}});
        (*registry)->Serve(host);
        host.Begin();
        (*registry)->ReportReady();
        end.get_future().wait();
        (*registry)->StopServing();
    }
    End(0, bus_thread);
}

}  // namespace

}  // namespace opendext

// NOLINTNEXTLINE(bugprone-exception-escape): one that escapes ends the process with a crash report
int main(int argc, char **argv) {
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGINT, SIG_IGN);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    std::string specification;
    CLI::App program("The process of one USB device; started by opendextd.", "opendext-device");
    program.add_option("DEVICE", specification, "The device, such as model:usb-loopback")
        ->required();
    CLI11_PARSE(program, argc, argv);
    opendext::host::InstallCrashReport(opendext::kCrashDescriptor);
    opendext::RaiseDescriptorLimit();  // every region that a driver shares is a descriptor
    auto bus_thread = opendext::channel::BusThread::Start("bus");
    if (!bus_thread) {
        fmt::print(stderr, "opendext-device: error: no bus thread: {}\n",
                   std::strerror(bus_thread.error()));
        return 2;
    }
    opendext::Serve(specification, **bus_thread);
}
