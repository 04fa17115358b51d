// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/usb_loopback/protocol.h"
#include "tests/rig/driver_test.h"
#include "tests/system/usb_interface/UsbProbeProtocol.h"

namespace opendext::rig {

inline constexpr const char *kLoopback = "model:usb-loopback";

/// The services of that name that are there now.
[[nodiscard]] std::vector<IoObject> FindServices(const char *name);

/// Those of that kernel class.
[[nodiscard]] std::vector<IoObject> FindOfClass(const char *class_name);

/// Waits until there are `count` services of that name. @return them, or what there is after the hang guard.
[[nodiscard]] std::vector<IoObject> WaitForServices(const char *name, size_t count);

[[nodiscard]] uint64_t IdOf(const IoObject &entry);

/// A number among the entry's properties; all ones: it has none of that name.
[[nodiscard]] uint64_t NumberOf(const IoObject &entry, const char *key);

/// Whether what is sent through the loopback pair comes back.
[[nodiscard]] bool Echoes(const Connection &interface_client);

/// As kUsbProbeVendorRequest.
kern_return_t SendVendorRequest(const Connection &client, uint8_t request, uint16_t value,
                                uint16_t index);

/// The device leaves at the next request, which this makes.
void Detach(const Connection &client, uint16_t stays_or_comes_back);

/// One scalar that the selector gives.
[[nodiscard]] uint64_t Ask(const Connection &client, uint32_t selector);

/// The client of the driver for that interface.
[[nodiscard]] Connection OpenInterface(uint64_t number);

/// A read of the loopback pair that nothing is sent to.
class PendingRead {
public:
    PendingRead(const LoopPort &port, const Connection &client);
    PendingRead(const PendingRead &) = delete;
    PendingRead &operator=(const PendingRead &) = delete;

    /// How often it has completed.
    [[nodiscard]] int count() const { return count_; }
    [[nodiscard]] kern_return_t status() const { return status_; }

private:
    static void OnCompleted(void *self, IOReturn result, void *status, void *num_bytes);

    int count_ = 0;
    kern_return_t status_ = kIOReturnSuccess;
};

}  // namespace opendext::rig
