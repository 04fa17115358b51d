// SPDX-License-Identifier: Apache-2.0
#include "registry/device_table.h"

#include <sys/socket.h>
#include <csignal>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "base/log.h"
#include "channel/wire/io_result.h"
#include "registry/crash_symbols.h"
#include "registry/registry.h"

namespace opendext::registry {

using channel::DeviceId;

void DeviceTable::Add(channel::DeviceLauncher &launcher, const std::string &specification,
                      channel::DeviceLauncher::Ready ready) {
    const uint32_t number = next_port_++;
    Port &added = ports_[number];
    added.label = fmt::format("device {} ({})", number + 1, specification);
    UsbPublisher::Options options;
    options.specification = specification;
    options.label = added.label;
    options.number = number + 1;
    options.configure = [this, number](DeviceId device, uint8_t value,
                                       channel::DevicePort::Answer answer) {
        Configure(number, device, value, std::move(answer));
    };
    added.publisher = std::make_unique<UsbPublisher>(registry_, std::move(options));
    registry_.starter().Hold();
    channel::DeviceLauncher::Request request;
    request.specification = specification;
    request.reports = added.publisher.get();
    // Later: the launcher calls from inside its own bookkeeping.
    request.on_exit = lifetime_.Guard([this, number](const channel::HostExit &exit) {
        scheduler_.Post(lifetime_.Guard([this, number, exit] { Exited(number, exit); }));
    });
    auto port = launcher.Launch(
        request, lifetime_.Guard([this, ready = std::move(ready)](
                                     const std::expected<void, std::string> &result) {
            ready(result);
            registry_.starter().Release();
        }));
    if (const auto found = ports_.find(number); found != ports_.end()) {
        found->second.port = std::move(port);
    }
}

void DeviceTable::Configure(uint32_t number, DeviceId device, uint8_t value,
                            channel::DevicePort::Answer answer) {
    // A report may come from within Launch, before the port is known here.
    scheduler_.Post(lifetime_.Guard([this, number, device, value, answer = std::move(answer)] {
        const auto found = ports_.find(number);
        if (found == ports_.end() || found->second.port == nullptr) {
            answer(std::unexpected(std::string()));
            return;
        }
        found->second.port->SetConfiguration(device, value, lifetime_.Guard(answer));
    }));
}

std::optional<DeviceTable::Place> DeviceTable::PlaceOf(EntryId entry) const {
    for (const auto &[number, port] : ports_) {
        const DeviceId device = port.publisher->DeviceOf(entry);
        if (device != DeviceId::kNone) {
            return Place{.port = number, .device = device};
        }
    }
    return std::nullopt;
}

std::expected<UniqueFd, int32_t> DeviceTable::OpenSession(EntryId entry) {
    const auto place = PlaceOf(entry);
    const auto found = place ? ports_.find(place->port) : ports_.end();
    if (found == ports_.end() || found->second.port == nullptr) {
        return std::unexpected(channel::kIoNoDevice);
    }
    int ends[2] = {-1, -1};
    // Of the type that sessions with USB devices have, so that messages arrive whole (backends/remote).
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
        return std::unexpected(channel::kIoNoResources);
    }
    UniqueFd driver(ends[0]);
    found->second.port->OpenSession(place->device, UniqueFd(ends[1]));
    return driver;
}

void DeviceTable::DriversTried(EntryId provider) {
    for (const auto &[number, port] : ports_) {
        port.publisher->DriversTried(provider);
    }
}

void DeviceTable::Exited(uint32_t number, const channel::HostExit &exit) {
    const auto found = ports_.find(number);
    if (found == ports_.end()) {
        return;
    }
    const Port &port = found->second;
    if (exit.signal != 0) {
        LogError(
            "the process of {} (pid {}) died of signal {} ({}); its device counts as unplugged",
            port.label, exit.pid, exit.signal, strsignal(exit.signal));
    } else if (!port.is_exiting && exit.pid != 0) {
        LogError(
            "the process of {} (pid {}) exited by itself with status {}; its device counts as "
            "unplugged",
            port.label, exit.pid, exit.exit_code);
    }
    LogBacktrace(exit.backtrace);
    port.publisher->Unplug();
    ports_.erase(number);
    if (on_exit_) {
        on_exit_();
    }
}

void DeviceTable::ExitAll(std::function<void()> then) {
    if (on_exit_) {
        return;
    }
    on_exit_ = std::move(then);
    for (auto &[number, port] : ports_) {
        if (port.port != nullptr && !std::exchange(port.is_exiting, true)) {
            port.port->Exit();
        }
    }
}

void DeviceTable::KillAll() {
    for (auto &[number, port] : ports_) {
        if (port.port != nullptr) {
            port.port->Kill(SIGKILL);
        }
    }
}

}  // namespace opendext::registry
