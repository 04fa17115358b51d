// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <expected>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <span>
#include <vector>

#include "backends/api/dma_address_space.h"

namespace opendext::backends {

/// The IOMMU of one emulated device. Exact to the byte: an access must lie wholly in one mapping that
/// grants it. Addresses are not used again soon and never touch each other, so that a device which runs
/// over an end, or uses a mapping that was ended, faults. Without a tight limit they lie above 4 GiB, so
/// that a driver which drops the upper half of an address faults too. Thread-safe; a transfer holds no lock.
class EmulatedIommu final : public DmaAddressSpace {
public:
    explicit EmulatedIommu(PciAddress device) : device_(device) {}
    ~EmulatedIommu() override = default;

    [[nodiscard]] BackendResult<IovaAddress> Map(const DmaMapRequest &request) override;
    [[nodiscard]] BackendResult<void> Unmap(IovaAddress iova, uint64_t num_bytes) override;
    [[nodiscard]] uint8_t MaxAddressBits() const override { return kMaxAddressBits; }
    void SetFaultListener(IommuFaultListener *listener) override;

    /// The device reads memory into `destination`: all of it or, with a fault reported, nothing.
    [[nodiscard]] std::expected<void, IommuFaultReason> Read(IovaAddress iova,
                                                             std::span<std::byte> destination);

    /// The device writes `source` to memory: all of it or, with a fault reported, nothing.
    [[nodiscard]] std::expected<void, IommuFaultReason> Write(IovaAddress iova,
                                                              std::span<const std::byte> source);

    /// Reports an access that was refused for a reason outside the IOMMU.
    void ReportRefused(IovaAddress iova, uint64_t num_bytes, DmaAccess access,
                       IommuFaultReason reason);

    [[nodiscard]] size_t NumMappings() const;

private:
    static constexpr uint8_t kMaxAddressBits = 48;
    static constexpr size_t kNumRemembered = 1024;

    struct Piece {
        uint64_t offset = 0;  // in the mapping
        HostSpan host;
    };

    struct Mapping {
        uint64_t iova = 0;
        uint64_t num_bytes = 0;
        DmaAccess access = DmaAccess::kReadWrite;
        uint64_t cookie = 0;
        std::vector<Piece> pieces;
        std::atomic<uint32_t> running{0};  // transfers under way
    };

    // Keeps the memory of a mapping reachable: Unmap waits until it is gone.
    class Transfer {
    public:
        explicit Transfer(std::shared_ptr<Mapping> mapping) : mapping_(std::move(mapping)) {}
        Transfer(Transfer &&) = default;
        Transfer &operator=(Transfer &&) = delete;
        ~Transfer();
        [[nodiscard]] const Mapping &mapping() const { return *mapping_; }

    private:
        std::shared_ptr<Mapping> mapping_;
    };

    // Where addresses come from.
    struct Window {
        uint64_t first;   // lowest address
        uint64_t cursor;  // where the next search starts: behind the latest mapping
    };

    using Mappings = std::map<uint64_t, std::shared_ptr<Mapping>>;

    [[nodiscard]] std::optional<uint64_t> ChooseAddress(uint64_t num_bytes, uint64_t limit);
    [[nodiscard]] std::optional<uint64_t> FindGap(uint64_t from, uint64_t limit,
                                                  uint64_t num_bytes) const;
    [[nodiscard]] std::expected<Transfer, IommuFaultReason> Begin(IovaAddress iova,
                                                                  uint64_t num_bytes,
                                                                  DmaAccess access);
    [[nodiscard]] IommuFault Explain(IovaAddress iova, uint64_t num_bytes, DmaAccess access) const;
    void Report(const IommuFault &fault);

    const PciAddress device_;

    mutable std::shared_mutex mappings_mutex_;
    // All guarded by mappings_mutex_.
    Mappings mappings_;
    Window low_{.first = 0x1000, .cursor = 0x10'0000};
    Window high_{.first = 0x1'0000'0000, .cursor = 0x1'0000'0000};
    std::array<IommuFault, kNumRemembered> ended_{};  // only the fields of the mapping are set
    size_t next_ended_ = 0;

    std::mutex listener_mutex_;
    IommuFaultListener *listener_ = nullptr;  // guarded by listener_mutex_
};

}  // namespace opendext::backends
