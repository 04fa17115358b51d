// SPDX-License-Identifier: Apache-2.0
#include "device_host/device_host.h"

#include <utility>

#include "base/log.h"
#include "device_host/usb_report.h"

namespace opendext::device_host {

using backends::BackendErrorCode;
using backends::UsbDeviceId;
using channel::DeviceId;

namespace {

constexpr const char *kNoThread = "there is no thread for it: the process has too many";

UsbDeviceId AtPort(DeviceId device) {
    return static_cast<UsbDeviceId>(device);
}

DeviceId InRegistry(UsbDeviceId device) {
    return static_cast<DeviceId>(device);
}

}  // namespace

DeviceHost::DeviceHost(Options options) : options_(std::move(options)) {}

void DeviceHost::Begin() {
    options_.port->SetListener(this);
}

DeviceHost::~DeviceHost() {
    options_.port->SetListener(nullptr);
    orders_.Stop();
}

void DeviceHost::OnAttached(const backends::UsbDeviceIdentity &device) {
    options_.reports->Attached(ReportOf(device));
}

void DeviceHost::OnDetached(UsbDeviceId device) {
    options_.reports->Detached(InRegistry(device));
}

void DeviceHost::OnConfigured(UsbDeviceId device, uint8_t value, bool publishes) {
    options_.reports->Configured(InRegistry(device), value, publishes);
}

void DeviceHost::OnSettingSelected(const backends::UsbDeviceIdentity &device,
                                   const backends::UsbInterfaceSetting &setting) {
    options_.reports->SettingSelected(InRegistry(device.id), ReportOf(setting, device));
}

void DeviceHost::OpenSession(DeviceId device, UniqueFd socket) {
    const bool is_posted = orders_.Post([this, device, socket = std::move(socket)]() mutable {
        auto session = options_.port->Open(AtPort(device));
        if (!session) {
            // The driver finds nobody at its end, as of a device that is unplugged.
            LogWarning("a session with the device was asked for: {}", session.error().message);
            return;
        }
        options_.serve(std::move(socket), *std::move(session));
    });
    if (!is_posted) {
        LogError("a session with the device was asked for: {}", kNoThread);
    }
}

std::expected<void, std::string> DeviceHost::Configure(DeviceId device, uint8_t value) {
    auto session = options_.port->Open(AtPort(device));
    if (!session) {
        return std::unexpected(session.error().code == BackendErrorCode::kRemoved
                                   ? std::string()
                                   : session.error().message);
    }
    // A device that somebody has configured before us stays as it is.
    if ((*session)->Configuration() == value) {
        return {};
    }
    if (auto set = (*session)->SetConfiguration(value, true); !set) {
        return std::unexpected(
            set.error().code == BackendErrorCode::kRemoved ? std::string() : set.error().message);
    }
    return {};
}

void DeviceHost::SetConfiguration(DeviceId device, uint8_t value, Answer answer) {
    if (!orders_.Post([this, device, value, answer] { answer(Configure(device, value)); })) {
        answer(std::unexpected(std::string(kNoThread)));
    }
}

void DeviceHost::Exit() {
    if (options_.on_exit) {
        options_.on_exit();
    }
}

}  // namespace opendext::device_host
