// SPDX-License-Identifier: Apache-2.0
#include "models/fpga_dma/dma_engine.h"

#include "base/checked.h"

namespace opendext::models::fpga_dma {

using backends::IovaAddress;

DmaEngine::DmaEngine(std::mutex &mutex, backends::DevicePort &port, std::span<std::byte> ram,
                     DmaEngineListener &listener)
    : mutex_(mutex), port_(port), ram_(ram), listener_(listener), thread_([this] { Run(); }) {}

DmaEngine::~DmaEngine() {
    {
        const std::lock_guard lock(mutex_);
        ending_ = true;
        abort_requested_ = true;
    }
    work_.notify_one();
    thread_.join();
}

void DmaEngine::Start(IovaAddress list, uint32_t count) {
    next_ = List{.base = list, .count = count};
    is_busy_ = true;
    stop_requested_ = false;
    work_.notify_one();
}

void DmaEngine::Abort(std::unique_lock<std::mutex> &lock) {
    if (!is_busy_) {
        return;
    }
    abort_requested_ = true;
    idle_.wait(lock, [this] { return !is_busy_; });
}

void DmaEngine::Run() {
    std::unique_lock lock(mutex_);
    while (true) {
        work_.wait(lock, [this] { return ending_ || next_; });
        if (ending_ || !next_) {
            return;
        }
        const List list = *next_;
        next_.reset();
        RunList(lock, list);
        idle_.notify_all();
    }
}

void DmaEngine::RunList(std::unique_lock<std::mutex> &lock, const List &list) {
    ListError error;
    for (uint32_t index = 0; index < list.count; ++index) {
        if (abort_requested_ || stop_requested_) {
            error = {.code = kErrorDisabled, .descriptor_index = index};
            break;
        }
        Descriptor descriptor{};
        lock.unlock();
        error = Execute(list, index, descriptor);
        lock.lock();
        if (error.code != kErrorNone || abort_requested_) {
            break;
        }
        listener_.OnDescriptorDone(descriptor);
        if ((descriptor.flags & kDescriptorLast) != 0) {
            break;
        }
    }
    is_busy_ = false;
    if (!abort_requested_) {
        listener_.OnListEnded(error);
    }
    abort_requested_ = ending_;
}

ListError DmaEngine::Execute(const List &list, uint32_t index, Descriptor &descriptor) {
    const IovaAddress entry{list.base.value + uint64_t{index} * sizeof(Descriptor)};
    ListError error{.descriptor_index = index, .host_address = entry.value};
    if (!port_.DmaRead(entry, std::as_writable_bytes(std::span(&descriptor, 1)))) {
        error.code = kErrorDescriptorFetch;
        return error;
    }
    error.host_address = descriptor.host_address;
    error.card_address = descriptor.card_address;
    if (descriptor.num_bytes == 0 || (descriptor.flags & ~kDescriptorFlags) != 0) {
        error.code = kErrorBadDescriptor;
    } else if (!RangeIsWithin<uint64_t>(descriptor.card_address, descriptor.num_bytes,
                                        ram_.size())) {
        error.code = kErrorCardRange;
    } else {
        const auto card = ram_.subspan(descriptor.card_address, descriptor.num_bytes);
        const IovaAddress host{descriptor.host_address};
        const bool to_card = (descriptor.flags & kDescriptorToCard) != 0;
        const auto moved = to_card ? port_.DmaRead(host, card) : port_.DmaWrite(host, card);
        if (!moved) {
            error.code = kErrorHostAccess;
        }
    }
    return error;
}

}  // namespace opendext::models::fpga_dma
