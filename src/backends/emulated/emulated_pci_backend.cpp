// SPDX-License-Identifier: Apache-2.0
#include "backends/emulated/emulated_pci_backend.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "base/checked.h"
#include "base/log.h"

namespace opendext::backends {
namespace {

constexpr uint16_t kLinkSpeedBits = 0xF;

// Where firmware puts the ranges of a device: nothing depends on the values but what software reads back.
constexpr uint64_t kFirstIoAddress = 0x1000;
constexpr uint64_t kFirstMemory32Address = 0xC000'0000;
constexpr uint64_t kFirstMemory64Address = 0x40'0000'0000;

template <typename Word>
uint64_t LoadWord(const std::byte *address) {
    Word word;
    if (reinterpret_cast<uintptr_t>(address) % sizeof(Word) == 0) {
        return __atomic_load_n(reinterpret_cast<const Word *>(address), __ATOMIC_RELAXED);
    }
    __builtin_memcpy(&word, address, sizeof word);
    return word;
}

template <typename Word>
void StoreWord(std::byte *address, uint64_t value) {
    const auto word = static_cast<Word>(value);
    if (reinterpret_cast<uintptr_t>(address) % sizeof(Word) == 0) {
        __atomic_store_n(reinterpret_cast<Word *>(address), word, __ATOMIC_RELAXED);
    } else {
        __builtin_memcpy(address, &word, sizeof word);
    }
}

uint64_t Load(const std::byte *address, AccessWidth width) {
    switch (width) {
        case AccessWidth::k8:
            return LoadWord<uint8_t>(address);
        case AccessWidth::k16:
            return LoadWord<uint16_t>(address);
        case AccessWidth::k32:
            return LoadWord<uint32_t>(address);
        case AccessWidth::k64:
            return LoadWord<uint64_t>(address);
    }
    return AllOnes(width);
}

void Store(std::byte *address, AccessWidth width, uint64_t value) {
    switch (width) {
        case AccessWidth::k8:
            return StoreWord<uint8_t>(address, value);
        case AccessWidth::k16:
            return StoreWord<uint16_t>(address, value);
        case AccessWidth::k32:
            return StoreWord<uint32_t>(address, value);
        case AccessWidth::k64:
            return StoreWord<uint64_t>(address, value);
    }
}

bool LiesIn(uint64_t offset, uint32_t start, uint32_t num_bytes) {
    return offset - start < num_bytes;
}

}  // namespace

BackendResult<std::unique_ptr<EmulatedPciBackend>> EmulatedPciBackend::Create(
    std::unique_ptr<PciDeviceModel> model, PciAddress address) {
    auto description = model->Describe();
    if (!description) {
        return std::unexpected(description.error());
    }
    std::unique_ptr<EmulatedPciBackend> backend(
        new EmulatedPciBackend(std::move(model), address, std::move(*description)));
    if (auto mapped = backend->MapRam(); !mapped) {
        return std::unexpected(mapped.error());
    }
    backend->model_->Attach(*backend);
    return backend;
}

EmulatedPciBackend::EmulatedPciBackend(std::unique_ptr<PciDeviceModel> model, PciAddress address,
                                       PciDeviceDescription description)
    : address_(address),
      description_(std::move(description)),
      interrupts_(state_mutex_, description_),
      iommu_(address),
      model_(std::move(model)) {
    for (const BarDescription &bar : description_.bars) {
        ranges_.push_back(bar.range);
        decoders_.push_back({.range = bar.range,
                             .memory = nullptr,
                             .has_msix = description_.msix.Exists() &&
                                         description_.msix.bar_index == bar.range.bar_index});
    }
    AssignAddresses();
    if (description_.express_offset != 0) {
        max_link_speed_ =
            description_.config.Read16(description_.express_offset + pci::kExpressLinkStatus) &
            kLinkSpeedBits;
        link_speed_ = max_link_speed_;
    }
}

EmulatedPciBackend::~EmulatedPciBackend() = default;

BackendResult<void> EmulatedPciBackend::MapRam() {
    for (size_t i = 0; i < decoders_.size(); ++i) {
        const auto &region = description_.bars[i].memory;
        if (!region) {
            continue;
        }
        decoders_[i].memory = region->Writable();
        if (decoders_[i].memory == nullptr) {
            return Refuse(BackendErrorCode::kNoResources,
                          fmt::format("model {}: no address space for the {} bytes of BAR {}",
                                      model_->Name(), ranges_[i].num_bytes, ranges_[i].bar_index));
        }
    }
    return {};
}

void EmulatedPciBackend::AssignAddresses() {
    uint64_t next_io = kFirstIoAddress;
    uint64_t next_32 = kFirstMemory32Address;
    uint64_t next_64 = kFirstMemory64Address;
    for (const MemoryRange &range : ranges_) {
        uint64_t &next = IsIo(range.kind) ? next_io : Is64Bit(range.kind) ? next_64 : next_32;
        const uint64_t address = (next + range.num_bytes - 1) & ~(range.num_bytes - 1);
        next = address + range.num_bytes;
        const bool is_rom = range.bar_index == kExpansionRomBar;
        const uint32_t offset = is_rom ? pci::kExpansionRom : pci::kBar0 + 4U * range.bar_index;
        const uint32_t flags = is_rom ? 0 : static_cast<uint32_t>(range.kind);
        description_.config.Set(offset, AccessWidth::k32, static_cast<uint32_t>(address) | flags);
        if (Is64Bit(range.kind)) {
            description_.config.Set(offset + 4, AccessWidth::k32,
                                    static_cast<uint32_t>(address >> 32));
        }
    }
}

void EmulatedPciBackend::UpdateGates() {
    const ConfigSpace &config = description_.config;
    const uint16_t command = config.Read16(pci::kCommand);
    const bool is_on =
        description_.power_offset == 0 ||
        (config.Read16(description_.power_offset + pci::kPowerControl) & pci::kPowerStateMask) == 0;
    const bool memory = is_on && (command & pci::kCommandMemory) != 0;
    memory_enabled_.store(memory, std::memory_order_release);
    io_enabled_.store(is_on && (command & pci::kCommandIo) != 0, std::memory_order_release);
    rom_enabled_.store(memory && (config.Read32(pci::kExpansionRom) & pci::kRomEnable) != 0,
                       std::memory_order_release);
    bus_master_enabled_.store(is_on && (command & pci::kCommandBusMaster) != 0,
                              std::memory_order_release);
}

uint32_t EmulatedPciBackend::ReadConfig(uint32_t offset, AccessWidth width) {
    if (!IsPresent() || !ConfigSpace::Contains(offset, width)) {
        return static_cast<uint32_t>(AllOnes(width));
    }
    const std::lock_guard lock(state_mutex_);
    return description_.config.Read(offset, width);
}

bool EmulatedPciBackend::IsFlrRequest(uint32_t offset, AccessWidth width, uint32_t value) const {
    if (!description_.has_function_level_reset) {
        return false;
    }
    // The request is the top bit of the second byte of the control register.
    const uint32_t byte = description_.express_offset + pci::kExpressDeviceControl + 1;
    return offset <= byte && byte - offset < NumBytes(width) &&
           (value >> (8 * (byte - offset)) & 0x80) != 0;
}

void EmulatedPciBackend::WriteConfig(uint32_t offset, AccessWidth width, uint32_t value) {
    if (!IsPresent() || !ConfigSpace::Contains(offset, width)) {
        return;
    }
    {
        const std::lock_guard lock(state_mutex_);
        description_.config.Write(offset, width, value);
        UpdateGates();
    }
    if (IsFlrRequest(offset, width, value)) {
        ResetDevice(PciResetKind::kFunction);
    } else {
        interrupts_.Reconsider();
    }
}

const EmulatedPciBackend::Decoder *EmulatedPciBackend::Decode(uint32_t memory_index,
                                                              uint64_t offset,
                                                              AccessWidth width) const {
    if (memory_index >= decoders_.size() || removed_.load(std::memory_order_acquire)) {
        return nullptr;
    }
    const Decoder &decoder = decoders_[memory_index];
    if (!RangeIsWithin<uint64_t>(offset, NumBytes(width), decoder.range.num_bytes)) {
        return nullptr;
    }
    if (IsIo(decoder.range.kind)) {
        return width != AccessWidth::k64 && io_enabled_.load(std::memory_order_acquire) ? &decoder
                                                                                        : nullptr;
    }
    const bool is_rom = decoder.range.bar_index == kExpansionRomBar;
    return (is_rom ? rom_enabled_ : memory_enabled_).load(std::memory_order_acquire) ? &decoder
                                                                                     : nullptr;
}

uint64_t EmulatedPciBackend::ReadMemory(uint32_t memory_index, uint64_t offset, AccessWidth width) {
    const Decoder *decoder = Decode(memory_index, offset, width);
    if (decoder == nullptr) {
        return AllOnes(width);
    }
    if (decoder->memory != nullptr) {
        return Load(decoder->memory + offset, width);
    }
    if (decoder->range.bar_index == kExpansionRomBar) {
        return Load(description_.bars[memory_index].rom.data() + offset, width);
    }
    if (decoder->has_msix) {
        const MsixLayout &msix = description_.msix;
        if (LiesIn(offset, msix.table_offset, msix.TableBytes())) {
            return interrupts_.ReadMsixTable(offset - msix.table_offset, width);
        }
        if (LiesIn(offset, msix.pending_offset, msix.PendingBytes())) {
            return interrupts_.ReadMsixPending(offset - msix.pending_offset, width);
        }
    }
    const std::lock_guard lock(model_->mutex());
    return model_->ReadRegister(decoder->range.bar_index, offset, width) & AllOnes(width);
}

void EmulatedPciBackend::WriteMemory(uint32_t memory_index, uint64_t offset, AccessWidth width,
                                     uint64_t value) {
    const Decoder *decoder = Decode(memory_index, offset, width);
    if (decoder == nullptr || decoder->range.bar_index == kExpansionRomBar) {
        return;
    }
    if (decoder->memory != nullptr) {
        return Store(decoder->memory + offset, width, value);
    }
    if (decoder->has_msix) {
        const MsixLayout &msix = description_.msix;
        if (LiesIn(offset, msix.table_offset, msix.TableBytes())) {
            return interrupts_.WriteMsixTable(offset - msix.table_offset, width, value);
        }
        if (LiesIn(offset, msix.pending_offset, msix.PendingBytes())) {
            return;
        }
    }
    const std::lock_guard lock(model_->mutex());
    model_->WriteRegister(decoder->range.bar_index, offset, width, value & AllOnes(width));
}

BackendResult<DirectMapping> EmulatedPciBackend::MapDirect(uint32_t memory_index) {
    if (memory_index >= decoders_.size()) {
        return Refuse(BackendErrorCode::kNotFound,
                      fmt::format("memory index {}: the device has {} ranges", memory_index,
                                  decoders_.size()));
    }
    if (!IsPresent()) {
        return Refuse(BackendErrorCode::kRemoved, "the device is unplugged");
    }
    const Decoder &decoder = decoders_[memory_index];
    if (decoder.memory == nullptr) {
        return Refuse(BackendErrorCode::kUnsupported,
                      fmt::format("BAR {} of model {} is registers: use reads and writes",
                                  decoder.range.bar_index, model_->Name()));
    }
    return DirectMapping{.address = decoder.memory,
                         .num_bytes = decoder.range.num_bytes,
                         .shared = {.region = description_.bars[memory_index].memory,
                                    .offset = 0,
                                    .length = decoder.range.num_bytes}};
}

uint32_t EmulatedPciBackend::VectorCount(InterruptKind kind) const {
    return interrupts_.VectorCount(kind);
}

BackendResult<void> EmulatedPciBackend::AllocateVectors(InterruptKind kind, uint32_t count) {
    if (!IsPresent()) {
        return Refuse(BackendErrorCode::kRemoved, "the device is unplugged");
    }
    return interrupts_.Allocate(kind, count);
}

void EmulatedPciBackend::ReleaseVectors() {
    interrupts_.Release();
}

BackendResult<void> EmulatedPciBackend::ConnectVector(InterruptVector vector, InterruptSink *sink) {
    return interrupts_.Connect(vector, sink);
}

void EmulatedPciBackend::DisconnectVector(InterruptVector vector) {
    interrupts_.Disconnect(vector);
}

void EmulatedPciBackend::MaskVector(InterruptVector vector, bool masked) {
    interrupts_.Mask(vector, masked);
}

void EmulatedPciBackend::ResetDevice(PciResetKind kind) {
    {
        // Before the registers: a transfer that is under way ends, and is not reported as a fault.
        std::unique_lock lock(model_->mutex());
        model_->Reset(lock);
    }
    {
        const std::lock_guard lock(state_mutex_);
        description_.config.ResetToInitial();
        if (kind == PciResetKind::kHot) {
            link_speed_ = std::min(link_limit_, max_link_speed_);
        }
        ShowLinkSpeed();
        UpdateGates();
    }
    interrupts_.ResetDevice();
}

void EmulatedPciBackend::ShowLinkSpeed() {
    if (description_.express_offset == 0) {
        return;
    }
    ConfigSpace &config = description_.config;
    const uint32_t status = description_.express_offset + pci::kExpressLinkStatus;
    config.Set(status, AccessWidth::k16,
               (config.Read16(status) & ~uint32_t{kLinkSpeedBits}) | link_speed_);
}

BackendResult<void> EmulatedPciBackend::SetLinkSpeed(uint8_t generation, bool retrain) {
    if (!IsPresent()) {
        return Refuse(BackendErrorCode::kRemoved, "the device is unplugged");
    }
    if (generation < 1 || generation > kMaxLinkGeneration) {
        return Refuse(
            BackendErrorCode::kInvalidArgument,
            fmt::format("link speed {} is none of 1 to {}", generation, kMaxLinkGeneration));
    }
    if (description_.express_offset == 0) {
        return Refuse(BackendErrorCode::kUnsupported,
                      fmt::format("model {} has no PCI Express link", model_->Name()));
    }
    const std::lock_guard lock(state_mutex_);
    link_limit_ = generation;
    if (retrain) {
        link_speed_ = std::min(link_limit_, max_link_speed_);
        ShowLinkSpeed();
    }
    return {};
}

BackendResult<void> EmulatedPciBackend::Reset(PciResetKind kind) {
    if (!IsPresent()) {
        return Refuse(BackendErrorCode::kRemoved, "the device is unplugged");
    }
    if (kind == PciResetKind::kFunction && !description_.has_function_level_reset) {
        return Refuse(BackendErrorCode::kUnsupported,
                      fmt::format("model {} has no function-level reset", model_->Name()));
    }
    ResetDevice(kind);
    return {};
}

void EmulatedPciBackend::Unplug() {
    if (removed_.exchange(true, std::memory_order_acq_rel)) {
        return;
    }
    interrupts_.Silence();
    {
        std::unique_lock lock(model_->mutex());
        model_->Reset(lock);
    }
    for (const Decoder &decoder : decoders_) {
        if (decoder.memory == nullptr) {
            continue;
        }
        for (uint64_t offset = 0; offset < decoder.range.num_bytes; offset += 8) {
            Store(decoder.memory + offset, AccessWidth::k64, ~0ULL);
        }
    }
    const std::lock_guard lock(listener_mutex_);
    removal_is_complete_ = true;
    if (listener_ != nullptr) {
        listener_->OnDeviceRemoved();
    }
}

void EmulatedPciBackend::SetRemovalListener(RemovalListener *listener) {
    const std::lock_guard lock(listener_mutex_);
    listener_ = listener;
    if (listener_ != nullptr && removal_is_complete_) {
        listener_->OnDeviceRemoved();
    }
}

std::expected<void, DmaError> EmulatedPciBackend::CheckMayMaster(IovaAddress iova,
                                                                 uint64_t num_bytes,
                                                                 DmaAccess access) {
    if (!IsPresent()) {
        return std::unexpected(DmaError::kRemoved);
    }
    if (!bus_master_enabled_.load(std::memory_order_acquire)) {
        iommu_.ReportRefused(iova, num_bytes, access, IommuFaultReason::kBusMasterDisabled);
        return std::unexpected(DmaError::kFault);
    }
    return {};
}

std::expected<void, DmaError> EmulatedPciBackend::DmaRead(IovaAddress iova,
                                                          std::span<std::byte> destination) {
    if (const auto may = CheckMayMaster(iova, destination.size(), DmaAccess::kRead); !may) {
        return may;
    }
    if (!iommu_.Read(iova, destination)) {
        return std::unexpected(DmaError::kFault);
    }
    return {};
}

std::expected<void, DmaError> EmulatedPciBackend::DmaWrite(IovaAddress iova,
                                                           std::span<const std::byte> source) {
    if (const auto may = CheckMayMaster(iova, source.size(), DmaAccess::kWrite); !may) {
        return may;
    }
    if (!iommu_.Write(iova, source)) {
        return std::unexpected(DmaError::kFault);
    }
    return {};
}

InterruptOutcome EmulatedPciBackend::RaiseInterrupt(InterruptVector vector) {
    return interrupts_.RaiseMessage(vector);
}

void EmulatedPciBackend::SetInterruptLine(bool asserted) {
    interrupts_.SetLine(asserted);
}

std::span<std::byte> EmulatedPciBackend::BarMemory(uint8_t bar_index) {
    const auto decoder = std::ranges::find_if(decoders_, [bar_index](const Decoder &each) {
        return each.range.bar_index == bar_index && each.memory != nullptr;
    });
    if (decoder == decoders_.end()) {
        return {};
    }
    return {decoder->memory, decoder->range.num_bytes};
}

}  // namespace opendext::backends
