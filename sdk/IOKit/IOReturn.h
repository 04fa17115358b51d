// SPDX-License-Identifier: Apache-2.0
/// @file IOReturn.h
/// Result codes of IOKit, the same as DriverKit's.
#ifndef OPENDEXT_IOKIT_IORETURN_H
#define OPENDEXT_IOKIT_IORETURN_H

#include <DriverKit/IOReturn.h>

#endif
