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

UsbDeviceId AtPort(DeviceId device) {
    return static_cast<UsbDeviceId>(device);
}

DeviceId InRegistry(UsbDeviceId device) {
    return static_cast<DeviceId>(device);
}

}  // namespace

DeviceHost::DeviceHost(Options options)
    : options_(std::move(options)), worker_([this] { Work(); }) {}

void DeviceHost::Begin() {
    options_.port->SetListener(this);
}

DeviceHost::~DeviceHost() {
    options_.port->SetListener(nullptr);
    {
        const std::lock_guard lock(mutex_);
        is_ending_ = true;
    }
    changed_.notify_one();
    worker_.join();
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

void DeviceHost::OpenSession(DeviceId device, UniqueFd socket) {
    // Shared: a std::function is copied, and descriptors cannot be.
    Post([this, device, socket = std::make_shared<UniqueFd>(std::move(socket))] {
        auto session = options_.port->Open(AtPort(device));
        if (!session) {
            // The driver finds nobody at its end, as of a device that is unplugged.
            LogWarning("a session with the device was asked for: {}", session.error().message);
            return;
        }
        options_.serve(std::move(*socket), *std::move(session));
    });
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
    Post([this, device, value, answer = std::move(answer)] { answer(Configure(device, value)); });
}

void DeviceHost::Exit() {
    if (options_.on_exit) {
        options_.on_exit();
    }
}

void DeviceHost::Post(std::function<void()> task) {
    {
        const std::lock_guard lock(mutex_);
        tasks_.push_back(std::move(task));
    }
    changed_.notify_one();
}

void DeviceHost::Work() {
    std::unique_lock lock(mutex_);
    for (;;) {
        changed_.wait(lock, [this] { return is_ending_ || !tasks_.empty(); });
        if (is_ending_) {
            return;
        }
        const std::function<void()> task = std::move(tasks_.front());
        tasks_.pop_front();
        lock.unlock();
        task();
        lock.lock();
    }
}

}  // namespace opendext::device_host
