// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "backends/emulated/device_model.h"
#include "models/pci_endpoint/bar_option.h"

namespace opendext::models {

inline constexpr uint32_t kPciEndpointBars = 6;

struct PciEndpointOptions {
    uint16_t vendor_id = 0x1234;
    uint16_t device_id = 0x0E9D;
    uint16_t subsystem_vendor_id = 0x1234;
    uint16_t subsystem_id = 1;
    uint8_t revision_id = 0;
    uint32_t class_code = 0xFF0000;
    std::array<std::optional<BarOption>, kPciEndpointBars> bars;
    uint32_t rom_kib = 0;      ///< Of the expansion ROM; 0: none.
    uint32_t msi_vectors = 1;  ///< 0: no MSI capability.
    bool has_function_level_reset = true;
    uint8_t link_speed = 3;
    uint8_t link_width = 8;
    uint64_t serial_number = 0;  ///< 0: no such capability.
};

/// A PCI function that is what its options say, and does nothing by itself: memory behind its BARs, and whatever a
/// driver looks for in configuration space. docs/devices/pci-endpoint.md is its manual.
class PciEndpointModel final : public backends::PciDeviceModel {
public:
    explicit PciEndpointModel(PciEndpointOptions options = {}) : options_(options) {}

    [[nodiscard]] std::string_view Name() const override { return "pci-endpoint"; }
    [[nodiscard]] backends::BackendResult<backends::PciDeviceDescription> Describe() const override;
    void Attach(backends::DevicePort &) override {}
    [[nodiscard]] uint64_t ReadRegister(uint8_t bar_index, uint64_t offset,
                                        backends::AccessWidth width) override;
    void WriteRegister(uint8_t bar_index, uint64_t offset, backends::AccessWidth width,
                       uint64_t value) override;
    void Reset(std::unique_lock<std::mutex> &) override {}

private:
    static constexpr size_t kMaxIoBytes = 256;

    [[nodiscard]] std::vector<std::byte> RomContents() const;

    const PciEndpointOptions options_;
    // What is behind the BARs of I/O space.
    std::array<std::array<std::byte, kMaxIoBytes>, kPciEndpointBars> io_{};
};

}  // namespace opendext::models
