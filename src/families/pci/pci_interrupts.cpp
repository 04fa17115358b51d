// SPDX-License-Identifier: Apache-2.0
#include "families/pci/pci_interrupts.h"

#include <algorithm>
#include <bit>
#include <optional>

#include <DriverKit/IOInterruptDispatchSource.h>
#include <PCIDriverKit/IOPCIFamilyDefinitions.h>

#include "base/log.h"

namespace opendext::pci {

using backends::BackendErrorCode;
using backends::InterruptKind;

namespace {

uint64_t TypeOf(InterruptKind kind) {
    switch (kind) {
        case InterruptKind::kIntx:
            return kIOInterruptDispatchSourceTypeLevel;
        case InterruptKind::kMsi:
            return kIOInterruptTypePCIMessaged;
        case InterruptKind::kMsix:
            return kIOInterruptTypePCIMessaged | kIOInterruptTypePCIMessagedX;
    }
    return 0;
}

std::optional<InterruptKind> KindOf(uint32_t type) {
    switch (type) {
        case kIOInterruptDispatchSourceTypeLevel:
            return InterruptKind::kIntx;
        case kIOInterruptTypePCIMessaged:
            return InterruptKind::kMsi;
        case kIOInterruptTypePCIMessagedX:
        case kIOInterruptTypePCIMessaged | kIOInterruptTypePCIMessagedX:
            return InterruptKind::kMsix;
        default:
            return std::nullopt;
    }
}

}  // namespace

PciInterrupts::~PciInterrupts() {
    ReleaseAll();
}

void PciInterrupts::Resolve(InterruptKind messages, uint32_t count) {
    is_resolved_ = true;
    lines_.clear();
    if (backend_.VectorCount(InterruptKind::kIntx) > 0) {
        lines_.push_back({.kind = InterruptKind::kIntx});
    }
    if (messages != InterruptKind::kIntx) {
        for (uint32_t vector = 0; vector < count; ++vector) {
            lines_.push_back({.kind = messages, .vector = vector});
        }
    }
}

void PciInterrupts::ResolveDefault() {
    if (is_resolved_) {
        return;
    }
    const bool has_msi = backend_.VectorCount(InterruptKind::kMsi) > 0;
    const bool has_msix = backend_.VectorCount(InterruptKind::kMsix) > 0;
    Resolve(has_msi ? InterruptKind::kMsi : InterruptKind::kMsix, has_msi || has_msix ? 1 : 0);
}

PciInterrupts::Line *PciInterrupts::Find(uint32_t index) {
    return index < lines_.size() ? &lines_[index] : nullptr;
}

uint32_t PciInterrupts::CountOf(InterruptKind kind) const {
    return static_cast<uint32_t>(std::ranges::count(lines_, kind, &Line::kind));
}

kern_return_t PciInterrupts::Configure(uint32_t type, uint32_t num_required,
                                       uint32_t num_requested) {
    const std::optional<InterruptKind> kind = KindOf(type);
    if (!kind || num_required == 0 || num_requested == 0 || num_required > num_requested) {
        return kIOReturnBadArgument;
    }
    const uint32_t available = backend_.VectorCount(*kind);
    if (available == 0) {
        return kIOReturnBadArgument;
    }
    const std::scoped_lock lock(mutex_);
    if (is_resolved_) {
        return CountOf(*kind) >= num_required ? kIOReturnSuccess : kIOReturnUnsupported;
    }
    const uint32_t wanted =
        *kind == InterruptKind::kMsi ? std::bit_ceil(std::min(num_requested, 32U)) : num_requested;
    const uint32_t count = std::min(wanted, available);
    if (count < num_required) {
        LogWarning(
            "PCI device: {} interrupt vectors required, it has {}: ask for fewer in "
            "ConfigureInterrupts",
            num_required, available);
        return kIOReturnNoResources;
    }
    Resolve(*kind, count);
    return kIOReturnSuccess;
}

kern_return_t PciInterrupts::Allocate(InterruptKind kind) {
    if (is_allocated_ && allocated_ == kind) {
        return kIOReturnSuccess;
    }
    if (std::ranges::any_of(lines_, [](const Line &line) { return line.receiver != nullptr; })) {
        LogWarning(
            "PCI device: pin and message interrupts cannot be used together; take one of them "
            "only");
        return kIOReturnNoResources;
    }
    backend_.ReleaseVectors();
    is_allocated_ = false;
    const uint32_t count = CountOf(kind);
    if (const auto done = backend_.AllocateVectors(kind, count); !done) {
        LogWarning("PCI device: {}", done.error().message);
        return done.error().code == BackendErrorCode::kRemoved ? kIOReturnNoDevice
                                                               : kIOReturnNoResources;
    }
    receivers_ = std::make_unique<std::atomic<service::InterruptReceiver *>[]>(count);
    num_receivers_ = count;
    is_allocated_ = true;
    allocated_ = kind;
    return kIOReturnSuccess;
}

void PciInterrupts::ReleaseAll() {
    const std::scoped_lock lock(mutex_);
    for (Line &line : lines_) {
        if (line.is_connected) {
            backend_.DisconnectVector(line.vector);
        }
        line.is_connected = false;
        line.is_enabled = false;
        line.receiver = nullptr;
    }
    if (is_allocated_) {
        backend_.ReleaseVectors();
        is_allocated_ = false;
    }
}

std::expected<uint64_t, kern_return_t> PciInterrupts::InterruptType(uint32_t index) {
    const std::scoped_lock lock(mutex_);
    ResolveDefault();
    const Line *line = Find(index);
    if (line == nullptr) {
        return std::unexpected(kIOReturnNoInterrupt);
    }
    return TypeOf(line->kind);
}

kern_return_t PciInterrupts::RegisterInterrupt(uint32_t index,
                                               service::InterruptReceiver *receiver) {
    const std::scoped_lock lock(mutex_);
    ResolveDefault();
    Line *line = Find(index);
    if (line == nullptr) {
        return kIOReturnNoInterrupt;
    }
    if (line->receiver != nullptr) {
        return kIOReturnNoResources;
    }
    const kern_return_t status = Allocate(line->kind);
    if (status == kIOReturnSuccess) {
        line->receiver = receiver;
        receivers_[line->vector] = receiver;
    }
    return status;
}

void PciInterrupts::UnregisterInterrupt(uint32_t index) {
    const std::scoped_lock lock(mutex_);
    Line *line = Find(index);
    if (line == nullptr || line->receiver == nullptr) {
        return;
    }
    if (line->is_connected) {
        backend_.DisconnectVector(line->vector);
    }
    line->is_connected = false;
    line->is_enabled = false;
    line->receiver = nullptr;
    receivers_[line->vector] = nullptr;
}

void PciInterrupts::EnableInterrupt(uint32_t index, bool enabled) {
    const std::scoped_lock lock(mutex_);
    Line *line = Find(index);
    if (line == nullptr || line->receiver == nullptr) {
        return;
    }
    line->is_enabled = enabled;
    if (line->is_connected) {
        backend_.MaskVector(line->vector, !enabled);
    } else if (enabled) {
        const auto done = backend_.ConnectVector(line->vector, this);
        line->is_connected = done.has_value();
        if (!done) {
            LogWarning("PCI device: interrupt {}: {}", index, done.error().message);
        }
    }
}

void PciInterrupts::CompleteInterrupt(uint32_t index) {
    const std::scoped_lock lock(mutex_);
    const Line *line = Find(index);
    if (line != nullptr && line->is_connected && line->is_enabled &&
        line->kind == InterruptKind::kIntx) {
        backend_.MaskVector(line->vector, false);
    }
}

void PciInterrupts::OnInterrupt(backends::InterruptVector vector) {
    if (vector < num_receivers_) {
        if (service::InterruptReceiver *receiver = receivers_[vector]) {
            receiver->InterruptArrived();
        }
    }
}

}  // namespace opendext::pci
