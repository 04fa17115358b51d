// SPDX-License-Identifier: Apache-2.0
/// @file driver_images.h
/// Which code of this process is a driver's.
#pragma once

#include <atomic>
#include <cstdint>

namespace opendext::diagnostics {

/// The lowest address of drivers' code and the end of the highest. Both 0: there is none.
struct DriverCodeBounds {
    std::atomic<uintptr_t> start = 0;
    std::atomic<uintptr_t> end = 0;
};
extern DriverCodeBounds driver_code_bounds;

/// The image that holds `address` is a driver's from now on, until RemoveDriverImage. More than 64 at a time are not
/// known as such. Any thread.
void AddDriverImage(const void *address);
void RemoveDriverImage(const void *address);

/// IsDriverCode, within the bounds.
[[nodiscard]] bool IsInDriverImage(uintptr_t address);

/// Whether a driver's code is at `address`: a nanosecond. Any thread, signal handlers too.
[[nodiscard]] inline bool IsDriverCode(uintptr_t address) {
    return address >= driver_code_bounds.start.load(std::memory_order_relaxed) &&
           address < driver_code_bounds.end.load(std::memory_order_relaxed) &&
           IsInDriverImage(address);
}

/// Where an image has code.
struct CodeRange {
    uintptr_t start = 0;
    uintptr_t end = 0;

    [[nodiscard]] bool Holds(uintptr_t address) const { return address >= start && address < end; }
};

/// That of the image that `address` is in; empty when there is none.
[[nodiscard]] CodeRange CodeOfImage(const void *address);

/// Whether there is a driver's code in the process.
[[nodiscard]] inline bool IsAnyDriverLoaded() {
    return driver_code_bounds.end.load(std::memory_order_relaxed) != 0;
}

}  // namespace opendext::diagnostics
