// SPDX-License-Identifier: Apache-2.0
/// @file mach.h
/// The part of the Mach interface that clients of IOKit name.
#ifndef OPENDEXT_MACH_MACH_H
#define OPENDEXT_MACH_MACH_H

#include <mach/error.h>
#include <mach/kern_return.h>
#include <mach/mach_error.h>
#include <mach/mach_init.h>
#include <mach/mach_time.h>
#include <mach/mach_types.h>
#include <mach/port.h>
#include <mach/vm_map.h>

#endif
