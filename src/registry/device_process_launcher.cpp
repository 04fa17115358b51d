// SPDX-License-Identifier: Apache-2.0
#include "registry/device_process_launcher.h"

#include <csignal>
#include <cstring>

#include <fmt/format.h>

#include "channel/transport/device_proxy.h"
#include "registry/watched_process.h"

namespace opendext::registry {

/// The process of one device. It lives until its exit has been reported, or its owner drops it: then the process is
/// killed. On the bus thread.
class DeviceProcessLauncher::Process final : public channel::DevicePort {
public:
    Process(DeviceProcessLauncher &launcher, const Request &request, Ready ready)
        : launcher_(launcher),
          specification_(request.specification),
          on_exit_(request.on_exit),
          ready_(std::move(ready)),
          process_(launcher.bus_thread_,
                   {.command = {launcher.options_.program.string(), request.specification},
                    .on_end = [this] { Answer(std::unexpected(std::string())); },
                    .on_exit = [this](const channel::HostExit &exit) { on_exit_(exit); }}) {}
    ~Process() override;

    [[nodiscard]] std::expected<void, int> Start(channel::DeviceReports &reports);
    void Fail(const std::string &problem);

    void OpenSession(channel::DeviceId device, UniqueFd socket) override {
        proxy_->OpenSession(device, std::move(socket));
    }
    void SetConfiguration(channel::DeviceId device, uint8_t value,
                          DevicePort::Answer answer) override {
        proxy_->SetConfiguration(device, value, std::move(answer));
    }
    void Exit() override;
    void Kill(int signal) override { process_.Kill(signal); }

private:
    void Answer(const std::expected<void, std::string> &result);

    DeviceProcessLauncher &launcher_;
    const std::string specification_;
    const std::function<void(const channel::HostExit &)> on_exit_;
    Ready ready_;
    uint64_t check_in_timer_ = 0;
    WatchedProcess process_;
    std::unique_ptr<channel::DeviceProxy> proxy_;
};

DeviceProcessLauncher::Process::~Process() {
    if (check_in_timer_ != 0) {
        launcher_.bus_thread_.Cancel(check_in_timer_);
    }
}

std::expected<void, int> DeviceProcessLauncher::Process::Start(channel::DeviceReports &reports) {
    auto socket = process_.Start();
    if (!socket) {
        return std::unexpected(socket.error());
    }
    auto proxy = channel::DeviceProxy::Attach(
        launcher_.bus_thread_, *std::move(socket),
        {.reports = &reports,
         .on_ready = [this](const std::expected<void, std::string> &result) { Answer(result); },
         .kill = [this](int signal) { Kill(signal); }});
    if (!proxy) {
        return std::unexpected(proxy.error());
    }
    proxy_ = *std::move(proxy);
    check_in_timer_ = launcher_.bus_thread_.After(launcher_.options_.check_in_timeout, [this] {
        check_in_timer_ = 0;
        Answer(std::unexpected(
            fmt::format("--device {}: its process has not checked in after {} ms; it is ended",
                        specification_, launcher_.options_.check_in_timeout.count())));
        Kill(SIGKILL);
    });
    return {};
}

void DeviceProcessLauncher::Process::Answer(const std::expected<void, std::string> &result) {
    if (check_in_timer_ != 0) {
        launcher_.bus_thread_.Cancel(std::exchange(check_in_timer_, 0));
    }
    if (const Ready ready = std::exchange(ready_, nullptr)) {
        ready(result);
    }
}

void DeviceProcessLauncher::Process::Fail(const std::string &problem) {
    Answer(std::unexpected(problem));
    on_exit_(channel::HostExit{});
}

void DeviceProcessLauncher::Process::Exit() {
    if (proxy_ != nullptr) {
        proxy_->Exit();
    }
}

std::unique_ptr<channel::DevicePort> DeviceProcessLauncher::Launch(const Request &request,
                                                                   Ready ready) {
    auto process = std::make_unique<Process>(*this, request, std::move(ready));
    if (const auto started = process->Start(*request.reports); !started) {
        process->Fail(fmt::format("--device {}: {} could not be started: {}", request.specification,
                                  options_.program.string(), std::strerror(started.error())));
        return nullptr;
    }
    return process;
}

}  // namespace opendext::registry
