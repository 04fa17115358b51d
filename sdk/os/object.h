// SPDX-License-Identifier: Apache-2.0
/// @file os/object.h
/// References to the objects of <os/workgroup.h> and <os/eventlink_private.h>. Any thread.
#ifndef OPENDEXT_OS_OBJECT_H
#define OPENDEXT_OS_OBJECT_H

#ifdef __cplusplus
extern "C" {
#endif

/// Adds a reference. @return `object`.
void *os_retain(void *object);

/// Drops a reference; the last one destroys the object.
void os_release(void *object);

#ifdef __cplusplus
}
#endif

#endif
