// SPDX-License-Identifier: Apache-2.0
/// @file descriptor_pool.h
/// Memory descriptors that are made once and lent often.
#ifndef OPENDEXT_TOOLKIT_DESCRIPTOR_POOL_H
#define OPENDEXT_TOOLKIT_DESCRIPTOR_POOL_H

#include <stdint.h>

#include <DriverKit/IOBufferMemoryDescriptor.h>
#include <DriverKit/IOLib.h>
#include <DriverKit/IOReturn.h>

#include <opendext/toolkit/bytes.h>
#include <opendext/toolkit/pooled_descriptor.h>
#include <opendext/toolkit/slot_stack.h>

namespace opendext::toolkit {

struct DescriptorPoolOptions;

/// Makes one descriptor of at least `options.capacity` bytes, for instance with IOUSBHostInterface::CreateIOBuffer.
/// Called on the thread of Create or Take, without a lock, by several threads at a time if several Take.
/// @param descriptor receives the descriptor, +1.
using DescriptorFactory = kern_return_t (*)(const DescriptorPoolOptions &options,
                                            IOBufferMemoryDescriptor **descriptor);

/// How a pool is to be. Zero or NULL where that is not said otherwise is a fine choice.
struct DescriptorPoolOptions {
    uint64_t direction = kIOMemoryDirectionInOut;  ///< kIOMemoryDirection* bits.
    uint64_t capacity = 0;                         ///< Bytes of each descriptor; at least 1.
    uint64_t alignment = 0;               ///< For IOBufferMemoryDescriptor::Create; 0: a page.
    uint32_t max_count = 16;              ///< Most descriptors there will be; at least 1.
    uint32_t prewarmed_count = 0;         ///< Made by Create; the others when they are needed.
    bool clears = false;                  ///< Fill the memory with zeros when it comes back.
    DescriptorFactory factory = nullptr;  ///< NULL: IOBufferMemoryDescriptor::Create.
    void *factory_context = nullptr;      ///< For the factory; must outlive the pool.
};

/// Lends descriptors of one kind. They are made when none is free, up to a maximum, and mapped when they are made: to
/// lend one and to take it back takes no call out of the process, no allocation and no lock. Take: any thread. Create,
/// Reset and the destructor: not while another thread uses the pool; what is lent may come back at any time, and what
/// comes back after the pool is released. Does not move.
class DescriptorPool {
public:
    DescriptorPool() = default;
    ~DescriptorPool() { Reset(); }
    DescriptorPool(const DescriptorPool &) = delete;
    DescriptorPool &operator=(const DescriptorPool &) = delete;

    /// Makes the pool; one that this object was before is gone, as with Reset().
    /// @return kIOReturnSuccess; kIOReturnBadArgument (no capacity, no maximum, more prewarmed than that);
    ///         kIOReturnNoMemory; else the error that prewarming met. After an error there is no pool.
    [[nodiscard]] kern_return_t Create(const DescriptorPoolOptions &options) {
        Reset();
        if (options.capacity == 0 || options.max_count == 0 || options.max_count > kMaxCount ||
            options.prewarmed_count > options.max_count) {
            return kIOReturnBadArgument;
        }
        options_ = options;
        state_ = NewState(options);
        if (state_ == nullptr) {
            return kIOReturnNoMemory;
        }
        const kern_return_t ret = Prewarm();
        if (ret != kIOReturnSuccess) {
            Reset();
        }
        return ret;
    }

    /// Lends a descriptor whose length is the capacity.
    /// @param descriptor receives it; what was in it goes back first. Empty after an error.
    /// @return kIOReturnSuccess; kIOReturnNoResources when all are lent; kIOReturnNotReady without a pool;
    ///         kIOReturnNoMemory when the factory made less than the capacity; else the factory's error, or that
    ///         of GetAddressRange, GetLength or SetLength.
    [[nodiscard]] kern_return_t Take(PooledDescriptor *descriptor) {
        return Take(descriptor, options_.capacity);
    }

