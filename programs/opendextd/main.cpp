// SPDX-License-Identifier: Apache-2.0
// opendextd: the registry. It knows drivers and devices, matches them, starts driver processes and tells
// applications where to find them.
#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "backends/api/pci_identity.h"
#include "backends/emulated/emulated_pci_backend.h"
#include "base/log.h"
#include "base/property_list.h"
#include "base/unique_fd.h"
#include "channel/transport/bus_thread.h"
#include "device_host/port_kinds.h"
#include "models/catalog.h"
#include "programs/opendextd/exit_status.h"
#include "registry/bus_scheduler.h"
#include "registry/device_process_launcher.h"
#include "registry/directory_adapter.h"
#include "registry/process_launcher.h"
#include "registry/registry.h"
#include "registry/registry_server.h"

namespace opendext {

namespace {

constexpr auto kOrphanPatience = std::chrono::seconds(2);
constexpr auto kFailedStartPatience = std::chrono::seconds(2);
// Longer than a driver process waits for its drivers, and looks up the lines of what they have left.
constexpr auto kExitPatience = std::chrono::seconds(15);

struct Options {
    std::string socket;
    std::vector<std::string> dexts;
    std::vector<std::string> devices;
    std::string app_entitlements;
    uint64_t start_timeout_ms = 20000;
    uint32_t relaunch_limit = 10;
    bool quiet = false;
    int ready_fd = -1;
};

using Result = std::expected<void, std::string>;

/// The device's identity, from a model that lives just long enough to be asked: the one that drivers use is made
/// in the driver's process.
std::expected<registry::ProviderSpec, std::string> DescribeDevice(const std::string &device,
                                                                  size_t number) {
    auto model = models::CreateModel(device);
    if (!model) {
        return std::unexpected(std::move(model.error()));
    }
    auto backend = backends::EmulatedPciBackend::Create(*std::move(model));
    if (!backend) {
        return std::unexpected(fmt::format("--device {}: {}", device, backend.error().message));
    }
    registry::ProviderSpec spec;
    spec.class_name = "IOPCIDevice";
    spec.properties = backends::PciIdentityProperties(**backend);
    spec.name = registry::StringProperty(spec.properties, "IOName");
    spec.location = fmt::format("{},0", 4 + number);
    spec.device = device;
    return spec;
}

std::expected<std::optional<PropertyValue::Dictionary>, std::string> ReadEntitlements(
    const std::string &file) {
    if (file.empty()) {
        return std::nullopt;
    }
    auto list = ReadPropertyListFile(file);
    if (!list) {
        return std::unexpected(list.error().ToString(file));
    }
    if (auto *dictionary = list->IfDictionary()) {
        return std::move(*dictionary);
    }
    return std::unexpected(fmt::format("{}:1: error: the top level is a {}; make it a <dict>", file,
                                       PropertyKindName(list->kind())));
}

/// All of the registry's parts, wired. Made on the main thread; the registry itself lives on the bus thread.
class Daemon {
public:
    Daemon(Options options, channel::BusThread &bus_thread, const std::filesystem::path &programs,
           std::optional<PropertyValue::Dictionary> app_entitlements)
        : options_(std::move(options)),
          bus_thread_(bus_thread),
          scheduler_(bus_thread),
          launcher_(bus_thread, {.program = programs / "opendext-host"}),
          device_launcher_(bus_thread, {.program = programs / "opendext-device"}) {
        bus_thread_.RunAndWait([&] {
            registry::Registry::Options registry_options;
            registry_options.starter.start_timeout =
                std::chrono::milliseconds(options_.start_timeout_ms);
            registry_options.starter.relaunch_limit = options_.relaunch_limit;
            registry_options.exit_timeout = kExitPatience;
            registry_options.driver_log = [this](const std::string &source, uint32_t level,
                                                 const std::string &text) {
                OnDriverLog(source, level, text);
            };
            registry_ = std::make_unique<registry::Registry>(launcher_, scheduler_,
                                                             std::move(registry_options));
            adapter_ = std::make_unique<registry::DirectoryAdapter>(*registry_,
                                                                    std::move(app_entitlements));
        });
    }

    ~Daemon() {
        // On the bus thread, where drivers' lines are published.
        bus_thread_.RunAndWait([this] {
            server_.reset();
            adapter_.reset();
            registry_.reset();
        });
    }
    Daemon(const Daemon &) = delete;
    Daemon &operator=(const Daemon &) = delete;

