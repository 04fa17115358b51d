// SPDX-License-Identifier: Apache-2.0
/// @file slot_stack.h
/// The order in which a DescriptorPool lends. For descriptor_pool.h, not for drivers.
#ifndef OPENDEXT_TOOLKIT_SLOT_STACK_H
#define OPENDEXT_TOOLKIT_SLOT_STACK_H

#include <stdint.h>

#include <DriverKit/IOBufferMemoryDescriptor.h>

#include <opendext/toolkit/bytes.h>

namespace opendext::toolkit {

/// Room for one descriptor of a pool. Whoever took it off a stack has it alone; `next` is the stack's.
struct PoolSlot {
    IOBufferMemoryDescriptor *descriptor;  // +1; NULL before it is made
    uint8_t *data;
    uint64_t length;  // as SetLength was told last
    uint32_t next;    // number of the slot below; 0 at the bottom
};

/// A stack of slots without a lock: last in, first out, so that what is lent is warm in the cache. Slots have numbers
/// from 1; 0 is none. All zero bytes are an empty stack. Any thread.
class SlotStack {
public:
    /// @return false when the stack is closed.
    [[nodiscard]] bool Push(PoolSlot *slots, uint32_t number) {
        uint64_t head = __atomic_load_n(&head_, __ATOMIC_RELAXED);
        do {
            if (TopOf(head) == kClosed) {
                return false;
            }
            __atomic_store_n(&slots[number - 1].next, TopOf(head), __ATOMIC_RELAXED);
        } while (!Replace(&head, number, __ATOMIC_RELEASE));
        return true;
    }

    /// @return 0 when the stack is empty or closed.
    [[nodiscard]] uint32_t Pop(PoolSlot *slots) {
        uint64_t head = __atomic_load_n(&head_, __ATOMIC_ACQUIRE);
        uint32_t next = 0;
        do {
            if (TopOf(head) == 0 || TopOf(head) == kClosed) {
                return 0;
            }
            next = __atomic_load_n(&slots[TopOf(head) - 1].next, __ATOMIC_RELAXED);
        } while (!Replace(&head, next, __ATOMIC_ACQ_REL));
        return TopOf(head);
    }

    /// Nothing is pushed any more. @return the top; the caller has all slots below it too, by their `next`.
    [[nodiscard]] uint32_t Close() {
        return TopOf(__atomic_exchange_n(&head_, kClosed, __ATOMIC_ACQ_REL));
    }

private:
    static constexpr uint32_t kClosed = 0xffffffff;
    static constexpr uint64_t kOneChange = 1ULL << 32;

    static uint32_t TopOf(uint64_t head) { return static_cast<uint32_t>(head); }

    // The upper half counts changes: a slot that went and came back meanwhile is noticed.
    bool Replace(uint64_t *head, uint32_t top, int order) {
        const uint64_t changes = (*head & ~uint64_t{kClosed}) + kOneChange;
        return __atomic_compare_exchange_n(
            &head_, head, changes | top, true, order,
            order == __ATOMIC_RELEASE ? __ATOMIC_RELAXED : __ATOMIC_ACQUIRE);
    }

    uint64_t head_;
};

}  // namespace opendext::toolkit

#endif
