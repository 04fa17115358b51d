// SPDX-License-Identifier: Apache-2.0
/// @file CoreFoundation.h
/// All of CoreFoundation that is here, and the C headers that programs expect it to bring along.
#ifndef OPENDEXT_COREFOUNDATION_COREFOUNDATION_H
#define OPENDEXT_COREFOUNDATION_COREFOUNDATION_H

#define __COREFOUNDATION__ 1

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <float.h>
#include <inttypes.h>
#include <limits.h>
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>

#include <CoreFoundation/CFArray.h>
#include <CoreFoundation/CFBase.h>
#include <CoreFoundation/CFData.h>
#include <CoreFoundation/CFDate.h>
#include <CoreFoundation/CFDictionary.h>
#include <CoreFoundation/CFNumber.h>
#include <CoreFoundation/CFRunLoop.h>
#include <CoreFoundation/CFString.h>

#endif
