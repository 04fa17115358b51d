// SPDX-License-Identifier: Apache-2.0
/// @file sys/_types/_uuid_t.h
/// The 16 bytes of a UUID.
#ifndef _UUID_T
#define _UUID_T

typedef unsigned char __darwin_uuid_t[16];
typedef __darwin_uuid_t uuid_t;

#endif
