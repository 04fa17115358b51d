// SPDX-License-Identifier: Apache-2.0
/// @file pci_device_state.h
/// What stands behind an IOPCIDevice: its backend, who has it open, its interrupts. For host and tests.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include <PCIDriverKit/IOPCIDevice.h>

#include "backends/api/pci_backend.h"
#include "families/pci/pci_dma_mapper.h"
#include "families/pci/pci_interrupts.h"
#include "runtime/service/service_state.h"

namespace opendext::pci {

/// Gives a new IOPCIDevice its device; once, after init. The backend lives until the object is freed.
void AttachBackend(IOPCIDevice *device, std::shared_ptr<backends::PciBackend> backend);

/// Whether accesses reach the device.
enum class PciAccess : uint8_t {
    kNone,       ///< There is no session, or a reset is under way.
    kUnchecked,  ///< They do; no memory has been accessed since Open.
    kChecked,    ///< They do.
};

/// A copy of the header and the conventional capabilities of configuration space.
using ConfigCopy = std::vector<uint32_t>;

}  // namespace opendext::pci

/// Storage behind IOPCIDevice::ivars. What accesses read without the lock is atomic or fixed by AttachBackend.
struct IOPCIDevice_IVars final : opendext::service::ProviderHooks {
    IOPCIDevice *device = nullptr;
    std::shared_ptr<opendext::backends::PciBackend> backend;
    std::unique_ptr<opendext::pci::PciInterrupts> interrupts;
    std::span<const opendext::backends::MemoryRange> ranges;

    std::atomic<opendext::pci::PciAccess> access = opendext::pci::PciAccess::kNone;
    std::atomic<bool> has_warned_of_range = false;
    std::atomic<bool> has_warned_of_close = false;
    std::atomic<bool> has_warned_of_decoding = false;

    std::mutex mutex;
    IOService *client = nullptr;                              // guarded by mutex; one reference
    std::optional<opendext::pci::ConfigCopy> saved;           // guarded by mutex
    std::optional<opendext::pci::ConfigCopy> saved_for_good;  // guarded by mutex

    void ClientStopped(IOService *stopped) override;
    bool IsOpenFor(const IOService *of) override {
        const std::scoped_lock lock(mutex);
        return client == of && client != nullptr;
    }
    opendext::service::InterruptController *Interrupts() override { return interrupts.get(); }
};
