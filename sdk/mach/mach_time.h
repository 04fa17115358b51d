// SPDX-License-Identifier: Apache-2.0
/// @file mach/mach_time.h
/// Machine time. One tick is one nanosecond (timebase 1/1), so ticks and nanoseconds are the same number.
/// Uptime is the system's CLOCK_MONOTONIC, which stops while the machine sleeps; continuous time is
/// CLOCK_BOOTTIME, which does not. Any thread; never fails.
#ifndef OPENDEXT_MACH_MACH_TIME_H
#define OPENDEXT_MACH_MACH_TIME_H

#include <stdint.h>

#include <mach/kern_return.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Nanoseconds are `ticks * numer / denom`.
struct mach_timebase_info {
    uint32_t numer;
    uint32_t denom;
};
typedef struct mach_timebase_info *mach_timebase_info_t;
typedef struct mach_timebase_info mach_timebase_info_data_t;

/// Fills in 1/1. @return KERN_SUCCESS; KERN_INVALID_ARGUMENT for NULL.
kern_return_t mach_timebase_info(mach_timebase_info_t info);

/// Ticks of uptime.
uint64_t mach_absolute_time(void);
/// As mach_absolute_time.
uint64_t mach_approximate_time(void);
/// Ticks of continuous time.
uint64_t mach_continuous_time(void);
/// As mach_continuous_time.
uint64_t mach_continuous_approximate_time(void);

/// Blocks until mach_absolute_time() has reached `deadline`. @return KERN_SUCCESS.
kern_return_t mach_wait_until(uint64_t deadline);

#ifdef __cplusplus
}
#endif

#endif
