// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "tests/rig/log_lines.h"

namespace opendext::rig {

enum class RigVariant {
    kEmbedded,    ///< Registry, driver and application in the test's process.
    kTwoProcess,  ///< opendextd, a process for each driver, and the test as the application.
};

/// "Embedded" or "TwoProcess".
[[nodiscard]] std::string RigVariantName(RigVariant variant);
void PrintTo(RigVariant variant, std::ostream *stream);

struct RigOptions {
    std::vector<std::filesystem::path> dexts;
    std::vector<std::string> devices;  ///< "model:fpga-dma", "model:usb-loopback"
    /// What the test is entitled to, as the text of a property list; empty: no check is made of it.
    std::string app_entitlements;
    std::chrono::milliseconds start_timeout{20000};
    uint32_t relaunch_limit = 10;
};

/// A registry with drivers, in one of its two forms, that the IOKit functions of the test's process use while this
/// object lives. What the test opened must be closed, and what it holds released, before this goes.
class DriverRig {
public:
    /// Returns when nothing is being started any more. The error is one line.
    [[nodiscard]] static std::expected<std::unique_ptr<DriverRig>, std::string> Start(
        RigVariant variant, const RigOptions &options);
    virtual ~DriverRig() = default;

    /// What the drivers and OpenDext itself have logged.
    [[nodiscard]] virtual LogLines &log() = 0;

    /// Ends everything. @return what was not as it should be: a process that would not end, a sanitizer's report.
    [[nodiscard]] virtual std::string Stop() = 0;
};

}  // namespace opendext::rig
