// SPDX-License-Identifier: Apache-2.0
/// @file mach/vm_types.h
/// Address and size types; all of them are in mach/mach_types.h.
#ifndef OPENDEXT_MACH_VM_TYPES_H
#define OPENDEXT_MACH_VM_TYPES_H

#include <mach/mach_types.h>

#endif
