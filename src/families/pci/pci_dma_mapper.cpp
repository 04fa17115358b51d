// SPDX-License-Identifier: Apache-2.0
#include "families/pci/pci_dma_mapper.h"

#include <utility>
#include <vector>

#include <DriverKit/IOMemoryDescriptor.h>

#include "base/log.h"
#include "runtime/memory/dma_journal.h"

namespace opendext::pci {

using backends::BackendErrorCode;
using backends::DmaAccess;
using backends::HostSpan;
using backends::IovaAddress;

namespace {

DmaAccess AccessOf(uint64_t direction) {
    switch (direction & kIOMemoryDirectionInOut) {
        case kIOMemoryDirectionOut:
            return DmaAccess::kRead;
        case kIOMemoryDirectionIn:
            return DmaAccess::kWrite;
        default:
            return DmaAccess::kReadWrite;
    }
}

kern_return_t ResultOf(BackendErrorCode code) {
    switch (code) {
        case BackendErrorCode::kAddressTooWide:
            return kIOReturnMessageTooLarge;
        case BackendErrorCode::kRemoved:
            return kIOReturnOffline;
        case BackendErrorCode::kNotAligned:
            return kIOReturnNotAligned;
        case BackendErrorCode::kInvalidArgument:
            return kIOReturnBadArgument;
        default:
            return kIOReturnNoResources;
    }
}

}  // namespace

PciDmaMapper::PciDmaMapper(std::shared_ptr<backends::PciBackend> backend)
    : backend_(std::move(backend)) {
    backend_->Dma().SetFaultListener(this);
}

PciDmaMapper::~PciDmaMapper() {
    backend_->Dma().SetFaultListener(nullptr);
}

std::expected<uint64_t, kern_return_t> PciDmaMapper::MapForDma(
    const memory::DmaMapRequest &request) {
    if (!backend_->IsPresent()) {
        return std::unexpected(kIOReturnOffline);
    }
    std::vector<HostSpan> pieces;
    for (const memory::DmaPiece &piece : request.pieces) {
        pieces.push_back({.address = piece.address,
                          .num_bytes = piece.num_bytes,
                          .region = piece.region,
                          .region_offset = piece.region_offset});
    }
    const auto mapped = backend_->Dma().Map({.pieces = pieces,
                                             .access = AccessOf(request.direction),
                                             .max_address_bits = request.max_address_bits,
                                             .cookie = request.tag});
    if (!mapped) {
        LogWarning("PCI device: DMA mapping refused: {}", mapped.error().message);
        return std::unexpected(ResultOf(mapped.error().code));
    }
    return mapped->value;
}

void PciDmaMapper::UnmapFromDma(uint64_t device_address, uint64_t num_bytes) {
    if (const auto done = backend_->Dma().Unmap(IovaAddress{device_address}, num_bytes); !done) {
        LogError("PCI device: DMA unmapping refused: {}", done.error().message);
    }
}

void PciDmaMapper::OnIommuFault(const backends::IommuFault &fault) {
    if (fault.mapping_cookie == 0) {
        LogError("{}", backends::Describe(fault));
    } else {
        LogError("{}; {}", backends::Describe(fault),
                 memory::DescribePreparation(fault.mapping_cookie));
    }
}

}  // namespace opendext::pci
