// SPDX-License-Identifier: Apache-2.0
// opendext-host: the process of one driver. The registry starts it with a bus socket as descriptor 3 and the
// pipe for its crash report as descriptor 4; it ends when the registry says so, or is gone.
#include <sys/prctl.h>
#include <unistd.h>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "backends/emulated/emulated_pci_backend.h"
#include "backends/remote/remote_usb_backend.h"
#include "base/io_result_name.h"
#include "base/log.h"
#include "base/os_log.h"
#include "base/unique_fd.h"
#include "channel/transport/bus_thread.h"
#include "channel/transport/connection_table.h"
#include "channel/transport/registry_connection.h"
#include "channel/wire/io_result.h"
#include "host/crash_report.h"
#include "host/dext_host.h"
#include "models/catalog.h"
#include "runtime/dispatch/worker_pool.h"
#include "runtime/service/process_exit.h"

namespace opendext {

namespace {

constexpr int kBusDescriptor = 3;
constexpr int kCrashDescriptor = 4;
constexpr std::chrono::milliseconds kEndPatience{1000};

/// The devices behind this process's providers. PCI devices live here, the same one for every provider that names it;
/// USB devices have a process of their own, with which each provider has a session. Any thread.
class Devices {
public:
    explicit Devices(channel::RegistryConnection &registry) : registry_(registry) {}

    std::expected<host::Device, std::string> Make(const channel::ProviderDescription &provider) {
        if (provider.class_name == "IOUSBHostDevice" ||
            provider.class_name == "IOUSBHostInterface") {
            return OpenUsb(provider);
        }
        return MakePci(provider.device);
    }

private:
    std::expected<host::Device, std::string> OpenUsb(const channel::ProviderDescription &provider) {
        auto socket = registry_.OpenDevice(provider.entry);
        if (!socket) {
            return std::unexpected(fmt::format("the registry gives no session with it: {}",
                                               DescribeIoResult(socket.error())));
        }
        auto session = backends::RemoteUsbBackend::Connect(*std::move(socket));
        if (!session) {
            return std::unexpected(std::move(session.error().message));
        }
        return *std::move(session);
    }

    std::expected<host::Device, std::string> MakePci(const std::string &specification) {
        const std::lock_guard lock(mutex_);
        auto &device = devices_[specification];
        if (device) {
            return device;
        }
        auto model = models::CreateModel(specification);
        if (!model) {
            return std::unexpected(std::move(model.error()));
        }
        auto backend = backends::EmulatedPciBackend::Create(*std::move(model));
        if (!backend) {
            return std::unexpected(fmt::format("{}: {}", specification, backend.error().message));
        }
        device = *std::move(backend);
        return device;
    }

    channel::RegistryConnection &registry_;
    std::mutex mutex_;
    std::map<std::string, std::shared_ptr<backends::PciBackend>> devices_;  // guarded by mutex_
};

void ForwardLogs(channel::RegistryConnection &registry) {
    SetOsLogSink([&registry](const OsLogLine &line) {
        registry.LogLine(static_cast<uint32_t>(line.type), std::string(line.message));
    });
    SetLogSink([&registry](LogLevel level, std::string_view line) {
        const os_log_type_t type = level == LogLevel::kError     ? OS_LOG_TYPE_ERROR
                                   : level == LogLevel::kWarning ? OS_LOG_TYPE_DEFAULT
                                                                 : OS_LOG_TYPE_INFO;
        registry.LogLine(
            static_cast<uint32_t>(type),
            fmt::format("opendext: {}{}", level == LogLevel::kWarning ? "warning: " : "", line));
    });
}

std::expected<channel::ClientEndpoint, int32_t> ServeClient(
    channel::ConnectionTable &connections, std::shared_ptr<channel::UserClientPort> session) {
    auto endpoint = connections.Serve(std::move(session));
    if (!endpoint) {
        LogError("a connection could not be set up: {}", std::strerror(endpoint.error()));
        return std::unexpected(channel::kIoNoResources);
    }
    return *std::move(endpoint);
}

/// The driver's own threads and queues may still be at work, so nothing that they use is taken down under them.
[[noreturn]] void End(int status, channel::BusThread &bus_thread) {
    bus_thread.RunAndWait([] {});  // what is on its way to the registry goes out
    std::fflush(nullptr);
    _exit(status);
}

[[noreturn]] void Serve(const std::string &bundle, channel::BusThread &bus_thread) {
    std::promise<void> end;
    std::atomic<bool> ending = false;
    const auto finish = [&] {
        if (!ending.exchange(true)) {
            end.set_value();
        }
    };
    auto registry =
        channel::RegistryConnection::Attach(bus_thread, UniqueFd(kBusDescriptor), finish);
    if (!registry) {
        fmt::print(stderr,
                   "opendext-host: error: descriptor 3 is no bus socket ({}); 'opendext run' "
                   "starts this program\n",
                   std::strerror(registry.error()));
        End(2, bus_thread);
    }
    ForwardLogs(**registry);
    host::AwaitLinesBeforeEnd(&(*registry)->num_waiting_lines());
    service::SetProcessExit([&bus_thread] { End(0, bus_thread); });
    auto dext = host::LoadDextBundle(bundle);
    if (!dext) {
        LogError("{}", dext.error());
        (*registry)->ReportFailure(channel::kIoUnsupported);
        end.get_future().wait();
        End(1, bus_thread);
    }
    Devices devices(**registry);
    channel::ConnectionTable connections(bus_thread);
    {
        host::DextHost host(
            {.dext = *dext,
             .reports = registry->get(),
             .make_device =
                 [&](const channel::ProviderDescription &provider) {
                     return devices.Make(provider);
                 },
             .make_endpoint =
                 [&](auto session) { return ServeClient(connections, std::move(session)); },
             .post = [&](std::function<void()> task) { bus_thread.Post(std::move(task)); },
             .on_exit = finish});
        (*registry)->Serve(host);
        end.get_future().wait();
        // Applications first: no call may reach a service that the host has dropped.
        connections.Clear();
        (*registry)->StopServing();
    }
    // An order that has just been carried out may still hold the driver.
    static_cast<void>(dispatch::WorkerPool::Instance().WaitUntilIdle(kEndPatience));
    dext->reset();  // tells of objects that are left
    End(0, bus_thread);
}

}  // namespace

}  // namespace opendext

// NOLINTNEXTLINE(bugprone-exception-escape): one that escapes ends the process with a crash report
int main(int argc, char **argv) {
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGINT, SIG_IGN);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    std::string bundle;
    std::string name = "opendext-host";
    CLI::App program("The process of one driver; started by opendextd.", "opendext-host");
    program.add_option("--bundle", bundle, "The .dext folder")->required();
    program.add_option("--name", name, "Name for logs");
    CLI11_PARSE(program, argc, argv);
    opendext::host::InstallCrashReport(opendext::kCrashDescriptor);
    opendext::RaiseDescriptorLimit();  // every buffer of a driver is a descriptor
    auto bus_thread = opendext::channel::BusThread::Start("bus");
    if (!bus_thread) {
        fmt::print(stderr, "opendext-host: error: no bus thread: {}\n",
                   std::strerror(bus_thread.error()));
        return 2;
    }
    opendext::Serve(bundle, **bus_thread);
}
