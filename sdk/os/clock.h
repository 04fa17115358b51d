// SPDX-License-Identifier: Apache-2.0
/// @file os/clock.h
/// Clocks that waits name.
#ifndef OPENDEXT_OS_CLOCK_H
#define OPENDEXT_OS_CLOCK_H

#include <stdint.h>

typedef uint32_t os_clockid_t;

enum {
    OS_CLOCK_MACH_ABSOLUTE_TIME = 32,  ///< mach_absolute_time.
};

#endif
