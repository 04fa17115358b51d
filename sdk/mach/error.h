// SPDX-License-Identifier: Apache-2.0
/// @file mach/error.h
/// Layout of a kern_return_t: 6 bits of system, 12 bits of subsystem, 14 bits of code, from the top.
#ifndef OPENDEXT_MACH_ERROR_H
#define OPENDEXT_MACH_ERROR_H

#include <mach/kern_return.h>

typedef kern_return_t mach_error_t;

#define err_none ((mach_error_t)0)
#define ERR_SUCCESS ((mach_error_t)0)

/// The system part of a code.
#define err_system(x) ((signed)((((unsigned)(x)) & 0x3fU) << 26))
/// The subsystem part of a code.
#define err_sub(x) (((x) & 0xfff) << 14)

/// The system number of an error, 0 to 63; 0x38 is IOKit.
#define err_get_system(err) (((err) >> 26) & 0x3f)
/// The subsystem number of an error, 0 to 4095.
#define err_get_sub(err) (((err) >> 14) & 0xfff)
/// The code of an error, 0 to 16383.
#define err_get_code(err) ((err) & 0x3fff)

#define err_max_system 0x3f
#define system_emask (err_system(err_max_system))
#define sub_emask (err_sub(0xfff))
#define code_emask (0x3fff)

/// Systems that number their errors themselves.
#define err_kern err_system(0x0)
#define err_us err_system(0x1)
#define err_server err_system(0x2)
#define err_ipc err_system(0x3)
#define err_mach_ipc err_system(0x4)
#define err_local err_system(0x3e)

#endif
