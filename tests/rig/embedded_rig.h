// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <memory>
#include <string>

#include "embedded/embedded_system.h"
#include "tests/rig/driver_rig.h"

namespace opendext::rig {

/// Everything in this process.
class EmbeddedRig final : public DriverRig {
public:
    [[nodiscard]] static std::expected<std::unique_ptr<DriverRig>, std::string> Start(
        const RigOptions &options);
    ~EmbeddedRig() override;

    LogLines &log() override { return *log_; }
    std::string Stop() override;

private:
    EmbeddedRig() = default;

    /// Shared with the log's sinks, which may still be running when they are replaced.
    const std::shared_ptr<LogLines> log_ = std::make_shared<LogLines>();
    std::unique_ptr<embedded::EmbeddedSystem> system_;
};

}  // namespace opendext::rig
