// SPDX-License-Identifier: Apache-2.0
#include "embedded/embedded_launcher.h"

#include <atomic>
#include <utility>

#include "base/log.h"
#include "channel/wire/io_result.h"
#include "embedded/reports_on_thread.h"

namespace opendext::embedded {

/// A driver in this process. Its "process" ends with Exit, or with Kill, which waits for nothing of the driver.
class EmbeddedLauncher::Host final : public channel::DextHostPort {
public:
    Host(EmbeddedLauncher &launcher, const Request &request,
         std::shared_ptr<const host::LoadedDext> dext)
        : end_([post = launcher.Poster(), on_exit = request.on_exit,
                has_ended = std::make_shared<std::atomic<bool>>(false)] {
              if (!has_ended->exchange(true)) {
                  post([on_exit] { on_exit(channel::HostExit{}); });
              }
          }),
          reports_(std::make_shared<ReportsOnThread>(launcher.gate_, launcher.thread_,
                                                     *request.reports)),
          host_({.dext = std::move(dext),
                 .reports = reports_.get(),
                 .reports_owner = reports_,
                 .make_device = launcher.make_device_,
                 .make_endpoint = {},
                 .post = launcher.Poster(),
                 .on_exit = end_}) {}
    ~Host() override { reports_->Detach(); }

    void StartService(const channel::ServiceStart &start,
                      std::function<void(int32_t)> answer) override {
        host_.StartService(start, std::move(answer));
    }
    void OpenClient(
        const channel::ClientOpen &open,
        std::function<void(std::expected<channel::OpenedClient, int32_t>)> answer) override {
        host_.OpenClient(open, std::move(answer));
    }
    void StopService(channel::EntryId entry, channel::StopMode mode,
                     std::function<void(int32_t)> answer) override {
        host_.StopService(entry, mode, std::move(answer));
    }
    void SetPowerState(channel::EntryId entry, uint32_t flags,
                       std::function<void(int32_t)> answer) override {
        host_.SetPowerState(entry, flags, std::move(answer));
    }
    void NotifyService(uint64_t watch, channel::ServiceEvent event,
                       const channel::ProviderDescription &service) override {
        host_.NotifyService(watch, event, service);
    }
    void NotifyState(uint64_t watch) override { host_.NotifyState(watch); }
    void ReadReports(
        channel::EntryId service, const std::vector<uint64_t> &channels,
        std::function<void(std::expected<std::vector<uint8_t>, int32_t>)> answer) override {
        host_.ReadReports(service, channels, std::move(answer));
    }
    void Exit() override { host_.Exit(); }
    void Kill(int /*signal*/) override { end_(); }

private:
    const std::function<void()> end_;
    const std::shared_ptr<ReportsOnThread> reports_;
    host::DextHost host_;
};

// A driver's worker may still have an answer to give when the thread is gone.
std::function<void(std::function<void()>)> EmbeddedLauncher::Poster() {
    return [gate = gate_, &thread = thread_](std::function<void()> task) {
        if (gate->Enter()) {
            thread.Post(std::move(task));
            gate->Leave();
        }
    };
}

std::unique_ptr<channel::DextHostPort> EmbeddedLauncher::Launch(
    const Request &request, std::function<void(int32_t)> ready) {
    auto dext = host::LoadDextBundle(request.bundle_path);
    if (!dext) {
        LogError("{}", dext.error());
        thread_.Post([ready = std::move(ready), on_exit = request.on_exit] {
            ready(channel::kIoUnsupported);
            on_exit(channel::HostExit{});
        });
        return nullptr;
    }
    auto host = std::make_unique<Host>(*this, request, *std::move(dext));
    thread_.Post([ready = std::move(ready)] { ready(0); });
    return host;
}

}  // namespace opendext::embedded
