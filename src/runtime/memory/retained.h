// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include <DriverKit/OSMetaClass.h>

namespace opendext::memory {

struct ReleaseObject {
    void operator()(const OSMetaClassBase *object) const { object->release(); }
};

/// Owns one reference on an object, or none. One thread at a time.
template <typename T>
using Retained = std::unique_ptr<T, ReleaseObject>;

/// A further reference on `object`, which may be NULL.
template <typename T>
[[nodiscard]] Retained<T> Retain(T *object) {
    if (object != nullptr) {
        object->retain();
    }
    return Retained<T>(object);
}

}  // namespace opendext::memory
