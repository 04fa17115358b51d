// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>

#include <opendext/testing/device_models.h>

#include "MetronomeProtocol.h"

/// The card in software: counts how often it is struck.
class MetronomeCard final : public opendext::backends::PciDeviceModel {
public:
    std::string_view Name() const override { return "metronome"; }

    opendext::backends::BackendResult<opendext::backends::PciDeviceDescription> Describe()
        const override {
        return opendext::backends::PciDeviceBuilder(0x1234, 0xbea7, 0x00ff00)
            .RegisterBar(0, 4096)
            .Build();
    }

    void Attach(opendext::backends::DevicePort &) override {}

    uint64_t ReadRegister(uint8_t, uint64_t offset, opendext::backends::AccessWidth) override {
        return offset == kMetronomeRegisterBeats ? num_strikes_ : 0;
    }

    void WriteRegister(uint8_t, uint64_t offset, opendext::backends::AccessWidth,
                       uint64_t value) override {
        if (offset == kMetronomeRegisterStrike && value == kMetronomeStrike) {
            ++num_strikes_;
        }
    }

    // The counter is for the test to see: it stays.
    void Reset(std::unique_lock<std::mutex> &) override {}

    /// What only a test sees: how often the driver has really struck the card.
    uint64_t num_strikes() {
        const std::lock_guard lock(mutex());
        return num_strikes_;
    }

private:
    uint64_t num_strikes_ = 0;
};
