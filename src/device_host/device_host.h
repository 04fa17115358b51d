// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "backends/api/usb_port.h"
#include "base/operation_thread.h"
#include "channel/wire/device_seam.h"

namespace opendext::device_host {

/// A USB port as the registry has it: tells it what comes and goes, and carries out its orders. In the process of a
/// device, and in embedded mode.
///
/// Orders return at once; what talks to the device is done on a thread of this object, which starts with the first.
class DeviceHost final : public channel::DevicePort, private backends::UsbPortListener {
public:
    struct Options {
        std::shared_ptr<backends::UsbPort> port;
        /// Called on any thread, as things happen; outlives this object.
        channel::DeviceReports *reports = nullptr;
        /// Serves a session to a driver's process. On that thread.
        std::function<void(UniqueFd socket, std::shared_ptr<backends::UsbBackend> session)> serve;
        /// The order Exit. On the caller's thread.
        std::function<void()> on_exit;
    };

    explicit DeviceHost(Options options);
    /// No report is made any more when it returns. Orders that are not carried out are not answered.
    ~DeviceHost() override;
    DeviceHost(const DeviceHost &) = delete;
    DeviceHost &operator=(const DeviceHost &) = delete;

    /// Reports what is attached, before it returns, and what happens from then on. Once.
    void Begin();

    void OpenSession(channel::DeviceId device, UniqueFd socket) override;
    /// Answers on this object's thread; on the caller's when there is none to be had.
    void SetConfiguration(channel::DeviceId device, uint8_t value, Answer answer) override;
    void Exit() override;
    /// Nothing: who started the process ends it.
    void Kill(int /*signal*/) override {}

private:
    void OnAttached(const backends::UsbDeviceIdentity &device) override;
    void OnDetached(backends::UsbDeviceId device) override;
    void OnConfigured(backends::UsbDeviceId device, uint8_t value, bool publishes) override;
    void OnSettingSelected(const backends::UsbDeviceIdentity &device,
                           const backends::UsbInterfaceSetting &setting) override;

    std::expected<void, std::string> Configure(channel::DeviceId device, uint8_t value);

    const Options options_;
    OperationThread orders_{"device-orders"};
};

}  // namespace opendext::device_host
