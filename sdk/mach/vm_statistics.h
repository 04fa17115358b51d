// SPDX-License-Identifier: Apache-2.0
/// @file mach/vm_statistics.h
/// Flags for allocating address space.
#ifndef OPENDEXT_MACH_VM_STATISTICS_H
#define OPENDEXT_MACH_VM_STATISTICS_H

/// At the given address, rounded down to a page, where nothing may be mapped yet.
#define VM_FLAGS_FIXED 0x00000000
/// Wherever there is room; the given address is not looked at.
#define VM_FLAGS_ANYWHERE 0x00000001
/// At random; as VM_FLAGS_ANYWHERE, with which it comes.
#define VM_FLAGS_RANDOM_ADDR 0x00000008
/// A hint that the pages are not needed for long.
#define VM_FLAGS_NO_CACHE 0x00000010
/// With VM_FLAGS_FIXED: what is mapped there goes.
#define VM_FLAGS_OVERWRITE 0x00004000
/// A number that tools show for the memory; it changes nothing.
#define VM_FLAGS_ALIAS_MASK 0xFF000000

/// The flags for the number `tag`.
#define VM_MAKE_TAG(tag) ((tag) << 24)

#define VM_MEMORY_APPLICATION_SPECIFIC_1 240
#define VM_MEMORY_APPLICATION_SPECIFIC_16 255

#endif
