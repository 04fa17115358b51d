// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/mapping.h"

namespace opendext {

/// A stack for signal handlers of the thread that makes it, so that a handler can still run when the thread has
/// overflowed its own. A thread that has one already, as under a sanitizer, keeps it. To be made and destroyed on
/// the same thread; without memory for it the thread goes on without.
class SignalStack {
public:
    SignalStack();
    ~SignalStack();
    SignalStack(const SignalStack &) = delete;
    SignalStack &operator=(const SignalStack &) = delete;

private:
    MappedRegion memory_;
};

}  // namespace opendext
