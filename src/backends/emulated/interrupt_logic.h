// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

#include "backends/api/backend_error.h"
#include "backends/api/interrupt_sink.h"
#include "backends/emulated/device_description.h"
#include "backends/emulated/device_model.h"
#include "backends/emulated/msix_table.h"

namespace opendext::backends {

/// Turns what a device raises into calls of sinks, as the enable, mask and pending bits of the function say.
/// Shares the mutex that guards the configuration registers; calls sinks without it. Thread-safe.
class InterruptLogic {
public:
    /// Borrows all three; they outlive it. `state_mutex` guards `description.config`.
    InterruptLogic(std::mutex &state_mutex, PciDeviceDescription &description);

    // The device's side.
    InterruptOutcome RaiseMessage(InterruptVector vector);
    void SetLine(bool asserted);

    // The software's side: see PciBackend.
    [[nodiscard]] uint32_t VectorCount(InterruptKind kind) const;
    [[nodiscard]] BackendResult<void> Allocate(InterruptKind kind, uint32_t count);
    void Release();
    [[nodiscard]] BackendResult<void> Connect(InterruptVector vector, InterruptSink *sink);
    void Disconnect(InterruptVector vector);
    void Mask(InterruptVector vector, bool masked);

    [[nodiscard]] uint64_t ReadMsixTable(uint64_t offset, AccessWidth width);
    void WriteMsixTable(uint64_t offset, AccessWidth width, uint64_t value);
    [[nodiscard]] uint64_t ReadMsixPending(uint64_t offset, AccessWidth width);

    /// Configuration registers have changed: delivers what they let through now.
    void Reconsider();

    /// The function was reset: line released, nothing pending, the table empty. Then programs the allocated
    /// vectors again. Call after the configuration registers have been reset.
    void ResetDevice();

    /// No interrupt comes any more.
    void Silence();

private:
    struct Vector {
        InterruptSink *sink = nullptr;
        bool held = false;  // by Mask, or by the delivery of a level interrupt
        bool pending = false;
        uint32_t running = 0;  // calls of the sink under way
    };

    // The following are called with state_mutex_ held.
    [[nodiscard]] bool IsAllocated(InterruptKind kind) const {
        return !vectors_.empty() && allocated_kind_ == kind;
    }
    [[nodiscard]] std::optional<InterruptKind> EnabledMessages() const;
    [[nodiscard]] uint32_t EnabledMsiCount() const;
    [[nodiscard]] bool MayMaster() const;
    [[nodiscard]] bool IsMasked(InterruptKind kind, InterruptVector vector) const;
    void SetPending(InterruptKind kind, InterruptVector vector, bool pending);
    [[nodiscard]] bool LineIsDue() const;
    void Program();
    void DeliverDue(std::unique_lock<std::mutex> &lock);
    void Deliver(std::unique_lock<std::mutex> &lock, InterruptVector vector);

    std::mutex &state_mutex_;
    PciDeviceDescription &description_;

    // All guarded by state_mutex_.
    std::condition_variable sink_returned_;
    MsixTable table_;
    std::vector<Vector> vectors_;  // empty: none is allocated
    InterruptKind allocated_kind_ = InterruptKind::kIntx;
    bool line_asserted_ = false;
    bool silenced_ = false;
};

}  // namespace opendext::backends