    /// As above, with a length in bytes; kIOReturnNoSpace also when it is above the capacity.
    [[nodiscard]] kern_return_t Take(PooledDescriptor *descriptor, uint64_t length) {
        descriptor->Reset();
        if (state_ == nullptr) {
            return kIOReturnNotReady;
        }
        if (length > options_.capacity) {
            return kIOReturnNoSpace;
        }
        uint32_t number = state_->free.Pop(state_->slots);
        if (number == 0) {
            const kern_return_t ret = Grow(&number);
            if (ret != kIOReturnSuccess) {
                return ret;
            }
        }
        descriptor->state_ = state_;
        descriptor->number_ = number;
        const kern_return_t ret = descriptor->SetLength(length);
        if (ret != kIOReturnSuccess) {
            descriptor->Reset();
        }
        return ret;
    }

    /// Ends the pool, if there is one: releases the descriptors that are here now and, when they come back, the
    /// lent ones.
    void Reset() {
        if (state_ == nullptr) {
            return;
        }
        PoolState *state = state_;
        state_ = nullptr;
        uint32_t num_slots = 0;
        for (uint32_t number = state->free.Close(); number != 0; ++num_slots) {
            state->slots[number - 1].descriptor->release();
            number = state->slots[number - 1].next;
        }
        for (uint32_t number = state->vacant.Close(); number != 0; ++num_slots) {
            number = state->slots[number - 1].next;
        }
        state->Remove(num_slots);
    }

    /// Bytes of each descriptor; 0 before Create.
    [[nodiscard]] uint64_t capacity() const { return options_.capacity; }

private:
    static constexpr uint32_t kMaxCount = 1U << 30;

    static PoolState *NewState(const DescriptorPoolOptions &options) {
        PoolState *state = IONewZero(PoolState, 1);
        PoolSlot *slots = IONewZero(PoolSlot, options.max_count);
        if (state == nullptr || slots == nullptr) {
            IOSafeDeleteNULL(slots, PoolSlot, options.max_count);
            IOSafeDeleteNULL(state, PoolState, 1);
            return nullptr;
        }
        state->slots = slots;
        state->capacity = options.capacity;
        state->num_slots = options.max_count;
        state->num_remaining = options.max_count;
        state->clears = options.clears;
        for (uint32_t number = options.max_count; number != 0; --number) {
            static_cast<void>(state->vacant.Push(slots, number));
        }
        return state;
    }

    kern_return_t Prewarm() {
        for (uint32_t i = 0; i < options_.prewarmed_count; ++i) {
            uint32_t number = 0;
            const kern_return_t ret = Grow(&number);
            if (ret != kIOReturnSuccess) {
                return ret;
            }
            static_cast<void>(state_->free.Push(state_->slots, number));
        }
        return kIOReturnSuccess;
    }

    /// Makes one more descriptor, in a slot that is the caller's.
    kern_return_t Grow(uint32_t *number) {
        *number = state_->vacant.Pop(state_->slots);
        if (*number == 0) {
            return kIOReturnNoResources;
        }
        PoolSlot &slot = state_->slots[*number - 1];
        const kern_return_t ret = MakeDescriptor(&slot);
        if (ret != kIOReturnSuccess) {
            OSSafeReleaseNULL(slot.descriptor);
            static_cast<void>(state_->vacant.Push(state_->slots, *number));
        }
        return ret;
    }

    kern_return_t MakeDescriptor(PoolSlot *slot) {
        kern_return_t ret =
            options_.factory != nullptr
                ? options_.factory(options_, &slot->descriptor)
                : IOBufferMemoryDescriptor::Create(options_.direction, options_.capacity,
                                                   options_.alignment, &slot->descriptor);
        Bytes bytes;
        if (ret == kIOReturnSuccess) {
            ret = BytesOf(slot->descriptor, &bytes);
        }
        if (ret == kIOReturnSuccess) {
            ret = slot->descriptor->GetLength(&slot->length);
        }
        if (ret == kIOReturnSuccess && bytes.size < options_.capacity) {
            ret = kIOReturnNoMemory;
        }
        slot->data = bytes.data;
        return ret;
    }

    PoolState *state_ = nullptr;
    DescriptorPoolOptions options_;
};

}  // namespace opendext::toolkit

#endif
