// SPDX-License-Identifier: Apache-2.0
/// @file os/workgroup.h
/// Work groups: threads that work for the same deadlines. A thread that has joined is scheduled by SCHED_FIFO where the
/// system permits it, else as before, which the log tells once. For applications. Any thread.
#ifndef OPENDEXT_OS_WORKGROUP_H
#define OPENDEXT_OS_WORKGROUP_H

#include <mach/mach_types.h>
#include <os/object.h>
#include <stdbool.h>
#include <stdint.h>

/// A work group; freed with os_release.
typedef struct os_workgroup_s *os_workgroup_t;
/// One whose threads work in parallel.
typedef os_workgroup_t os_workgroup_parallel_t;

/// Reserved for attributes; NULL is the default.
typedef struct os_workgroup_attr_opaque_s {
    uint32_t sig;
    char opaque[60];
} os_workgroup_attr_s, *os_workgroup_attr_t;
#define _OS_WORKGROUP_ATTR_SIG_DEFAULT_INIT 0x2FA863B4
#define OS_WORKGROUP_ATTR_INITIALIZER_DEFAULT {.sig = _OS_WORKGROUP_ATTR_SIG_DEFAULT_INIT}

/// A thread's membership, from os_workgroup_join to os_workgroup_leave.
typedef struct os_workgroup_join_token_opaque_s {
    uint32_t sig;
    char opaque[36];
} os_workgroup_join_token_s, *os_workgroup_join_token_t;

typedef struct os_workgroup_max_parallel_threads_attr_s os_workgroup_mpt_attr_s;
typedef os_workgroup_mpt_attr_s *os_workgroup_mpt_attr_t;

typedef uint32_t os_workgroup_index;
typedef void (*os_workgroup_working_arena_destructor_t)(void *arena);

#ifdef __cplusplus
extern "C" {
#endif

/// A new work group. @param name may be NULL. @param attr NULL or OS_WORKGROUP_ATTR_INITIALIZER_DEFAULT.
/// @return NULL with errno EINVAL or ENOMEM.
os_workgroup_parallel_t os_workgroup_parallel_create(const char *name, os_workgroup_attr_t attr);

/// A name for the work group, to be given to a driver (IOConnectTrap3 with index 1) or to
/// os_workgroup_create_with_port. Released with IOObjectRelease. @return 0 or EINVAL.
int os_workgroup_copy_port(os_workgroup_t wg, mach_port_t *port);

/// The work group that `port` names; NULL for another. Cancelling one cancels the other.
os_workgroup_t os_workgroup_create_with_port(const char *name, mach_port_t port);

/// The same work group with members and an arena of its own.
os_workgroup_t os_workgroup_create_with_workgroup(const char *name, os_workgroup_t wg);

/// The calling thread joins. @return 0, EALREADY when it is in a work group, EINVAL when `wg` is cancelled.
int os_workgroup_join(os_workgroup_t wg, os_workgroup_join_token_t token);
/// The thread that joined with `token` leaves. Another thread, or another token, ends the process, as on a Mac.
void os_workgroup_leave(os_workgroup_t wg, os_workgroup_join_token_t token);

/// Memory for the threads of the group: at most `maxWorkers` use it, by index. `destructor` runs for the arena when
/// another is set and no thread uses it, or with the last reference. @return 0, EBUSY while threads are members.
int os_workgroup_set_working_arena(os_workgroup_t wg, void *arena, uint32_t maxWorkers,
                                   os_workgroup_working_arena_destructor_t destructor);
/// The arena, and which of its parts belongs to the calling member. NULL when there is none, or for who is no member.
void *os_workgroup_get_working_arena(os_workgroup_t wg, os_workgroup_index *index);

/// The work is to end: nobody joins any more, and members see it.
void os_workgroup_cancel(os_workgroup_t wg);
/// Whether it has been cancelled, by this process or by another that has it.
bool os_workgroup_testcancel(os_workgroup_t wg);

/// How many threads of the group can run at the same time: the processors that the process may use.
int os_workgroup_max_parallel_threads(os_workgroup_t wg, os_workgroup_mpt_attr_t attr);

#ifdef __cplusplus
}
#endif

#endif
