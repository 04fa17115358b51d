// SPDX-License-Identifier: Apache-2.0
#include "embedded/embedded_devices.h"

#include <utility>

#include "device_host/device_host.h"

namespace opendext::embedded {

namespace {

/// Takes a device's reports, made on any thread, to the registry's thread. Does not wait for it.
class DeviceReportsOnThread final : public channel::DeviceReports {
public:
    DeviceReportsOnThread(std::shared_ptr<ReportsGate> gate, channel::BusThread &thread,
                          channel::DeviceReports &reports)
        : gate_(std::move(gate)),
          thread_(thread),
          reports_(std::make_shared<channel::DeviceReports *>(&reports)) {}

    /// On the registry's thread: nothing is told any more.
    void Detach() { *reports_ = nullptr; }

    void Post(std::function<void()> task) {
        if (gate_->Enter()) {
            thread_.Post(std::move(task));
            gate_->Leave();
        }
    }

    void Attached(const channel::UsbDeviceReport &device) override {
        Tell([device](channel::DeviceReports &reports) { reports.Attached(device); });
    }
    void Detached(channel::DeviceId device) override {
        Tell([device](channel::DeviceReports &reports) { reports.Detached(device); });
    }
    void Configured(channel::DeviceId device, uint8_t value, bool publishes) override {
        Tell([device, value, publishes](channel::DeviceReports &reports) {
            reports.Configured(device, value, publishes);
        });
    }
    void SettingSelected(channel::DeviceId device,
                         const channel::UsbInterfaceReport &setting) override {
        Tell([device, setting](channel::DeviceReports &reports) {
            reports.SettingSelected(device, setting);
        });
    }
    void LogLine(uint32_t level, const std::string &text) override {
        Tell([level, text](channel::DeviceReports &reports) { reports.LogLine(level, text); });
    }

private:
    void Tell(std::function<void(channel::DeviceReports &)> operation) {
        Post([reports = reports_, operation = std::move(operation)] {
            if (*reports != nullptr) {
                operation(**reports);
            }
        });
    }

    const std::shared_ptr<ReportsGate> gate_;
    channel::BusThread &thread_;
    /// NULL inside after Detach; used on the registry's thread only.
    const std::shared_ptr<channel::DeviceReports *> reports_;
};

}  // namespace

/// A port in this process. Its "process" ends with Exit.
class EmbeddedDevices::Device final : public channel::DevicePort {
public:
    Device(EmbeddedDevices &devices, const Request &request,
           std::shared_ptr<backends::UsbPort> port)
        : reports_(devices.gate_, devices.thread_, *request.reports),
          on_exit_(request.on_exit),
          host_({.port = std::move(port), .reports = &reports_, .serve = {}, .on_exit = {}}) {}
    ~Device() override { reports_.Detach(); }

    void Begin() { host_.Begin(); }

    /// Drivers open theirs themselves.
    void OpenSession(channel::DeviceId /*device*/, UniqueFd /*socket*/) override {}
    void SetConfiguration(channel::DeviceId device, uint8_t value, Answer answer) override {
        host_.SetConfiguration(
            device, value,
            [this, answer = std::move(answer)](const std::expected<void, std::string> &result) {
                reports_.Post([answer, result] { answer(result); });
            });
    }
    void Exit() override {
        reports_.Post([on_exit = on_exit_] { on_exit(channel::HostExit{}); });
    }
    void Kill(int /*signal*/) override {}

private:
    DeviceReportsOnThread reports_;
    const std::function<void(const channel::HostExit &)> on_exit_;
    device_host::DeviceHost host_;
};

void EmbeddedDevices::Add(std::shared_ptr<backends::UsbPort> port) {
    const std::lock_guard lock(mutex_);
    ports_.push_back(std::move(port));
}

backends::BackendResult<std::shared_ptr<backends::UsbBackend>> EmbeddedDevices::Open(
    uint32_t port, channel::DeviceId device) {
    std::shared_ptr<backends::UsbPort> found;
    {
        const std::lock_guard lock(mutex_);
        found = port < ports_.size() ? ports_[port] : nullptr;
    }
    if (found == nullptr) {
        return backends::Refuse(backends::BackendErrorCode::kNotFound, "no such USB port");
    }
    return found->Open(static_cast<backends::UsbDeviceId>(device));
}

std::unique_ptr<channel::DevicePort> EmbeddedDevices::Launch(const Request &request, Ready ready) {
    std::shared_ptr<backends::UsbPort> port;
    {
        const std::lock_guard lock(mutex_);
        port = ports_.back();
    }
    auto device = std::make_unique<Device>(*this, request, std::move(port));
    device->Begin();
    // Behind the reports of what is attached.
    thread_.Post([ready = std::move(ready)] { ready({}); });
    return device;
}

}  // namespace opendext::embedded
