// SPDX-License-Identifier: Apache-2.0
#include "families/usb/bundled_requests.h"

#include <array>
#include <iterator>
#include <utility>

#include <USBDriverKit/IOUSBHostPipe.h>

namespace opendext::usb {

namespace {

// One entry of a bundle on its way.
class BundledRequest final : public UsbRequest {
public:
    BundledRequest(std::shared_ptr<EndpointRequests> requests, OSAction *action, uint32_t index,
                   std::shared_ptr<BundledEnds> ends)
        : UsbRequest(std::move(requests)),
          action_(dispatch::RetainForWorker(action)),
          index_(index),
          ends_(std::move(ends)) {}

private:
    void OnEnd(const RequestEnd &end) override {
        ends_->Add(dispatch::RetainForWorker(action_.get()), index_, end);
    }

    const dispatch::WorkerReleased<OSAction> action_;
    const uint32_t index_;
    const std::shared_ptr<BundledEnds> ends_;
};

}  // namespace

void BundledEnds::Add(dispatch::WorkerReleased<OSAction> action, uint32_t index,
                      const RequestEnd &end) {
    std::unique_lock lock(mutex_);
    ended_.push_back({std::move(action), index, end});
    SendAll(std::move(lock));
}

void BundledEnds::HoldBack() {
    const std::scoped_lock lock(mutex_);
    ++num_holders_;
}

void BundledEnds::LetGo() {
    std::unique_lock lock(mutex_);
    --num_holders_;
    SendAll(std::move(lock));
}

// One thread sends at a time, so that messages keep the order; others leave it what they have.
void BundledEnds::SendAll(std::unique_lock<std::mutex> lock) {
    if (is_sending_) {
        return;
    }
    is_sending_ = true;
    while (num_holders_ == 0 && !ended_.empty()) {
        const size_t count = CountOfNext();
        const auto end_of_next = std::next(ended_.begin(), static_cast<ptrdiff_t>(count));
        std::vector<Ended> next(std::make_move_iterator(ended_.begin()),
                                std::make_move_iterator(end_of_next));
        ended_.erase(ended_.begin(), end_of_next);
        lock.unlock();
        std::array<RequestEnd, kIOUSBHostPipeBundlingMax> ends;
        for (size_t i = 0; i < count; ++i) {
            ends[i] = next[i].end;
        }
        SendBundledEnd(next.front().action.get(), next.front().index, {ends.data(), count});
        next.clear();
        lock.lock();
    }
    is_sending_ = false;
}

// How many of the first have one action, and lie in the ring one after another.
size_t BundledEnds::CountOfNext() const {
    size_t count = 1;
    while (count < ended_.size() && count < kIOUSBHostPipeBundlingMax &&
           ended_[count].action == ended_.front().action &&
           ended_[count].index == (ended_[count - 1].index + 1) % ring_size_) {
        ++count;
    }
    return count;
}

std::expected<memory::Retained<IOMemoryDescriptor>, kern_return_t> DescriptorRing::Set(
    IOMemoryDescriptor *memory, uint32_t index) {
    if (memory == nullptr || index >= entries_.size() || index > num_filled_) {
        return std::unexpected(kIOReturnBadArgument);
    }
    if (index == num_filled_) {
        ++num_filled_;
    }
    return std::exchange(entries_[index], memory::Retain(memory));
}

std::vector<memory::Retained<IOMemoryDescriptor>> DescriptorRing::Copy(uint32_t index,
                                                                       uint32_t count) const {
    std::vector<memory::Retained<IOMemoryDescriptor>> copies;
    copies.reserve(count);
    for (uint32_t i = 0; i < count; ++i) {
        copies.push_back(memory::Retain(entries_[(index + i) % entries_.size()].get()));
    }
    return copies;
}

kern_return_t StartBundle(const std::shared_ptr<EndpointRequests> &requests, const Bundle &bundle,
                          std::span<const memory::Retained<IOMemoryDescriptor>> descriptors,
                          const std::shared_ptr<BundledEnds> &ends, uint32_t &num_accepted) {
    kern_return_t result = kIOReturnSuccess;
    num_accepted = 0;
    // What ends at once is told in one message.
    ends->HoldBack();
    for (size_t i = 0; i < bundle.lengths.size(); ++i) {
        const uint32_t index = (bundle.first_index + static_cast<uint32_t>(i)) % bundle.ring_size;
        auto request = std::make_unique<BundledRequest>(requests, bundle.completion, index, ends);
        result = PrepareData(*request, *requests,
                             {.memory = descriptors[i].get(),
                              .num_bytes = bundle.lengths[i],
                              .timeout_ms = bundle.timeout_ms});
        if (result == kIOReturnSuccess) {
            result = UsbRequest::Submit(std::move(request));
        }
        if (result != kIOReturnSuccess) {
            break;
        }
        ++num_accepted;
    }
    ends->LetGo();
    return num_accepted != 0 ? kIOReturnSuccess : result;
}

}  // namespace opendext::usb
