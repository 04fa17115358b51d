// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CoreFoundation/CFBase.h>

#include <string>

#include "iokit/corefoundation/object.h"

// What collections share: the callbacks for objects, and calls through callbacks that may be NULL. A
// `Callbacks` has `retain`, `release`, `equal` and `copyDescription`, as the public structs do.
namespace opendext::cf {

const void *RetainObject(CFAllocatorRef allocator, const void *object);
void ReleaseObject(CFAllocatorRef allocator, const void *object);
CFStringRef DescribeObject(const void *object);
Boolean EqualObjects(const void *left, const void *right);
CFHashCode HashObject(const void *object);

template <typename Callbacks>
const void *RetainValue(const Callbacks &callbacks, const void *value) {
    return callbacks.retain != nullptr ? callbacks.retain(kCFAllocatorDefault, value) : value;
}

template <typename Callbacks>
void ReleaseValue(const Callbacks &callbacks, const void *value) {
    if (callbacks.release != nullptr) {
        callbacks.release(kCFAllocatorDefault, value);
    }
}

template <typename Callbacks>
bool EqualValues(const Callbacks &callbacks, const void *left, const void *right) {
    return left == right || (callbacks.equal != nullptr && callbacks.equal(left, right) != 0);
}

// UTF-8 of what `copy_description` says of the value, or its address.
std::string DescribeValue(CFStringRef (*copy_description)(const void *value), const void *value);

// A copy of the caller's callbacks; all NULL if there are none. Aborts unless their version is 0.
template <typename Callbacks>
Callbacks CopyCallbacks(const char *function, const Callbacks *callbacks) {
    if (callbacks == nullptr) {
        return {};
    }
    if (callbacks->version != 0) {
        Misuse(function, "callbacks have version {}; only 0 is known", callbacks->version);
    }
    return *callbacks;
}

}  // namespace opendext::cf
