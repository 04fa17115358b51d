// SPDX-License-Identifier: Apache-2.0
/// @file mach/port.h
/// Port names; all of them are in mach/mach_types.h.
#ifndef OPENDEXT_MACH_PORT_H
#define OPENDEXT_MACH_PORT_H

#include <mach/mach_types.h>

#endif
