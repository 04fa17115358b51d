// SPDX-License-Identifier: Apache-2.0
/// @file interrupt_controller.h
/// The seam between IOInterruptDispatchSource and the families whose devices interrupt.
#pragma once

#include <cstdint>
#include <expected>

#include <DriverKit/IOReturn.h>

namespace opendext::service {

/// Receives interrupts of one index.
class InterruptReceiver {
public:
    /// One interrupt arrived. Any thread, possibly several at once; returns quickly and never blocks.
    virtual void InterruptArrived() = 0;

protected:
    ~InterruptReceiver() = default;
};

/// A provider's interrupts, by index. Implemented by a family; any thread. Errors are those of
/// semantics.md 4.4.
class InterruptController {
public:
    virtual ~InterruptController() = default;

    /// Edge or level and the family's bits, of IOInterruptDispatchSource::GetInterruptType.
    virtual std::expected<uint64_t, kern_return_t> InterruptType(uint32_t index) = 0;

    /// Reserves the index for `receiver`. Nothing arrives until it is enabled.
    virtual kern_return_t RegisterInterrupt(uint32_t index, InterruptReceiver *receiver) = 0;

    /// Takes the receiver off. On return no call to it is under way.
    virtual void UnregisterInterrupt(uint32_t index) = 0;

    /// Lets interrupts through, or holds them back.
    virtual void EnableInterrupt(uint32_t index, bool enabled) = 0;

    /// The driver has handled what arrived: a level interrupt, masked since then, may arrive again.
    virtual void CompleteInterrupt(uint32_t index) = 0;
};

}  // namespace opendext::service