    Result Start() {
        auto server = registry::RegistryServer::Listen(bus_thread_, options_.socket, *adapter_);
        if (!server) {
            return std::unexpected(std::move(server.error()));
        }
        Result result;
        bus_thread_.RunAndWait([&] {
            server_ = *std::move(server);
            result = AddAll();
        });
        return result;
    }

    /// Calls `then` on the bus thread when nothing is being started any more, with lines on what has not started;
    /// none: all is well.
    void WhenQuiet(std::function<void(const std::vector<std::string> &)> then) {
        bus_thread_.Post([this, then = std::move(then)] {
            registry_->starter().WhenQuiet([this, then] {
                // Why a driver has crashed in its Start comes before that it has not started.
                registry_->WhenIdleHostsGone(kFailedStartPatience,
                                             [this, then] { then(FindProblems()); });
            });
        });
    }

    /// Waits until the user clients of applications that have ended have stopped: their services are to outlive
    /// them, as on the original. Not for long: a Stop that never ends must not keep everybody waiting.
    void AwaitOrphans() {
        auto gone = std::make_shared<std::promise<void>>();
        bus_thread_.Post([this, gone] {
            registry_->WhenOrphansGone([](int pid) { return kill(pid, 0) != 0 && errno == ESRCH; },
                                       [gone] { gone->set_value(); });
        });
        gone->get_future().wait_for(kOrphanPatience);
    }

    /// Ends all drivers; those that do not end in time are killed. @return whether one has crashed.
    [[nodiscard]] bool Shutdown() {
        auto done = std::make_shared<std::promise<bool>>();
        bus_thread_.Post([this, done] {
            registry_->Shutdown([this, done] { done->set_value(registry_->num_crashes() != 0); });
        });
        return done->get_future().get();
    }

private:
    Result AddAll() {
        for (const std::string &dext : options_.dexts) {
            if (auto built = registry::CheckIsBuilt(dext); !built) {
                return built;
            }
        }
        for (size_t i = 0; i < options_.devices.size(); ++i) {
            if (device_host::IsUsbPort(options_.devices[i])) {
                continue;
            }
            auto spec = DescribeDevice(options_.devices[i], i);
            if (!spec) {
                return std::unexpected(std::move(spec.error()));
            }
            registry_->AddProvider(*spec);
        }
        for (const std::string &dext : options_.dexts) {
            auto identifier = registry_->AddBundle(dext);
            if (!identifier) {
                return std::unexpected(std::move(identifier.error()));
            }
            bundles_.push_back(*std::move(identifier));
        }
        AddUsbDevices();
        return {};
    }

    // After the drivers: a device that none of them matches is configured without one (semantics.md 3.4).
    void AddUsbDevices() {
        for (const std::string &device : options_.devices) {
            if (device_host::IsUsbPort(device)) {
                registry_->AddDevice(device_launcher_, device,
                                     [this](const std::expected<void, std::string> &result) {
                                         if (!result && !result.error().empty()) {
                                             device_problems_.push_back(result.error());
                                         }
                                     });
            }
        }
    }

    std::vector<std::string> FindProblems() {
        return device_problems_.empty() ? FindIdleBundles() : device_problems_;
    }

    std::vector<std::string> FindIdleBundles() {
        std::vector<std::string> lines;
        for (const std::string &bundle : bundles_) {
            bool started = false;
            for (const registry::RegistryEntry *entry : registry_->tree().All()) {
                started |=
                    entry->host != 0 && entry->started &&
                    registry::StringProperty(entry->properties, "CFBundleIdentifier") == bundle;
            }
            if (!started) {
                const auto reasons = registry_->starter().ExplainMismatches(bundle);
                lines.push_back(fmt::format("{}: no service has started{}", bundle,
                                            reasons.empty() ? "; see the lines above" : ""));
                for (const std::string &reason : reasons) {
                    lines.push_back("  " + reason);
                }
            }
        }
        return lines;
    }

    void OnDriverLog(const std::string &source, uint32_t level, const std::string &text) {
        if (!options_.quiet) {
            std::string line = fmt::format("{}: {}\n", source, text);
            std::fwrite(line.data(), 1, line.size(), stderr);
        }
        if (server_) {
            server_->log().Publish({.level = level, .source = source, .text = text});
        }
    }

