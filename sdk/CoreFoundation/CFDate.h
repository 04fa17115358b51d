// SPDX-License-Identifier: Apache-2.0
/// @file CFDate.h
/// Wall-clock time as CoreFoundation counts it.
#ifndef OPENDEXT_COREFOUNDATION_CFDATE_H
#define OPENDEXT_COREFOUNDATION_CFDATE_H

#include <CoreFoundation/CFBase.h>

CF_EXTERN_C_BEGIN

/// A length of time in seconds.
typedef double CFTimeInterval;

/// Seconds since 1 January 2001, 00:00 UTC.
typedef CFTimeInterval CFAbsoluteTime;

/// Seconds from 1 January 1970 to 1 January 2001: add it to a CFAbsoluteTime for Unix time.
CF_EXPORT const CFTimeInterval kCFAbsoluteTimeIntervalSince1970;
/// Seconds from 1 January 1904 to 1 January 2001.
CF_EXPORT const CFTimeInterval kCFAbsoluteTimeIntervalSince1904;

/// The time now. It follows the system clock, so it may step when that is set. Any thread.
CF_EXPORT CFAbsoluteTime CFAbsoluteTimeGetCurrent(void);

CF_EXTERN_C_END

#endif
