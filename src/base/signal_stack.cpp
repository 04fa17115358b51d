// SPDX-License-Identifier: Apache-2.0
#include "base/signal_stack.h"

#include <csignal>
#include <utility>

namespace opendext {

namespace {

constexpr size_t kNumBytes = size_t{64} * 1024;

}  // namespace

SignalStack::SignalStack() {
    stack_t present = {};
    if (sigaltstack(nullptr, &present) != 0 || (present.ss_flags & SS_DISABLE) == 0) {
        return;
    }
    auto memory = MappedRegion::MapAnonymous(kNumBytes);
    if (!memory) {
        return;
    }
    stack_t ours = {};
    ours.ss_sp = memory->data();
    ours.ss_size = memory->num_bytes();
    if (sigaltstack(&ours, nullptr) == 0) {
        memory_ = *std::move(memory);
    }
}

SignalStack::~SignalStack() {
    if (memory_.is_mapped()) {
        stack_t none = {};
        none.ss_flags = SS_DISABLE;
        sigaltstack(&none, nullptr);
    }
}

}  // namespace opendext
