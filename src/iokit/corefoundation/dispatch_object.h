// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <dispatch/dispatch.h>

#include <atomic>

namespace opendext::cf {

// What dispatch_retain and dispatch_release count. The public pointers are these pointers.
class DispatchObject {
public:
    DispatchObject(const DispatchObject &) = delete;
    DispatchObject &operator=(const DispatchObject &) = delete;

    void Retain() { references_.fetch_add(1, std::memory_order_relaxed); }
    void Release() {
        if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
            Destroy();
        }
    }

protected:
    DispatchObject() = default;
    virtual ~DispatchObject() = default;
    // The last reference is gone.
    virtual void Destroy() { delete this; }

private:
    std::atomic<int> references_ = 1;
};

}  // namespace opendext::cf
