// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "channel/wire/device_seam.h"

namespace opendext::registry::testing {

/// A fake process of a device: what it was told, and its reports.
struct FakeDevice {
    struct Session {
        channel::DeviceId device;
        UniqueFd socket;
    };
    struct Configuration {
        channel::DeviceId device;
        uint8_t value = 0;
        channel::DevicePort::Answer answer;
    };

    channel::DeviceLauncher::Request request;
    channel::DeviceLauncher::Ready ready;
    std::vector<Session> sessions;
    std::vector<Configuration> configurations;
    std::vector<int> kills;
    int num_exits = 0;
    bool is_dropped = false;

    [[nodiscard]] channel::DeviceReports &reports() const { return *request.reports; }
    void BecomeReady() { std::exchange(ready, nullptr)({}); }
    void Fail(const std::string &problem) {
        std::exchange(ready, nullptr)(std::unexpected(problem));
    }
    /// Answers the latest SetConfiguration as a device does that obeys: it reports first.
    void ObeyConfiguration() {
        Configuration &latest = configurations.back();
        reports().Configured(latest.device, latest.value, true);
        std::exchange(latest.answer, nullptr)({});
    }
    void Exit(int signal) {
        request.on_exit({.pid = 43, .signal = signal, .exit_code = 0, .backtrace = {}});
    }
};

class FakeDeviceLauncher final : public channel::DeviceLauncher {
public:
    std::vector<std::shared_ptr<FakeDevice>> devices;

    std::unique_ptr<channel::DevicePort> Launch(const Request &request, Ready ready) override {
        devices.push_back(std::make_shared<FakeDevice>());
        devices.back()->request = request;
        devices.back()->ready = std::move(ready);
        return std::make_unique<Port>(devices.back());
    }

private:
    class Port final : public channel::DevicePort {
    public:
        explicit Port(std::shared_ptr<FakeDevice> device) : device_(std::move(device)) {}
        ~Port() override { device_->is_dropped = true; }
        void OpenSession(channel::DeviceId device, UniqueFd socket) override {
            device_->sessions.push_back({.device = device, .socket = std::move(socket)});
        }
        void SetConfiguration(channel::DeviceId device, uint8_t value, Answer answer) override {
            device_->configurations.push_back(
                {.device = device, .value = value, .answer = std::move(answer)});
        }
        void Exit() override { ++device_->num_exits; }
        void Kill(int signal) override { device_->kills.push_back(signal); }

    private:
        const std::shared_ptr<FakeDevice> device_;
    };
};

/// A device of class 0 in two interfaces: 1209:0001 release 0x0100, "Loop" of "OpenDext", not configured.
inline channel::UsbDeviceReport CompositeDevice(uint64_t id = 1) {
    channel::UsbDeviceReport report;
    report.id = static_cast<channel::DeviceId>(id);
    report.speed = 2;
    report.address = 5;
    report.location = 0x01100000;
    report.usb_version = 0x0200;
    report.vendor = 0x1209;
    report.product = 0x0001;
    report.device_version = 0x0100;
    report.max_packet_bytes0 = 64;
    report.product_index = 2;
    report.manufacturer = "OpenDext";
    report.product_name = "Loop";
    report.configurations = {
        {.value = 1,
         .interfaces =
             {{.number = 0, .interface_class = 0xFF, .interface_subclass = 1, .num_endpoints = 2},
              {.number = 1,
               .interface_class = 3,
               .interface_subclass = 1,
               .interface_protocol = 2,
               .num_endpoints = 1,
               .name_index = 4,
               .name = "Keys"}}},
        {.value = 2, .interfaces = {{.number = 0, .interface_class = 8}}}};
    return report;
}

/// The same, of class 0xFF.
inline channel::UsbDeviceReport VendorDevice(uint64_t id = 1) {
    channel::UsbDeviceReport report = CompositeDevice(id);
    report.device_class = 0xFF;
    report.device_subclass = 3;
    report.device_protocol = 4;
    return report;
}

}  // namespace opendext::registry::testing
