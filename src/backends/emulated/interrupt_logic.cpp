// SPDX-License-Identifier: Apache-2.0
#include "backends/emulated/interrupt_logic.h"

#include <fmt/core.h>

#include <algorithm>
#include <bit>

namespace opendext::backends {
namespace {

// Where messages go on this machine; nothing is there, but software may read it back.
constexpr uint64_t kMessageAddress = 0xFEE0'0000;

const char *KindName(InterruptKind kind) {
    switch (kind) {
        case InterruptKind::kIntx:
            return "INTx";
        case InterruptKind::kMsi:
            return "MSI";
        case InterruptKind::kMsix:
            return "MSI-X";
    }
    return "unknown";
}

}  // namespace

InterruptLogic::InterruptLogic(std::mutex &state_mutex, PciDeviceDescription &description)
    : state_mutex_(state_mutex), description_(description), table_(description.msix.num_vectors) {}

uint32_t InterruptLogic::VectorCount(InterruptKind kind) const {
    switch (kind) {
        case InterruptKind::kIntx:
            return description_.has_interrupt_pin ? 1 : 0;
        case InterruptKind::kMsi:
            return description_.msi.num_vectors;
        case InterruptKind::kMsix:
            return description_.msix.num_vectors;
    }
    return 0;
}

uint32_t InterruptLogic::EnabledMsiCount() const {
    const MsiLayout &msi = description_.msi;
    const uint16_t control = description_.config.Read16(msi.config_offset + pci::kMsiControl);
    const uint32_t log2_count =
        (control & pci::kMsiControlEnabledMask) >> pci::kMsiControlEnabledShift;
    return std::min(1U << log2_count, msi.num_vectors);
}

std::optional<InterruptKind> InterruptLogic::EnabledMessages() const {
    const ConfigSpace &config = description_.config;
    if (description_.msix.Exists() &&
        (config.Read16(description_.msix.config_offset + pci::kMsixControl) &
         pci::kMsixControlEnable) != 0) {
        return InterruptKind::kMsix;
    }
    if (description_.msi.Exists() &&
        (config.Read16(description_.msi.config_offset + pci::kMsiControl) &
         pci::kMsiControlEnable) != 0) {
        return InterruptKind::kMsi;
    }
    return std::nullopt;
}

bool InterruptLogic::MayMaster() const {
    const ConfigSpace &config = description_.config;
    const bool is_on =
        description_.power_offset == 0 ||
        (config.Read16(description_.power_offset + pci::kPowerControl) & pci::kPowerStateMask) == 0;
    return is_on && (config.Read16(pci::kCommand) & pci::kCommandBusMaster) != 0;
}

bool InterruptLogic::IsMasked(InterruptKind kind, InterruptVector vector) const {
    if (vector < vectors_.size() && vectors_[vector].held) {
        return true;
    }
    const ConfigSpace &config = description_.config;
    if (kind == InterruptKind::kMsix) {
        return table_.IsMasked(vector) ||
               (config.Read16(description_.msix.config_offset + pci::kMsixControl) &
                pci::kMsixControlFunctionMask) != 0;
    }
    return description_.msi.has_per_vector_mask &&
           (config.Read32(description_.msi.MaskOffset()) >> vector & 1) != 0;
}

void InterruptLogic::SetPending(InterruptKind kind, InterruptVector vector, bool pending) {
    if (vector < vectors_.size()) {
        vectors_[vector].pending = pending;
    }
    if (kind == InterruptKind::kMsix) {
        table_.SetPending(vector, pending);
    } else if (description_.msi.has_per_vector_mask) {
        const uint32_t offset = description_.msi.PendingOffset();
        const uint32_t bits = description_.config.Read32(offset);
        const uint32_t bit = 1U << vector;
        description_.config.Set(offset, AccessWidth::k32, pending ? bits | bit : bits & ~bit);
    }
}

InterruptOutcome InterruptLogic::RaiseMessage(InterruptVector vector) {
    std::unique_lock lock(state_mutex_);
    const auto kind = EnabledMessages();
    if (silenced_ || !kind || vector >= VectorCount(*kind)) {
        return InterruptOutcome::kDropped;
    }
    if (kind == InterruptKind::kMsi) {
        vector &= EnabledMsiCount() - 1;
    }
    if (IsMasked(*kind, vector)) {
        SetPending(*kind, vector, true);
        return InterruptOutcome::kPending;
    }
    if (!MayMaster() || !IsAllocated(*kind) || vector >= vectors_.size() ||
        vectors_[vector].sink == nullptr) {
        return InterruptOutcome::kDropped;
    }
    Deliver(lock, vector);
    return InterruptOutcome::kDelivered;
}

void InterruptLogic::SetLine(bool asserted) {
    std::unique_lock lock(state_mutex_);
    if (silenced_ || !description_.has_interrupt_pin) {
        return;
    }
    line_asserted_ = asserted;
    const uint16_t status = description_.config.Read16(pci::kStatus);
    description_.config.Set(
        pci::kStatus, AccessWidth::k16,
        asserted ? status | pci::kStatusInterrupt : status & ~pci::kStatusInterrupt);
    DeliverDue(lock);
}

bool InterruptLogic::LineIsDue() const {
    return line_asserted_ && IsAllocated(InterruptKind::kIntx) && !vectors_[0].held &&
           vectors_[0].sink != nullptr && !EnabledMessages() &&
           (description_.config.Read16(pci::kCommand) & pci::kCommandInterruptDisable) == 0;
}

void InterruptLogic::DeliverDue(std::unique_lock<std::mutex> &lock) {
    if (silenced_) {
        return;
    }
    if (IsAllocated(InterruptKind::kIntx)) {
        if (LineIsDue()) {
            vectors_[0].held = true;
            Deliver(lock, 0);
        }
        return;
    }
    // The lock is dropped around each delivery, so everything is looked at anew.
    for (InterruptVector vector = 0; vector < vectors_.size(); ++vector) {
        if (!vectors_[vector].pending || EnabledMessages() != allocated_kind_ || !MayMaster()) {
            continue;
        }
        if (IsMasked(allocated_kind_, vector)) {
            continue;
        }
        SetPending(allocated_kind_, vector, false);
        if (vectors_[vector].sink != nullptr) {
            Deliver(lock, vector);
        }
    }
}

void InterruptLogic::Deliver(std::unique_lock<std::mutex> &lock, InterruptVector vector) {
    InterruptSink *const sink = vectors_[vector].sink;
    ++vectors_[vector].running;
    lock.unlock();
    sink->OnInterrupt(vector);
    lock.lock();
    if (--vectors_[vector].running == 0) {
        sink_returned_.notify_all();
    }
}

void InterruptLogic::Program() {
    ConfigSpace &config = description_.config;
    if (IsAllocated(InterruptKind::kMsix)) {
        for (InterruptVector vector = 0; vector < vectors_.size(); ++vector) {
            table_.Program(vector, kMessageAddress, vector);
        }
        config.Set(description_.msix.config_offset + pci::kMsixControl, AccessWidth::k16,
                   (description_.msix.num_vectors - 1) | pci::kMsixControlEnable);
    } else if (IsAllocated(InterruptKind::kMsi)) {
        const uint32_t offset = description_.msi.config_offset;
        const auto log2_count = static_cast<uint32_t>(std::countr_zero(vectors_.size()));
        config.Set(offset + pci::kMsiAddressLow, AccessWidth::k32,
                   static_cast<uint32_t>(kMessageAddress));
        config.Set(description_.msi.DataOffset(), AccessWidth::k16, 0);
        const uint32_t control =
            config.Read16(offset + pci::kMsiControl) & ~uint32_t{pci::kMsiControlEnabledMask};
        config.Set(offset + pci::kMsiControl, AccessWidth::k16,
                   control | log2_count << pci::kMsiControlEnabledShift | pci::kMsiControlEnable);
    }
}

BackendResult<void> InterruptLogic::Allocate(InterruptKind kind, uint32_t count) {
    const uint32_t available = VectorCount(kind);
    if (available == 0) {
        return Refuse(BackendErrorCode::kUnsupported,
                      fmt::format("the device has no {} interrupts", KindName(kind)));
    }
    if (count == 0 || count > available ||
        (kind == InterruptKind::kMsi && !std::has_single_bit(count))) {
        return Refuse(
            BackendErrorCode::kInvalidArgument,
            fmt::format("{} {} vectors: ask for 1 to {}{}", count, KindName(kind), available,
                        kind == InterruptKind::kMsi ? ", a power of two" : ""));
    }
    const std::lock_guard lock(state_mutex_);
    if (!vectors_.empty()) {
        return Refuse(BackendErrorCode::kBusy,
                      fmt::format("{} {} vectors are allocated: release them first",
                                  vectors_.size(), KindName(allocated_kind_)));
    }
    allocated_kind_ = kind;
    vectors_.assign(count, Vector{});
    Program();
    return {};
}

void InterruptLogic::Release() {
    std::unique_lock lock(state_mutex_);
    if (vectors_.empty()) {
        return;
    }
    const auto idle = [this] {
        return std::ranges::all_of(vectors_, [](const Vector &v) { return v.running == 0; });
    };
    for (Vector &vector : vectors_) {
        vector.sink = nullptr;
    }
    sink_returned_.wait(lock, idle);
    ConfigSpace &config = description_.config;
    if (IsAllocated(InterruptKind::kMsix)) {
        const uint32_t offset = description_.msix.config_offset + pci::kMsixControl;
        config.Set(offset, AccessWidth::k16,
                   config.Read16(offset) & ~uint32_t{pci::kMsixControlEnable});
        table_.Reset();
    } else if (IsAllocated(InterruptKind::kMsi)) {
        const uint32_t offset = description_.msi.config_offset + pci::kMsiControl;
        config.Set(offset, AccessWidth::k16,
                   config.Read16(offset) &
                       ~uint32_t{pci::kMsiControlEnable | pci::kMsiControlEnabledMask});
        if (description_.msi.has_per_vector_mask) {
            config.Set(description_.msi.PendingOffset(), AccessWidth::k32, 0);
        }
    }
    vectors_.clear();
}

BackendResult<void> InterruptLogic::Connect(InterruptVector vector, InterruptSink *sink) {
    std::unique_lock lock(state_mutex_);
    if (vector >= vectors_.size() || sink == nullptr) {
        return Refuse(BackendErrorCode::kNotFound,
                      fmt::format("interrupt vector {} is not one of the {} allocated", vector,
                                  vectors_.size()));
    }
    if (vectors_[vector].sink != nullptr) {
        return Refuse(BackendErrorCode::kBusy,
                      fmt::format("interrupt vector {} is connected already", vector));
    }
    if (allocated_kind_ != InterruptKind::kIntx) {
        SetPending(allocated_kind_, vector, false);
    }
    vectors_[vector].sink = sink;
    vectors_[vector].held = false;
    DeliverDue(lock);
    return {};
}

void InterruptLogic::Disconnect(InterruptVector vector) {
    std::unique_lock lock(state_mutex_);
    if (vector >= vectors_.size()) {
        return;
    }
    vectors_[vector].sink = nullptr;
    sink_returned_.wait(lock,
                        [&] { return vector >= vectors_.size() || vectors_[vector].running == 0; });
}

void InterruptLogic::Mask(InterruptVector vector, bool masked) {
    std::unique_lock lock(state_mutex_);
    if (vector >= vectors_.size()) {
        return;
    }
    vectors_[vector].held = masked;
    DeliverDue(lock);
}

uint64_t InterruptLogic::ReadMsixTable(uint64_t offset, AccessWidth width) {
    const std::lock_guard lock(state_mutex_);
    return table_.ReadTable(offset, width);
}

void InterruptLogic::WriteMsixTable(uint64_t offset, AccessWidth width, uint64_t value) {
    std::unique_lock lock(state_mutex_);
    table_.WriteTable(offset, width, value);
    DeliverDue(lock);
}

uint64_t InterruptLogic::ReadMsixPending(uint64_t offset, AccessWidth width) {
    const std::lock_guard lock(state_mutex_);
    return table_.ReadPending(offset, width);
}

void InterruptLogic::Reconsider() {
    std::unique_lock lock(state_mutex_);
    DeliverDue(lock);
}

void InterruptLogic::ResetDevice() {
    const std::lock_guard lock(state_mutex_);
    line_asserted_ = false;
    table_.Reset();
    for (Vector &vector : vectors_) {
        vector.pending = false;
    }
    Program();
}

void InterruptLogic::Silence() {
    const std::lock_guard lock(state_mutex_);
    silenced_ = true;
    line_asserted_ = false;
}

}  // namespace opendext::backends
