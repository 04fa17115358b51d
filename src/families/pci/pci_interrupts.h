// SPDX-License-Identifier: Apache-2.0
/// @file pci_interrupts.h
/// The list of interrupts of a PCI device (semantics.md 6.7).
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "backends/api/pci_backend.h"
#include "runtime/service/interrupt_controller.h"

namespace opendext::pci {

/// Index 0 is the pin when the device has one; the message vectors follow. The list is fixed by Configure, or
/// by the first look at it: then it is the pin and one message vector. A device interrupts in one way at a
/// time, so pin and messages cannot be registered together. Any thread.
class PciInterrupts final : public service::InterruptController, private backends::InterruptSink {
public:
    /// `backend` outlives this object.
    explicit PciInterrupts(backends::PciBackend &backend) : backend_(backend) {}
    ~PciInterrupts() override;
    PciInterrupts(const PciInterrupts &) = delete;
    PciInterrupts &operator=(const PciInterrupts &) = delete;

    /// IOPCIDevice::ConfigureInterrupts; `type` has the values of kIOInterruptType*.
    kern_return_t Configure(uint32_t type, uint32_t num_required, uint32_t num_requested);

    /// Takes every interrupt from its receiver and disables the capability: the driver died or the session
    /// ended without it.
    void ReleaseAll();

    std::expected<uint64_t, kern_return_t> InterruptType(uint32_t index) override;
    kern_return_t RegisterInterrupt(uint32_t index, service::InterruptReceiver *receiver) override;
    void UnregisterInterrupt(uint32_t index) override;
    void EnableInterrupt(uint32_t index, bool enabled) override;
    void CompleteInterrupt(uint32_t index) override;

private:
    // One entry of the list.
    struct Line {
        backends::InterruptKind kind = backends::InterruptKind::kIntx;
        backends::InterruptVector vector = 0;
        service::InterruptReceiver *receiver = nullptr;
        bool is_connected = false;
        bool is_enabled = false;
    };

    void OnInterrupt(backends::InterruptVector vector) override;

    // All with mutex_ held.
    void ResolveDefault();
    void Resolve(backends::InterruptKind messages, uint32_t count);
    [[nodiscard]] Line *Find(uint32_t index);
    [[nodiscard]] uint32_t CountOf(backends::InterruptKind kind) const;
    kern_return_t Allocate(backends::InterruptKind kind);

    backends::PciBackend &backend_;
    std::mutex mutex_;
    bool is_resolved_ = false;                                            // guarded by mutex_
    std::vector<Line> lines_;                                             // guarded by mutex_
    bool is_allocated_ = false;                                           // guarded by mutex_
    backends::InterruptKind allocated_ = backends::InterruptKind::kIntx;  // guarded by mutex_

    // Receivers by vector of the allocated kind, for the device's threads. Replaced only while no vector is
    // connected.
    std::unique_ptr<std::atomic<service::InterruptReceiver *>[]> receivers_;
    uint32_t num_receivers_ = 0;
};

}  // namespace opendext::pci
