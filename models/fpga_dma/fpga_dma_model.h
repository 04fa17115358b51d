// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "backends/emulated/device_model.h"
#include "models/fpga_dma/dma_engine.h"
#include "models/fpga_dma/registers.h"

namespace opendext::models {

struct FpgaDmaOptions {
    uint64_t ram_bytes =
        128ULL << 20;  ///< A power of two, at least 1 MiB. Taken from the system on first touch.
};

/// An FPGA card: registers in BAR 0, RAM in BAR 2, and a scatter-gather DMA engine between the RAM and host
/// memory. docs/devices/fpga-dma.md is its manual.
class FpgaDmaModel final : public backends::PciDeviceModel, private fpga_dma::DmaEngineListener {
public:
    explicit FpgaDmaModel(FpgaDmaOptions options = {}) : options_(options) {}

    [[nodiscard]] std::string_view Name() const override { return "fpga-dma"; }
    [[nodiscard]] backends::BackendResult<backends::PciDeviceDescription> Describe() const override;
    void Attach(backends::DevicePort &port) override;
    [[nodiscard]] uint64_t ReadRegister(uint8_t bar_index, uint64_t offset,
                                        backends::AccessWidth width) override;
    void WriteRegister(uint8_t bar_index, uint64_t offset, backends::AccessWidth width,
                       uint64_t value) override;
    void Reset(std::unique_lock<std::mutex> &lock) override;

private:
    // What a reset clears.
    struct Registers {
        uint32_t scratch = 0;
        uint32_t control = 0;
        uint32_t status = 0;  // without kStatusBusy
        uint32_t interrupt_enable = 0;
        uint32_t interrupt_status = 0;
        uint64_t list_base = 0;
        uint32_t list_count = 0;
        uint32_t completed_count = 0;
        uint32_t lists_ended = 0;
        uint64_t bytes_moved = 0;
        fpga_dma::ListError error;
    };

    [[nodiscard]] uint32_t ReadWord(uint32_t offset) const;
    void WriteWord(uint32_t offset, uint32_t value);
    void WriteControl(uint32_t value);
    void RingDoorbell();
    void EndWithError(const fpga_dma::ListError &error);
    void Signal(uint32_t events);
    void SendMessages(uint32_t events);
    void UpdateLine();

    void OnDescriptorDone(const fpga_dma::Descriptor &descriptor) override;
    void OnListEnded(const fpga_dma::ListError &error) override;

    const FpgaDmaOptions options_;
    backends::DevicePort *port_ = nullptr;
    Registers registers_;                          // guarded by mutex()
    std::unique_ptr<fpga_dma::DmaEngine> engine_;  // from Attach on
};

}  // namespace opendext::models
