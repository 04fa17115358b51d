// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <IOKit/IOReturn.h>
#include <opendext/testing/device.h>

namespace opendext::test {

/// Which calls of a driver go wrong. What counts is a call that can fail, made by the driver's own code: a framework's
/// method that returns a status (creating an object, preparing DMA, a USB transfer, registering a service...; SUPERDISPATCH
/// too), by the name "Class::Method", and an allocation, by a name as "IOLib::IOMallocArray" (IONew and IONewZero are that
/// one). Register accesses are not among them.
///
/// A call that is chosen is not carried out: its result is the fault's, an object that it should give is NULL, and an
/// allocation gives NULL. One of these at a time. Any thread.
class FaultPlan {
public:
    /// One fault, which comes once.
    struct Fault {
        uint64_t at = 1;  ///< The n-th call from now, from 1, of those that `call` names.
        /// "IOBufferMemoryDescriptor::Create", "IODMACommand" for all of a class; empty: all.
        std::string call;
        /// What the call returns. kIOReturnSuccess: it is carried out, after `action`.
        kern_return_t result = kIOReturnNoMemory;
        /// Run before it, on the driver's thread. It may unplug a device; it must not call the driver or wait for it.
        std::function<void()> action;
    };

    FaultPlan();
    ~FaultPlan();
    FaultPlan(const FaultPlan &) = delete;
    FaultPlan &operator=(const FaultPlan &) = delete;

    void Add(Fault fault);

    /// The n-th call finds no memory.
    void NoMemoryAt(uint64_t n, std::string call = {}) {
        Add({.at = n, .call = std::move(call), .result = kIOReturnNoMemory});
    }
    /// The n-th call times out.
    void TimeoutAt(uint64_t n, std::string call = {}) {
        Add({.at = n, .call = std::move(call), .result = kIOReturnTimeout});
    }
    /// The device is pulled out just before the n-th call, which is then carried out against a device that is gone.
    void UnplugAt(uint64_t n, const Device &device, std::string call = {}) {
        Add({.at = n, .call = std::move(call), .result = kIOReturnSuccess, .action = [device] {
                 device.Unplug();
             }});
    }

    /// Forgets the faults that have not come, and counts from 0.
    void Clear();

    /// Whether faults wait for their call. None left: all of them have come.
    [[nodiscard]] bool HasPending() const;

    /// The calls since this was made, or since Clear, in their order: "IOTimerDispatchSource::Create". What to choose from.
    [[nodiscard]] std::vector<std::string> Calls() const;

private:
    class Ledger;
    const std::shared_ptr<Ledger> ledger_;
};

}  // namespace opendext::test
