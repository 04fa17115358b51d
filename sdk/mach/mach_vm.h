// SPDX-License-Identifier: Apache-2.0
/// @file mach/mach_vm.h
/// The address space of this process, with addresses of 64 bits. Any thread.
#ifndef OPENDEXT_MACH_MACH_VM_H
#define OPENDEXT_MACH_MACH_VM_H

#include <mach/kern_return.h>
#include <mach/mach_types.h>
#include <mach/vm_statistics.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Zero-filled memory, which a driver can share without anything being moved or copied first. Whole pages.
/// @param target mach_task_self().
/// @param address in: where, unless the flags have VM_FLAGS_ANYWHERE; out: the first page.
/// @param size bytes, rounded up to pages; of 0 nothing is allocated, and *address is 0.
/// @param flags VM_FLAGS_*.
/// @return KERN_NO_SPACE (no room, or the pages are taken), KERN_INVALID_ADDRESS (a fixed range that overflows or
/// is not the application's to use), KERN_INVALID_ARGUMENT (another task, unknown flags, a size that overflows).
kern_return_t mach_vm_allocate(vm_map_t target, mach_vm_address_t *address, mach_vm_size_t size,
                               int flags);

/// Takes away whatever is mapped in the pages of the range: what was allocated here, or came as the output of a
/// call with kIOConnectMethodVarOutputSize. Pages with nothing in them are no error.
/// @return KERN_INVALID_ARGUMENT (another task, a range that overflows).
kern_return_t mach_vm_deallocate(vm_map_t target, mach_vm_address_t address, mach_vm_size_t size);

#ifdef __cplusplus
}
#endif

#endif
