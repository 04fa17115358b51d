// SPDX-License-Identifier: Apache-2.0
/// @file AvailabilityMacros.h
/// The older spelling of Availability.h.
#ifndef OPENDEXT_LIBC_AVAILABILITYMACROS_H
#define OPENDEXT_LIBC_AVAILABILITYMACROS_H

#include <Availability.h>

#define AVAILABLE_MAC_OS_X_VERSION_10_0_AND_LATER
#define DEPRECATED_ATTRIBUTE __attribute__((deprecated))

#endif
