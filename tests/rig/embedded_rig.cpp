// SPDX-License-Identifier: Apache-2.0
#include "tests/rig/embedded_rig.h"

#include "device_host/port_kinds.h"

namespace opendext::rig {

std::expected<std::unique_ptr<DriverRig>, std::string> EmbeddedRig::Start(
    const RigOptions &options) {
    auto started = test::System::Start(
        {.app_entitlements = options.app_entitlements, .start_timeout = options.start_timeout});
    if (!started) {
        return std::unexpected(std::move(started.error()));
    }
    std::unique_ptr<test::System> system = *std::move(started);
    const auto attach = [&](bool usb) -> std::expected<void, std::string> {
        for (const std::string &device : options.devices) {
            if (device_host::IsUsbPort(device) != usb) {
                continue;
            }
            if (auto attached = system->Attach(device); !attached) {
                return std::unexpected(std::move(attached.error()));
            }
        }
        return {};
    };
    auto done = attach(false);
    for (size_t i = 0; done && i < options.dexts.size(); ++i) {
        done = system->Load(options.dexts[i]);
    }
    // Behind the drivers: a device that none of them matches is configured without one.
    if (done) {
        done = attach(true);
    }
    if (!done) {
        return std::unexpected(std::move(done.error()));
    }
    return std::unique_ptr<DriverRig>(new EmbeddedRig(std::move(system)));
}

std::string EmbeddedRig::Stop() {
    system_.reset();
    return {};
}

}  // namespace opendext::rig
