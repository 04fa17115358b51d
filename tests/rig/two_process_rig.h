// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/rig/child_process.h"
#include "tests/rig/driver_rig.h"
#include "tests/rig/private_folder.h"

namespace opendext::rig {

/// opendextd on a socket of its own, the processes of its drivers, and this process as the application.
class TwoProcessRig final : public DriverRig {
public:
    [[nodiscard]] static std::expected<std::unique_ptr<TwoProcessRig>, std::string> Start(
        const RigOptions &options);
    ~TwoProcessRig() override;

    LogLines &log() override { return registry_->output(); }
    std::string Stop() override;

    /// Where applications find the registry.
    [[nodiscard]] std::string socket() const;

    /// What the registry said when it was up: "ready", or which drivers have not started.
    [[nodiscard]] const std::string &readiness() const { return readiness_; }

    /// Ends the registry as a crash would. Stop is not to be called any more.
    void KillRegistry();

    /// The driver processes that live.
    [[nodiscard]] std::vector<pid_t> Hosts() const;

    /// The processes of USB devices that live.
    [[nodiscard]] std::vector<pid_t> DeviceProcesses() const;

    /// The process of that driver ("echo"); waits for one. 0: there is none within the hang guard.
    [[nodiscard]] pid_t HostOf(std::string_view dext) const;

    /// Kills that process, if there is one.
    void KillHost(std::string_view dext) const;

private:
    TwoProcessRig() = default;
    [[nodiscard]] std::vector<pid_t> ChildrenWith(std::string_view program) const;

    const PrivateFolder folder_;
    std::unique_ptr<ChildProcess> registry_;
    std::string readiness_;
};

/// What the sanitizers of a program that the test starts are to do: leave signals to the program, which tells of
/// them itself.
[[nodiscard]] std::vector<std::string> SanitizerEnvironment();

/// Lines in which a sanitizer reports, or nothing.
[[nodiscard]] std::string SanitizerReports(const LogLines &log);

}  // namespace opendext::rig
