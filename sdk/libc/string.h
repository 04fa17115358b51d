// SPDX-License-Identifier: Apache-2.0
/// @file string.h
/// The C library's <string.h>, with strlcpy and strlcat where it lacks them.
#include_next <string.h>

#ifndef OPENDEXT_LIBC_STRING_H
#define OPENDEXT_LIBC_STRING_H

#include <strings.h>

#if !defined(__GLIBC__) || !__GLIBC_PREREQ(2, 38)
#ifdef __cplusplus
extern "C" {
#endif

/// Copies `source` into `size` bytes, cut off where it does not fit, always terminated unless `size` is 0.
/// @return the length of `source`; `size` or more means that it was cut off.
size_t strlcpy(char *destination, const char *source, size_t size);

/// Appends `source` to the string in `size` bytes, by the rules of strlcpy.
/// @return the length that the whole string would have.
size_t strlcat(char *destination, const char *source, size_t size);

#ifdef __cplusplus
}
#endif
#endif

#endif
