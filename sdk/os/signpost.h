// SPDX-License-Identifier: Apache-2.0
/// @file os/signpost.h
/// Marks in time: points, and intervals with a begin and an end. Each is a debug line of its log with the time in
/// nanoseconds, and an end has the length of its interval; `opendext log` shows them. Any thread.
#ifndef OPENDEXT_OS_SIGNPOST_H
#define OPENDEXT_OS_SIGNPOST_H

#include <os/log.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Tells intervals of the same name that overlap from each other.
typedef uint64_t os_signpost_id_t;

#define OS_SIGNPOST_ID_NULL ((os_signpost_id_t)0)
#define OS_SIGNPOST_ID_INVALID ((os_signpost_id_t)~0ULL)
/// For intervals that never overlap.
#define OS_SIGNPOST_ID_EXCLUSIVE ((os_signpost_id_t)0xEEEEB0B5B2B2EEEEULL)

typedef uint8_t os_signpost_type_t;
enum {
    OS_SIGNPOST_EVENT = 0x00,
    OS_SIGNPOST_INTERVAL_BEGIN = 0x01,
    OS_SIGNPOST_INTERVAL_END = 0x02,
};

/// An id that no other signpost of the process has.
os_signpost_id_t os_signpost_id_generate(os_log_t log);
/// The id for an object: the same one for the same pointer.
os_signpost_id_t os_signpost_id_make_with_pointer(os_log_t log, const void *ptr);
/// True when signposts of that log are kept: debug lines are.
bool os_signpost_enabled(os_log_t log);

/// The function under the macros below; a format begins with a blank. Nothing happens for OS_SIGNPOST_ID_NULL and
/// OS_SIGNPOST_ID_INVALID.
void _os_signpost_emit(os_log_t log, os_signpost_type_t type, os_signpost_id_t id, const char *name,
                       const char *format, ...) __attribute__((format(os_log, 5, 6)));

/// A point in time. `name` is a literal; a format and its values may follow.
#define os_signpost_event_emit(log, id, name, ...) \
    _os_signpost_emit((log), OS_SIGNPOST_EVENT, (id), "" name, " " __VA_ARGS__)
/// An interval begins, ...
#define os_signpost_interval_begin(log, id, name, ...) \
    _os_signpost_emit((log), OS_SIGNPOST_INTERVAL_BEGIN, (id), "" name, " " __VA_ARGS__)
/// ... and the one of that log, id and name ends.
#define os_signpost_interval_end(log, id, name, ...) \
    _os_signpost_emit((log), OS_SIGNPOST_INTERVAL_END, (id), "" name, " " __VA_ARGS__)

#ifdef __cplusplus
}
#endif

#endif
