// SPDX-License-Identifier: Apache-2.0
#include "registry/process_launcher.h"

#include <csignal>
#include <cstring>
#include <utility>

#include "base/log.h"
#include "channel/transport/dext_host_proxy.h"
#include "channel/wire/io_result.h"
#include "registry/watched_process.h"

namespace opendext::registry {

/// One driver process. It lives until its exit has been reported, or its owner drops it: then the process is
/// killed. On the bus thread.
class ProcessLauncher::Process final : public channel::DextHostPort {
public:
    using EntryId = channel::EntryId;

    Process(ProcessLauncher &launcher, const Request &request, std::function<void(int32_t)> ready)
        : launcher_(launcher),
          name_(request.server_name),
          on_exit_(request.on_exit),
          ready_(std::move(ready)),
          process_(launcher.bus_thread_,
                   {.command = {launcher.options_.program.string(), "--bundle", request.bundle_path,
                                "--name", request.server_name},
                    .on_end = [this] { Ready(channel::kHostGone); },
                    .on_exit = [this](const channel::HostExit &exit) { on_exit_(exit); }}) {}
    ~Process() override;

    [[nodiscard]] std::expected<void, int> Start(const Request &request);
    void Fail(int32_t status);

    void StartService(const channel::ServiceStart &start,
                      std::function<void(int32_t)> answer) override;
    void OpenClient(
        const channel::ClientOpen &open,
        std::function<void(std::expected<channel::OpenedClient, int32_t>)> answer) override;
    void StopService(EntryId entry, channel::StopMode mode,
                     std::function<void(int32_t)> answer) override;
    void SetPowerState(EntryId entry, uint32_t flags, std::function<void(int32_t)> answer) override;
    void NotifyService(uint64_t watch, channel::ServiceEvent event,
                       const channel::ProviderDescription &service) override;
    void NotifyState(uint64_t watch) override;
    void ReadReports(
        EntryId service, const std::vector<uint64_t> &channels,
        std::function<void(std::expected<std::vector<uint8_t>, int32_t>)> answer) override;
    void Exit() override;
    void Kill(int signal) override;

private:
    void Ready(int32_t status);

    ProcessLauncher &launcher_;
    const std::string name_;
    const std::function<void(const channel::HostExit &)> on_exit_;
    std::function<void(int32_t)> ready_;
    uint64_t check_in_timer_ = 0;
    WatchedProcess process_;
    std::unique_ptr<channel::DextHostProxy> proxy_;
};

ProcessLauncher::Process::~Process() {
    if (check_in_timer_ != 0) {
        launcher_.bus_thread_.Cancel(check_in_timer_);
    }
}

std::expected<void, int> ProcessLauncher::Process::Start(const Request &request) {
    auto socket = process_.Start();
    if (!socket) {
        return std::unexpected(socket.error());
    }
    auto proxy =
        channel::DextHostProxy::Attach(launcher_.bus_thread_, *std::move(socket),
                                       {.reports = request.reports,
                                        .on_ready = [this](int32_t status) { Ready(status); },
                                        .kill = [this](int signal) { Kill(signal); },
                                        .on_gone = [] {}});  // the exit tells
    if (!proxy) {
        return std::unexpected(proxy.error());
    }
    proxy_ = *std::move(proxy);
    check_in_timer_ = launcher_.bus_thread_.After(launcher_.options_.check_in_timeout, [this] {
        check_in_timer_ = 0;
        LogError("{}: the driver process has not checked in after {} ms; it is ended", name_,
                 launcher_.options_.check_in_timeout.count());
        Ready(channel::kIoTimeout);
        Kill(SIGKILL);
    });
    return {};
}

void ProcessLauncher::Process::Ready(int32_t status) {
    if (check_in_timer_ != 0) {
        launcher_.bus_thread_.Cancel(std::exchange(check_in_timer_, 0));
    }
    if (ready_) {
        std::exchange(ready_, nullptr)(status);
    }
}

void ProcessLauncher::Process::Fail(int32_t status) {
    Ready(status);
    on_exit_(channel::HostExit{});
}

void ProcessLauncher::Process::StartService(const channel::ServiceStart &start,
                                            std::function<void(int32_t)> answer) {
    proxy_->StartService(start, std::move(answer));
}

void ProcessLauncher::Process::OpenClient(
    const channel::ClientOpen &open,
    std::function<void(std::expected<channel::OpenedClient, int32_t>)> answer) {
    proxy_->OpenClient(open, std::move(answer));
}

void ProcessLauncher::Process::StopService(EntryId entry, channel::StopMode mode,
                                           std::function<void(int32_t)> answer) {
    proxy_->StopService(entry, mode, std::move(answer));
}

void ProcessLauncher::Process::SetPowerState(EntryId entry, uint32_t flags,
                                             std::function<void(int32_t)> answer) {
    proxy_->SetPowerState(entry, flags, std::move(answer));
}

void ProcessLauncher::Process::NotifyService(uint64_t watch, channel::ServiceEvent event,
                                             const channel::ProviderDescription &service) {
    proxy_->NotifyService(watch, event, service);
}

void ProcessLauncher::Process::NotifyState(uint64_t watch) {
    proxy_->NotifyState(watch);
}

void ProcessLauncher::Process::ReadReports(
    EntryId service, const std::vector<uint64_t> &channels,
    std::function<void(std::expected<std::vector<uint8_t>, int32_t>)> answer) {
    proxy_->ReadReports(service, channels, std::move(answer));
}

void ProcessLauncher::Process::Exit() {
    if (proxy_) {
        proxy_->Exit();
    }
}

void ProcessLauncher::Process::Kill(int signal) {
    process_.Kill(signal);
}

ProcessLauncher::~ProcessLauncher() = default;

std::unique_ptr<channel::DextHostPort> ProcessLauncher::Launch(const Request &request,
                                                               std::function<void(int32_t)> ready) {
    auto process = std::make_unique<Process>(*this, request, std::move(ready));
    if (const auto started = process->Start(request); !started) {
        LogError("{}: {} could not be started: {}", request.server_name, options_.program.string(),
                 std::strerror(started.error()));
        process->Fail(channel::kHostGone);
    }
    return process;
}

}  // namespace opendext::registry
