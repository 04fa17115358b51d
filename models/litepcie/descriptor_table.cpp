// SPDX-License-Identifier: Apache-2.0
#include "models/litepcie/descriptor_table.h"

namespace opendext::models::litepcie {

void DescriptorTable::Push(Descriptor descriptor) {
    if (level_ == kTableDepth) {
        return;
    }
    descriptor.is_first = level_ == 0;
    entries_[(front_ + level_) % kTableDepth] = descriptor;
    ++level_;
}

void DescriptorTable::Consume(bool loops) {
    const Descriptor executed = entries_[front_];
    front_ = (front_ + 1) % kTableDepth;
    --level_;
    if (loops) {
        entries_[(front_ + level_) % kTableDepth] = executed;
        ++level_;
    }
    CountExecuted(loops && executed.is_first);
}

void DescriptorTable::CountExecuted(bool begins_loop) {
    if (begins_loop) {
        loop_index_ = 0;
        // The first descriptor of the first loop is (0, 0), as nothing executed at all is.
        loop_count_ = static_cast<uint16_t>(loop_count_ + (is_first_loop_ ? 0 : 1));
        is_first_loop_ = false;
        return;
    }
    if (loop_index_ == 0xFFFF) {
        ++loop_count_;
    }
    ++loop_index_;
}

}  // namespace opendext::models::litepcie
