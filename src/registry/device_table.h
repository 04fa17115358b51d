// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/unique_fd.h"
#include "channel/wire/device_seam.h"
#include "registry/lifetime.h"
#include "registry/registry_tree.h"
#include "registry/scheduler.h"
#include "registry/usb_publisher.h"

namespace opendext::registry {

class Registry;

/// The USB devices that were started, their processes, and who may have a session with them. On the registry's thread.
class DeviceTable {
public:
    DeviceTable(Registry &registry, Scheduler &scheduler)
        : registry_(registry), scheduler_(scheduler) {}
    DeviceTable(const DeviceTable &) = delete;
    DeviceTable &operator=(const DeviceTable &) = delete;

    /// Starts a device; until it is ready the registry is not quiet. `ready` as of DeviceLauncher::Launch. The
    /// launcher outlives this table.
    void Add(channel::DeviceLauncher &launcher, const std::string &specification,
             channel::DeviceLauncher::Ready ready);

    /// A new session with the device that `entry` is, or is a part of. @return the driver's end of its socket;
    /// kIOReturnNoDevice, kIOReturnNoResources.
    [[nodiscard]] std::expected<UniqueFd, int32_t> OpenSession(EntryId entry);

    /// Where that device is: which of the devices that were added, from 0, and its id there. Nothing when it is not
    /// there any more.
    struct Place {
        uint32_t port = 0;
        channel::DeviceId device = channel::DeviceId::kNone;
    };
    [[nodiscard]] std::optional<Place> PlaceOf(EntryId entry) const;

    /// The drivers of one category have been tried on an entry.
    void DriversTried(EntryId provider);

    [[nodiscard]] bool empty() const { return ports_.empty(); }

    /// Asks all of them to end; calls `then` whenever one has. A second call does nothing.
    void ExitAll(std::function<void()> then);

    void KillAll();

private:
    struct Port {
        std::string label;
        bool is_exiting = false;
        std::unique_ptr<UsbPublisher> publisher;
        std::unique_ptr<channel::DevicePort> port;  ///< NULL when it could not be started.
    };

    void Configure(uint32_t number, channel::DeviceId device, uint8_t value,
                   channel::DevicePort::Answer answer);
    void Exited(uint32_t number, const channel::HostExit &exit);

    Registry &registry_;
    Scheduler &scheduler_;
    uint32_t next_port_ = 0;
    std::map<uint32_t, Port> ports_;
    std::function<void()> on_exit_;
    Lifetime lifetime_;
};

}  // namespace opendext::registry
