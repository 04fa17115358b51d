// SPDX-License-Identifier: Apache-2.0
/// @file os/eventlink_private.h
/// Event links: two ends whose threads wake each other; the other end may be an IOEventLink of a driver. For
/// applications. Functions return 0 or an errno. Any thread.
#ifndef OPENDEXT_OS_EVENTLINK_PRIVATE_H
#define OPENDEXT_OS_EVENTLINK_PRIVATE_H

#include <mach/mach_types.h>
#include <os/clock.h>
#include <os/object.h>
#include <stdint.h>

/// One end; freed with os_release, which cancels nothing.
typedef struct os_eventlink_s *os_eventlink_t;

typedef uint64_t os_eventlink_associate_options_t;

enum {
    OS_EVENTLINK_ASSOCIATE_CURRENT_THREAD = 0,  ///< The thread that calls os_eventlink_associate.
    OS_EVENTLINK_ASSOCIATE_ON_WAIT = 0x1,       ///< The first thread that waits.
};

#ifdef __cplusplus
extern "C" {
#endif

/// The first end of a new link. @param name for whoever debugs; may be NULL. @return NULL when memory is short.
os_eventlink_t os_eventlink_create(const char *name);

/// The other end of the link that `port` (of os_eventlink_extract_remote_port, in this process) names; NULL for
/// another.
os_eventlink_t os_eventlink_create_with_port(const char *name, mach_port_t port);

/// The other end of a link, for another thread of this process. NULL unless `eventlink` is the first end and its other
/// end has not been given to anybody.
os_eventlink_t os_eventlink_create_remote_with_eventlink(const char *name,
                                                         os_eventlink_t eventlink);

/// A name for the other end, once, to be given to a driver (IOConnectTrap3 with index 0) or to
/// os_eventlink_create_with_port. Released with IOObjectRelease. @return EINVAL, as for
/// os_eventlink_create_remote_with_eventlink.
int os_eventlink_extract_remote_port(os_eventlink_t eventlink, mach_port_t *port);

/// Starts to use the end; before, the functions below return EINVAL.
int os_eventlink_activate(os_eventlink_t eventlink);

/// Says which thread waits. @return EALREADY when one is associated, EINVAL.
int os_eventlink_associate(os_eventlink_t eventlink, os_eventlink_associate_options_t options);
/// Takes that back. @return EINVAL when none is associated.
int os_eventlink_disassociate(os_eventlink_t eventlink);

/// Wakes the other end. @return ECANCELED once the link is cancelled.
int os_eventlink_signal(os_eventlink_t eventlink);

/// Waits for signals of the other end. @param signals how many came since the last wait; may be NULL.
/// @return EINVAL when another thread or none is associated, ECANCELED.
int os_eventlink_wait(os_eventlink_t eventlink, uint64_t *signals);
/// Waits until the time `timeout` of `clock`. @return ETIMEDOUT, else as os_eventlink_wait.
int os_eventlink_wait_until(os_eventlink_t eventlink, os_clockid_t clock, uint64_t timeout,
                            uint64_t *signals);
/// os_eventlink_signal and then os_eventlink_wait.
int os_eventlink_signal_and_wait(os_eventlink_t eventlink, uint64_t *signals);
/// os_eventlink_signal and then os_eventlink_wait_until.
int os_eventlink_signal_and_wait_until(os_eventlink_t eventlink, os_clockid_t clock,
                                       uint64_t timeout, uint64_t *signals);

/// Ends the link for both sides; whoever waits returns.
int os_eventlink_cancel(os_eventlink_t eventlink);

#ifdef __cplusplus
}
#endif

#endif
