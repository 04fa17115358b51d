// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backends/api/backend_error.h"
#include "backends/api/pci_types.h"
#include "backends/emulated/config_space.h"
#include "base/shared_region.h"

namespace opendext::backends {

/// Where the MSI capability is and what it can do, if there is one.
struct MsiLayout {
    uint32_t config_offset = 0;
    uint32_t num_vectors = 0;
    bool is_64bit = false;
    bool has_per_vector_mask = false;

    [[nodiscard]] bool Exists() const { return num_vectors != 0; }
    [[nodiscard]] uint32_t DataOffset() const { return config_offset + (is_64bit ? 0x0C : 0x08); }
    [[nodiscard]] uint32_t MaskOffset() const { return config_offset + (is_64bit ? 0x10 : 0x0C); }
    [[nodiscard]] uint32_t PendingOffset() const { return MaskOffset() + 4; }
};

/// Where the MSI-X capability, its table and its pending bits are, if there is one.
struct MsixLayout {
    uint32_t config_offset = 0;
    uint32_t num_vectors = 0;
    uint8_t bar_index = 0;
    uint32_t table_offset = 0;
    uint32_t pending_offset = 0;

    [[nodiscard]] bool Exists() const { return num_vectors != 0; }
    [[nodiscard]] uint32_t TableBytes() const { return num_vectors * pci::kMsixEntryBytes; }
    [[nodiscard]] uint32_t PendingBytes() const { return (num_vectors + 63) / 64 * 8; }
};

struct BarDescription {
    MemoryRange range;
    std::shared_ptr<SharedRegion> memory;  ///< What a memory-like BAR stands on, else NULL.
    std::vector<std::byte> rom;            ///< Contents of the expansion ROM, else empty.
};

/// Everything about a function that its configuration space announces. Made by PciDeviceBuilder.
struct PciDeviceDescription {
    ConfigSpace config;                ///< Sealed initial values.
    std::vector<BarDescription> bars;  ///< In BAR order, the expansion ROM last.
    MsiLayout msi;
    MsixLayout msix;
    uint32_t express_offset = 0;  ///< Of the PCI Express capability; 0: none.
    uint32_t power_offset = 0;    ///< Of the power management capability; 0: none.
    bool has_interrupt_pin = false;
    bool has_function_level_reset = false;
};

struct PciExpressOptions {
    bool function_level_reset = true;
    uint8_t link_speed = 3;  ///< 1..5: 2.5, 5, 8, 16, 32 GT/s.
    uint8_t link_width = 8;  ///< Lanes.
};

struct MsiOptions {
    uint32_t num_vectors = 1;  ///< A power of two, at most 32.
    bool is_64bit = true;
    bool has_per_vector_mask = true;
};

struct MsixOptions {
    uint32_t num_vectors = 1;  ///< 1..2048.
    uint8_t bar_index = 0;  ///< A register BAR. Table and pending bits are served by the backend.
    uint32_t table_offset = 0;    ///< Multiple of 8, in the BAR.
    uint32_t pending_offset = 0;  ///< Multiple of 8, in the BAR, apart from the table.
};

/// Builds a description, as a sentence:
///
///     PciDeviceBuilder(0x1234, 0x11e8, 0x00ff00).RegisterBar(0, 4096).Msi({.num_vectors = 4}).Build()
///
/// Capabilities appear in the list in the order of the calls. A mistake (a BAR twice, no room left) is kept
/// and comes out of Build, the first one. Not thread-safe.
class PciDeviceBuilder {
public:
    /// @param class_code 24 bits: base class, subclass, programming interface.
    PciDeviceBuilder(uint16_t vendor_id, uint16_t device_id, uint32_t class_code);

    PciDeviceBuilder &Revision(uint8_t revision_id);
    PciDeviceBuilder &Subsystem(uint16_t vendor_id, uint16_t device_id);
    /// INTA# .. INTD# are 1 .. 4.
    PciDeviceBuilder &InterruptPin(uint8_t pin);

    /// A range whose accesses go to the model. `num_bytes` is a power of two: at least 16, for I/O 4..256.
    PciDeviceBuilder &RegisterBar(uint8_t bar_index, uint64_t num_bytes,
                                  BarKind kind = BarKind::kMemory32);
    /// A range that is plain zero-filled memory, at least a page, not I/O. The model sees it through
    /// DevicePort::BarMemory.
    PciDeviceBuilder &RamBar(uint8_t bar_index, uint64_t num_bytes,
                             BarKind kind = BarKind::kMemory64Prefetchable);
    /// Read-only contents, padded with zeros to a power of two of at least 2 KiB; at most 16 MiB.
    PciDeviceBuilder &ExpansionRom(std::span<const std::byte> contents);

    PciDeviceBuilder &PowerManagement();
    PciDeviceBuilder &PciExpress(PciExpressOptions options = {});
    PciDeviceBuilder &Msi(MsiOptions options = {});
    PciDeviceBuilder &Msix(MsixOptions options);
    /// Read-only vendor bytes; the header (id, next, length) comes before them.
    PciDeviceBuilder &VendorSpecific(std::span<const std::byte> body);
    /// Needs PciExpress.
    PciDeviceBuilder &SerialNumber(uint64_t serial_number);
    /// A read-only extended capability of any id; the 4-byte header comes before `body`. Needs PciExpress.
    PciDeviceBuilder &ExtendedCapability(uint16_t id, uint8_t version,
                                         std::span<const std::byte> body);

    /// @return kInvalidArgument with the first mistake, kNoResources when memory for a RAM BAR is missing.
    [[nodiscard]] BackendResult<PciDeviceDescription> Build();

private:
    void Fail(const std::string &message);
    [[nodiscard]] bool ClaimBar(uint8_t bar_index, uint64_t num_bytes, BarKind kind);
    void AddBar(BarDescription bar);
    /// Room for a capability of `num_bytes`, linked into the list; 0 when there is none.
    [[nodiscard]] uint32_t AddCapability(uint8_t id, uint32_t num_bytes);
    void CheckMsix();

    PciDeviceDescription description_;
    std::optional<BackendError> error_;
    uint8_t claimed_bars_ = 0;  // one bit a BAR number
    uint32_t next_capability_ = pci::kFirstCapability;
    uint32_t last_link_ = pci::kCapabilityPointer;
    uint32_t next_extended_ = pci::kFirstExtendedCapability;
    uint32_t last_extended_ = 0;
};

}  // namespace opendext::backends
