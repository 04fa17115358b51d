// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "backends/emulated/usb_device_model.h"
#include "backends/recorded/replay_timeline.h"

namespace opendext::backends {

/// What the parts of a replay share. Guarded by the model's mutex.
class ReplayStage {
public:
    virtual ~ReplayStage() = default;

    [[nodiscard]] virtual UsbDevicePort &port() = 0;
    [[nodiscard]] virtual ReplayTimeline &timeline() = 0;

    /// The driver does what it did not do in the recording: one line for the log.
    virtual void Depart(std::string what) = 0;
};

}  // namespace opendext::backends
