// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <opendext/testing/client.h>
#include <opendext/testing/device.h>
#include <opendext/testing/fault_plan.h>
#include <opendext/testing/log_lines.h>

namespace opendext::test {

/// How a System is to be.
struct SystemOptions {
    /// What the test, as an application, is entitled to: the text of a property list. Empty: no check is made of it.
    std::string app_entitlements;
    /// How long a Start may take.
    std::chrono::milliseconds start_timeout{20000};
};

/// OpenDext in the test's own process: the registry, drivers with their devices, and the test as the application that uses
/// them through the IOKit functions. One at a time. What the test has opened must be closed before it ends.
///
/// Functions are called on the test's threads, never on a driver's or in a device model, except where they say so.
/// Errors are one line each.
class System {
public:
    [[nodiscard]] static std::expected<std::unique_ptr<System>, std::string> Start(
        const SystemOptions &options = {});

    /// Ends the interleaving and virtual time, unplugs everything, and waits until the drivers have stopped.
    ~System();
    System(const System &) = delete;
    System &operator=(const System &) = delete;

    /// Loads a .dext folder. Its drivers are matched to what is there and to what comes; returns when none is being
    /// started any more.
    [[nodiscard]] std::expected<void, std::string> Load(const std::filesystem::path &dext);

    /// Plugs a device in, as --device names it: "model:fpga-dma", "model:usb-loopback,speed=super",
    /// "replay:FILE.pcapng". Returns when no driver is being started for it any more.
    [[nodiscard]] std::expected<Device, std::string> Attach(const std::string &specification);

    /// Plugs in a model of the test's own, as a PCI card or a USB device. The device's model<T>() is the model.
    [[nodiscard]] std::expected<Device, std::string> Attach(
        std::unique_ptr<backends::PciDeviceModel> model);
    [[nodiscard]] std::expected<Device, std::string> Attach(
        std::unique_ptr<backends::UsbDeviceModel> model);

    /// The registered service of that class (its IOUserClass); empty: there is none.
    [[nodiscard]] static Service Find(const std::string &class_name);

    /// As above, waiting for it; empty: none has come within the hang guard of 30 s.
    [[nodiscard]] Service WaitForService(const std::string &class_name);

    /// Waits until no service of that class is left. False: one is there after the hang guard of 30 s.
    [[nodiscard]] bool WaitUntilGone(const std::string &class_name);

    /// Waits until nothing is being matched or started, and the drivers' queues are at rest. False: a driver is still at
    /// work after the hang guard of 30 s.
    bool Settle();

    /// What the drivers (os_log, IOLog) and OpenDext have logged.
    [[nodiscard]] LogLines &log();

    /// The same, for who wants to look at it when the System has ended.
    [[nodiscard]] std::shared_ptr<LogLines> SharedLog() const;

    /// Faults of the drivers' calls, which are counted from the first use of this function on.
    [[nodiscard]] FaultPlan &faults();

    /// From now on time stands still for drivers, their timers and mach_absolute_time, and moves with AdvanceTime. IOSleep and
    /// IODelay take real time all the same. A second call does nothing.
    void FreezeTime();

    /// Moves time on, freezing it first. Each timer that is due on the way fires at its own time and its driver comes to rest
    /// before time moves on: a timer that sets itself again fires as often as it would.
    void AdvanceTime(std::chrono::nanoseconds duration);

    /// From now on the threads that run drivers' code, and this one, take turns, and `seed` says who goes on: at each call into
    /// the framework, at queues and IOLocks. The same seed gives the same order. The drivers come to rest first. While it is in
    /// force IOSleep takes no time: others come to rest meanwhile.
    void Interleave(uint64_t seed);
    void EndInterleaving();

    /// Runs the functions at the same time, as threads of an application, and returns when all have ended.
    void RunTogether(std::vector<std::function<void()>> functions);

private:
    class Parts;
    explicit System(std::unique_ptr<Parts> parts);

    const std::unique_ptr<Parts> parts_;
};

}  // namespace opendext::test
