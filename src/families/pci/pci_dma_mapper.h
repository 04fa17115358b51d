// SPDX-License-Identifier: Apache-2.0
/// @file pci_dma_mapper.h
/// DMA of a PCI device: IODMACommand's requests become mappings of the device's IOMMU.
#pragma once

#include <memory>

#include "backends/api/pci_backend.h"
#include "runtime/memory/dma_mapper.h"

namespace opendext::pci {

/// Also reports the accesses that the IOMMU refuses: one log line each, with who prepared or completed the
/// memory. Any thread. Keeps the backend, so that a command that outlives the IOPCIDevice can be completed.
class PciDmaMapper final : public memory::DmaMapper, private backends::IommuFaultListener {
public:
    explicit PciDmaMapper(std::shared_ptr<backends::PciBackend> backend);
    ~PciDmaMapper() override;
    PciDmaMapper(const PciDmaMapper &) = delete;
    PciDmaMapper &operator=(const PciDmaMapper &) = delete;

    std::expected<uint64_t, kern_return_t> MapForDma(const memory::DmaMapRequest &request) override;
    void UnmapFromDma(uint64_t device_address, uint64_t num_bytes) override;

private:
    void OnIommuFault(const backends::IommuFault &fault) override;

    const std::shared_ptr<backends::PciBackend> backend_;
};

}  // namespace opendext::pci
