// SPDX-License-Identifier: Apache-2.0
/// @file bundled_requests.h
/// IOUSBHostPipe's ring of descriptors, and the requests that AsyncIOBundled makes of its entries.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include <DriverKit/IOMemoryDescriptor.h>
#include <DriverKit/OSAction.h>

#include "families/usb/usb_request.h"
#include "runtime/memory/retained.h"

namespace opendext::usb {

/// Tells drivers of entries that have ended: in their order, as many as there are at a time in one message. Any thread.
class BundledEnds {
public:
    explicit BundledEnds(uint32_t ring_size) : ring_size_(ring_size) {}

    /// An entry has ended.
    void Add(dispatch::WorkerReleased<OSAction> action, uint32_t index, const RequestEnd &end);

    /// While held back, ends are collected. Each HoldBack has one LetGo.
    void HoldBack();
    void LetGo();

private:
    struct Ended {
        dispatch::WorkerReleased<OSAction> action;
        uint32_t index = 0;
        RequestEnd end;
    };

    void SendAll(std::unique_lock<std::mutex> lock);
    [[nodiscard]] size_t CountOfNext() const;

    const uint32_t ring_size_;
    std::mutex mutex_;
    std::vector<Ended> ended_;  // guarded by mutex_
    uint32_t num_holders_ = 0;  // guarded by mutex_
    bool is_sending_ = false;   // guarded by mutex_
};

/// The ring. Entries are set and read with the pipe's lock held.
class DescriptorRing {
public:
    explicit DescriptorRing(uint32_t size)
        : entries_(size), ends_(std::make_shared<BundledEnds>(size)) {}

    [[nodiscard]] bool is_filled() const { return num_filled_ == entries_.size(); }
    [[nodiscard]] uint32_t size() const { return static_cast<uint32_t>(entries_.size()); }
    [[nodiscard]] const std::shared_ptr<BundledEnds> &ends() const { return ends_; }

    /// Sets an entry: the next one, or one that is set. @return the descriptor that was there, to be released without a
    /// lock; kIOReturnBadArgument.
    [[nodiscard]] std::expected<memory::Retained<IOMemoryDescriptor>, kern_return_t> Set(
        IOMemoryDescriptor *memory, uint32_t index);

    /// The descriptors of `count` entries from `index` on, past the end as from the start.
    [[nodiscard]] std::vector<memory::Retained<IOMemoryDescriptor>> Copy(uint32_t index,
                                                                         uint32_t count) const;

private:
    std::vector<memory::Retained<IOMemoryDescriptor>> entries_;
    uint32_t num_filled_ = 0;
    const std::shared_ptr<BundledEnds> ends_;
};

/// What AsyncIOBundled was asked for, checked.
struct Bundle {
    uint32_t first_index = 0;
    uint32_t ring_size = 0;
    std::span<const uint32_t> lengths;
    OSAction *completion = nullptr;
    uint32_t timeout_ms = 0;
};

/// Starts a request for each descriptor. @param num_accepted out: how many were started.
/// @return why the first was not started.
[[nodiscard]] kern_return_t StartBundle(
    const std::shared_ptr<EndpointRequests> &requests, const Bundle &bundle,
    std::span<const memory::Retained<IOMemoryDescriptor>> descriptors,
    const std::shared_ptr<BundledEnds> &ends, uint32_t &num_accepted);

}  // namespace opendext::usb
