// SPDX-License-Identifier: Apache-2.0
/// @file mach_error.h
/// Texts for result codes.
#ifndef OPENDEXT_MACH_MACH_ERROR_H
#define OPENDEXT_MACH_MACH_ERROR_H

#include <mach/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/// What `error_value` means, in English; "unknown error code" for one that has no text. Static storage.
const char *mach_error_string(mach_error_t error_value);

/// Prints "`str`: MEANING (0xVALUE)" to stderr.
void mach_error(const char *str, mach_error_t error_value);

#ifdef __cplusplus
}
#endif

#endif
