// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "backends/api/usb_transfer.h"
#include "backends/emulated/usb_device_model.h"
#include "backends/usb/intrusive_list.h"

namespace opendext::backends {

/// A request that waits at an endpoint of a model, as the wire keeps it.
struct UsbPendingRequest {
    UsbModelRequest seen;             ///< By the model; `pieces` are those below.
    UsbTransfer *transfer = nullptr;  ///< NULL: one frame of an isochronous transfer.
    std::vector<std::span<std::byte>> pieces;
    uint32_t generation = 0;
    ListLink<UsbPendingRequest> link;
};

/// The requests at a model's endpoints, by number and in their order. Allocates nothing once it is warm. Guarded by the
/// model's mutex.
class UsbRequestTable {
public:
    UsbRequestTable() = default;
    UsbRequestTable(const UsbRequestTable &) = delete;
    UsbRequestTable &operator=(const UsbRequestTable &) = delete;

    /// Appends `num_bytes` of the transfer's buffer, from `offset` on, as a request. `transfer` is NULL for a frame.
    [[nodiscard]] UsbPendingRequest &Add(const UsbTransfer &source, UsbTransfer *transfer,
                                         uint64_t offset, uint64_t num_bytes);

    /// NULL: not there (any more).
    [[nodiscard]] UsbPendingRequest *Find(UsbRequestId id) const;
    [[nodiscard]] UsbPendingRequest *Find(const UsbTransfer &transfer) const;
    [[nodiscard]] UsbPendingRequest *FirstAt(size_t endpoint_index) const {
        return endpoints_[endpoint_index].front();
    }

    /// The request stays readable until the next Add.
    void Remove(UsbPendingRequest &request);

private:
    using List = IntrusiveList<UsbPendingRequest, &UsbPendingRequest::link>;

    std::vector<std::unique_ptr<UsbPendingRequest>> slots_;
    std::vector<uint32_t> free_slots_;
    std::array<List, 32> endpoints_;  // by IndexOf
};

}  // namespace opendext::backends
