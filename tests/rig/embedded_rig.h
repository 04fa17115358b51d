// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <memory>
#include <string>
#include <utility>

#include <opendext/testing/system.h>

#include "tests/rig/driver_rig.h"

namespace opendext::rig {

/// Everything in this process: the test harness that driver authors have.
class EmbeddedRig final : public DriverRig {
public:
    [[nodiscard]] static std::expected<std::unique_ptr<DriverRig>, std::string> Start(
        const RigOptions &options);

    LogLines &log() override { return *log_; }
    std::string Stop() override;

private:
    explicit EmbeddedRig(std::unique_ptr<test::System> system)
        : log_(system->SharedLog()), system_(std::move(system)) {}

    const std::shared_ptr<LogLines> log_;  // stays after Stop
    std::unique_ptr<test::System> system_;
};

}  // namespace opendext::rig
