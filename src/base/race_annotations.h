// SPDX-License-Identifier: Apache-2.0
/// @file race_annotations.h
/// Tells ThreadSanitizer where our lock-free code hands things over between threads, when a driver and its tests are
/// instrumented and these libraries are not: it sees no atomics in code that it has not instrumented, and would report what
/// a queue keeps apart. Locks, futures and threads it sees by itself. Without a sanitizer in the program each costs a test of
/// a constant address; in a build that is itself instrumented they are empty.
#pragma once

// The sanitizer's own names.
// NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)
extern "C" {
[[gnu::weak]] void __tsan_acquire(void *address);
[[gnu::weak]] void __tsan_release(void *address);
}

namespace opendext {

/// What this thread has done so far is visible to who calls TakeOver with this address afterwards.
inline void HandOver(const void *address) {
#if !__has_feature(thread_sanitizer)
    if (__tsan_release != nullptr) [[unlikely]] {
        __tsan_release(const_cast<void *>(address));
    }
#else
    static_cast<void>(address);
#endif
}

/// The other side of HandOver.
inline void TakeOver(const void *address) {
#if !__has_feature(thread_sanitizer)
    if (__tsan_acquire != nullptr) [[unlikely]] {
        __tsan_acquire(const_cast<void *>(address));
    }
#else
    static_cast<void>(address);
#endif
}
// NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)

}  // namespace opendext
