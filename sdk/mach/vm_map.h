// SPDX-License-Identifier: Apache-2.0
/// @file mach/vm_map.h
/// The address space of this process, with addresses of its own width. Any thread.
#ifndef OPENDEXT_MACH_VM_MAP_H
#define OPENDEXT_MACH_VM_MAP_H

#include <mach/kern_return.h>
#include <mach/mach_types.h>
#include <mach/vm_statistics.h>

#ifdef __cplusplus
extern "C" {
#endif

/// As mach_vm_allocate.
kern_return_t vm_allocate(vm_map_t target_task, vm_address_t *address, vm_size_t size, int flags);

/// As mach_vm_deallocate.
kern_return_t vm_deallocate(vm_map_t target_task, vm_address_t address, vm_size_t size);

#ifdef __cplusplus
}
#endif

#endif