    const Options options_;
    channel::BusThread &bus_thread_;
    registry::BusScheduler scheduler_;
    registry::ProcessLauncher launcher_;
    registry::DeviceProcessLauncher device_launcher_;
    std::unique_ptr<registry::Registry> registry_;
    std::unique_ptr<registry::DirectoryAdapter> adapter_;
    std::unique_ptr<registry::RegistryServer> server_;
    std::vector<std::string> bundles_;
    std::vector<std::string> device_problems_;
};

// One line "ready", or one line per problem, then the end of the file.
void ReportReadiness(int fd, const std::vector<std::string> &problems) {
    if (fd < 0) {
        return;
    }
    std::string text = problems.empty() ? "ready\n" : "";
    for (const std::string &problem : problems) {
        text += problem + "\n";
    }
    ssize_t ignored = write(fd, text.data(), text.size());
    static_cast<void>(ignored);
    close(fd);
}

int Run(Options options) {
    // Taken by sigwait below; blocked before any thread is made, so that no other gets them.
    sigset_t signals;
    sigemptyset(&signals);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
        sigaddset(&signals, signal);
    }
    sigaddset(&signals, SIGCHLD);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    sigdelset(&signals, SIGCHLD);
    const int ready_fd = options.ready_fd;
    // Its reader waits for the end of the file, which a host that inherits it would put off.
    fcntl(ready_fd, F_SETFD, FD_CLOEXEC);
    auto entitlements = ReadEntitlements(options.app_entitlements);
    auto bus_thread = channel::BusThread::Start("registry");
    if (!entitlements || !bus_thread) {
        ReportReadiness(ready_fd, {entitlements ? fmt::format("no bus thread: {}",
                                                              std::strerror(bus_thread.error()))
                                                : entitlements.error()});
        return 1;
    }
    std::error_code error;
    const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
    Daemon daemon(std::move(options), **bus_thread, program.parent_path(),
                  *std::move(entitlements));
    if (const Result started = daemon.Start(); !started) {
        ReportReadiness(ready_fd, {started.error()});
        static_cast<void>(daemon.Shutdown());
        return 1;
    }
    // A signal is heeded while drivers start, too.
    daemon.WhenQuiet([ready_fd](const std::vector<std::string> &problems) {
        ReportReadiness(ready_fd, problems);
    });
    int signal = 0;
    sigwait(&signals, &signal);
    daemon.AwaitOrphans();
    return daemon.Shutdown() ? kRegistrySawCrash : 0;
}

}  // namespace

}  // namespace opendext

// NOLINTNEXTLINE(bugprone-exception-escape): only memory that runs out gets here
int main(int argc, char **argv) {
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGCHLD, SIG_DFL);  // ignored by some callers: then no exit status could be had
    opendext::RaiseDescriptorLimit();
    opendext::Options options;
    CLI::App program(
        "The registry: matches drivers to devices, starts them, and tells applications of them.",
        "opendextd");
    program.add_option("--socket", options.socket, "Where to listen")->required();
    program.add_option("--dext", options.dexts, "A .dext folder to match");
    program.add_option("--device", options.devices, "A device, such as model:fpga-dma");
    program.add_option("--app-entitlements", options.app_entitlements,
                       "What applications are entitled to; without it no check is made of them");
    program
        .add_option("--start-timeout", options.start_timeout_ms,
                    "Milliseconds that a driver's Start may take; 0: any")
        ->capture_default_str();
    program
        .add_option(
            "--relaunch-limit", options.relaunch_limit,
            "After how many crashes more than one a driver is not started again; 0: never again")
        ->capture_default_str();
    program.add_flag("--quiet", options.quiet, "Do not print what drivers log");
    program.add_option("--ready-fd", options.ready_fd,
                       "Descriptor to write 'ready' to, or what is wrong");
    program.add_flag_callback(
        "--exit-with-parent", [] { prctl(PR_SET_PDEATHSIG, SIGTERM); },
        "End when the parent process ends");
    program.footer(
        "Example:\n  opendextd --socket /tmp/registry.sock --dext MyDriver.dext --device "
        "model:fpga-dma\n");
    CLI11_PARSE(program, argc, argv);
    return opendext::Run(std::move(options));
}
