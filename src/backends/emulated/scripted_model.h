// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "backends/emulated/device_model.h"
#include "backends/emulated/emulated_pci_backend.h"

namespace opendext::backends {

/// A model for tests: registers that hold what is written, described by a builder that the test fills.
class ScriptedModel final : public PciDeviceModel {
public:
    using DescribeFunction = std::function<BackendResult<PciDeviceDescription>()>;

    explicit ScriptedModel(DescribeFunction describe) : describe_(std::move(describe)) {}

    [[nodiscard]] std::string_view Name() const override { return "scripted"; }
    [[nodiscard]] BackendResult<PciDeviceDescription> Describe() const override {
        return describe_();
    }
    void Attach(DevicePort &port) override { port_ = &port; }
    [[nodiscard]] uint64_t ReadRegister(uint8_t, uint64_t offset, AccessWidth) override {
        return words_[offset / 8 % words_.size()];
    }
    void WriteRegister(uint8_t, uint64_t offset, AccessWidth, uint64_t value) override {
        words_[offset / 8 % words_.size()] = value;
        if (on_write) {
            on_write(offset, value);
        }
    }
    void Reset(std::unique_lock<std::mutex> &) override {
        words_.fill(0);
        ++num_resets;
    }

    [[nodiscard]] DevicePort &port() { return *port_; }

    int num_resets = 0;
    std::function<void(uint64_t offset, uint64_t value)> on_write;

private:
    DescribeFunction describe_;
    DevicePort *port_ = nullptr;
    std::array<uint64_t, 16> words_{};
};

/// A slot with a ScriptedModel in it.
struct ScriptedDevice {
    std::unique_ptr<EmulatedPciBackend> backend;
    ScriptedModel *model = nullptr;

    /// `add` completes the builder of a device 1234:5678.
    template <typename Add>
    static ScriptedDevice Make(Add add) {
        auto model = std::make_unique<ScriptedModel>([add] {
            PciDeviceBuilder builder(0x1234, 0x5678, 0x00FF00);
            add(builder);
            return builder.Build();
        });
        ScriptedDevice device;
        device.model = model.get();
        device.backend = EmulatedPciBackend::Create(std::move(model)).value();
        return device;
    }

    void EnableCommand(uint16_t bits) const {
        backend->WriteConfig(pci::kCommand, AccessWidth::k16, bits);
    }
    [[nodiscard]] DevicePort &port() const { return model->port(); }
};

/// Counts the interrupts of each vector.
class CountingSink final : public InterruptSink {
public:
    void OnInterrupt(InterruptVector vector) override {
        counts_[vector % counts_.size()].fetch_add(1);
    }
    [[nodiscard]] int count(InterruptVector vector) const { return counts_[vector].load(); }

private:
    std::array<std::atomic<int>, 64> counts_{};
};

}  // namespace opendext::backends
