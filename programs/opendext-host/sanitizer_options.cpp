// SPDX-License-Identifier: Apache-2.0
// What AddressSanitizer must not report in a driver's process. Without the sanitizer nobody calls this.

// The sanitizer's own name for it.
// NOLINTNEXTLINE(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)
extern "C" const char *__asan_default_options();

const char *__asan_default_options() {
    // A driver may free with IOFree what it has from new, and the other way round: in DriverKit both are malloc.
    return "alloc_dealloc_mismatch=0";
}
