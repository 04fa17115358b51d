// SPDX-License-Identifier: Apache-2.0
/// @file mach_init.h
/// This process, as IOServiceOpen and IOConnectMapMemory64 name it.
#ifndef OPENDEXT_MACH_MACH_INIT_H
#define OPENDEXT_MACH_MACH_INIT_H

#include <mach/mach_types.h>

#ifdef __cplusplus
extern "C" {
#endif

/// The calling process: the only task that there is a name for.
extern const mach_port_t mach_task_self_;

/// The calling process. Nothing to release.
#define mach_task_self() mach_task_self_

#ifdef __cplusplus
}
#endif

#endif
