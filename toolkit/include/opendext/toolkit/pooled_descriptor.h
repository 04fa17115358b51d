// SPDX-License-Identifier: Apache-2.0
/// @file pooled_descriptor.h
/// A descriptor lent by a DescriptorPool.
#ifndef OPENDEXT_TOOLKIT_POOLED_DESCRIPTOR_H
#define OPENDEXT_TOOLKIT_POOLED_DESCRIPTOR_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <DriverKit/IOBufferMemoryDescriptor.h>
#include <DriverKit/IOLib.h>
#include <DriverKit/IOReturn.h>
#include <DriverKit/OSData.h>

#include <opendext/toolkit/bytes.h>
#include <opendext/toolkit/slot_stack.h>

namespace opendext::toolkit {

/// What a pool and the descriptors that it has lent share. For DescriptorPool.
struct PoolState {
    SlotStack free;    // slots with a descriptor
    SlotStack vacant;  // slots without
    PoolSlot *slots;
    uint64_t capacity;
    uint32_t num_slots;
    uint32_t num_remaining;  // slots that nobody has given up for good: the last one frees the state
    bool clears;

    /// Gives up `count` slots for good; `this` may be gone afterwards.
    void Remove(uint32_t count) {
        if (count != 0 && __atomic_sub_fetch(&num_remaining, count, __ATOMIC_ACQ_REL) == 0) {
            IODelete(slots, PoolSlot, num_slots);
            IODelete(this, PoolState, 1);
        }
    }

    /// Takes a slot back from whom it was lent to; `this` may be gone afterwards.
    void Return(uint32_t number) {
        PoolSlot &slot = slots[number - 1];
        if (clears) {
            memset(slot.data, 0, static_cast<size_t>(capacity));
        }
        if (!free.Push(slots, number)) {
            slot.descriptor->release();
            Remove(1);
        }
    }
};

/// Owns a descriptor that a DescriptorPool has lent, and gives it back when it goes: in any order, on any thread, also
/// after the pool. One object is for one thread at a time. Nothing here but SetLength and Fill leaves the process on
/// the original, and these only when the length changes.
class PooledDescriptor {
public:
    PooledDescriptor() = default;
    ~PooledDescriptor() { Reset(); }
    PooledDescriptor(const PooledDescriptor &) = delete;
    PooledDescriptor &operator=(const PooledDescriptor &) = delete;
    PooledDescriptor(PooledDescriptor &&other) noexcept
        : state_(other.state_), number_(other.number_) {
        other.state_ = nullptr;
    }
    PooledDescriptor &operator=(PooledDescriptor &&other) noexcept {
        if (this != &other) {
            Reset();
            state_ = other.state_;
            number_ = other.number_;
            other.state_ = nullptr;
        }
        return *this;
    }

    /// Whether there is a descriptor; nothing but Reset and moves is allowed without.
    [[nodiscard]] explicit operator bool() const { return state_ != nullptr; }

    /// The descriptor, +0. Do not call its SetLength, and do not use it after it went back: a transfer that is still
    /// under way keeps this object, not a reference.
    [[nodiscard]] IOBufferMemoryDescriptor *get() const { return slot().descriptor; }
    IOBufferMemoryDescriptor *operator->() const { return get(); }

    /// All of its memory: as many bytes as the pool's capacity. What was in it stays in it from loan to loan, unless
    /// the pool clears.
    [[nodiscard]] Bytes bytes() const {
        return {slot().data, static_cast<size_t>(state_->capacity)};
    }

    /// The bytes within its length.
    [[nodiscard]] ConstBytes contents() const {
        return {slot().data, static_cast<size_t>(slot().length)};
    }

    /// Its length in bytes.
    [[nodiscard]] uint64_t length() const { return slot().length; }

    /// @param length bytes. @return kIOReturnSuccess; kIOReturnNoSpace above the capacity: nothing is changed then;
    ///         else the error of IOBufferMemoryDescriptor::SetLength.
    [[nodiscard]] kern_return_t SetLength(uint64_t length) {
        if (length == slot().length) {
            return kIOReturnSuccess;
        }
        if (length > state_->capacity) {
            return kIOReturnNoSpace;
        }
        const kern_return_t ret = slot().descriptor->SetLength(length);
        if (ret == kIOReturnSuccess) {
            slot().length = length;
        }
        return ret;
    }

    /// Copies `source` to the start of the memory and makes their number the length.
    /// @return as SetLength.
    [[nodiscard]] kern_return_t Fill(ConstBytes source) {
        if (source.size > state_->capacity) {
            return kIOReturnNoSpace;
        }
        if (!source.empty()) {
            memcpy(slot().data, source.data, source.size);
        }
        return SetLength(source.size);
    }

    /// As above, with the bytes of `data`; kIOReturnBadArgument when it is NULL.
    [[nodiscard]] kern_return_t Fill(const OSData *data) {
        return data != nullptr ? Fill(BytesOf(data)) : kIOReturnBadArgument;
    }

    /// Gives the descriptor back, if there is one.
    void Reset() {
        if (state_ != nullptr) {
            PoolState *state = state_;
            state_ = nullptr;
            state->Return(number_);
        }
    }

private:
    friend class DescriptorPool;

    PoolSlot &slot() const { return state_->slots[number_ - 1]; }

    PoolState *state_ = nullptr;
    uint32_t number_ = 0;
};

}  // namespace opendext::toolkit

#endif
