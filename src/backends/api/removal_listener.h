// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace opendext::backends {

/// Learns that the device is gone. Implemented above this room.
class RemovalListener {
public:
    virtual ~RemovalListener() = default;

    /// The device was unplugged: from now on reads are all ones, writes are dropped and no interrupt comes.
    /// Called once, on the thread that noticed. Any call of the backend may be made from here but
    /// SetRemovalListener, and it does not wait for a thread that makes that call.
    virtual void OnDeviceRemoved() = 0;
};

}  // namespace opendext::backends
