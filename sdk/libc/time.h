// SPDX-License-Identifier: Apache-2.0
/// @file time.h
/// The C library's <time.h>, with the clock names and clock_gettime_nsec_np of the original.
#ifndef OPENDEXT_LIBC_TIME_H_SEEN
#include_next <time.h>
#endif

// The C library asks for parts of <time.h> under __need_ macros; those passes declare nothing of ours.
#if !defined(OPENDEXT_LIBC_TIME_H_SEEN) && defined(CLOCK_MONOTONIC)
#define OPENDEXT_LIBC_TIME_H_SEEN 1

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Nanoseconds of uptime: stops while the machine sleeps; equals mach_absolute_time().
#ifndef CLOCK_UPTIME_RAW
#define CLOCK_UPTIME_RAW CLOCK_MONOTONIC
#endif
#ifndef CLOCK_UPTIME_RAW_APPROX
#define CLOCK_UPTIME_RAW_APPROX CLOCK_MONOTONIC_COARSE
#endif

/// Nanoseconds of a clock. CLOCK_UPTIME_RAW is uptime; CLOCK_MONOTONIC_RAW is continuous time, which goes on
/// while the machine sleeps; CLOCK_REALTIME counts from 1970; others are the C library's clocks.
/// Any thread. @return 0 for an unknown clock, with errno set.
uint64_t clock_gettime_nsec_np(clockid_t clock);

#ifdef __cplusplus
}
#endif

#endif
