// SPDX-License-Identifier: Apache-2.0
/// @file os/log.h
/// Log lines of drivers and applications. They go to the standard error stream, or to whatever the program
/// installed instead (a driver's host forwards them to the registry). Formats are those of printf, and the
/// privacy notes of the original (`%{public}s`, `%{private}d`) are read and have no effect; `%@` prints the
/// address. The compiler checks formats but for the types of their arguments (with 'opendext build'): `%llu` and
/// uint64_t have to fit each other here too.
/// A line is at most 4095 bytes; the rest is cut off. Any thread.
#ifndef OPENDEXT_OS_LOG_H
#define OPENDEXT_OS_LOG_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Where lines belong: a subsystem and a category. Never released.
typedef struct os_log_s *os_log_t;

typedef uint8_t os_log_type_t;
enum {
    OS_LOG_TYPE_DEFAULT = 0x00,
    OS_LOG_TYPE_INFO = 0x01,
    OS_LOG_TYPE_DEBUG = 0x02,
    OS_LOG_TYPE_ERROR = 0x10,
    OS_LOG_TYPE_FAULT = 0x11,
};

extern struct os_log_s _os_log_default;
extern struct os_log_s _os_log_disabled;

/// The log without subsystem and category.
#define OS_LOG_DEFAULT (&_os_log_default)
/// The log that drops every line.
#define OS_LOG_DISABLED (&_os_log_disabled)

/// The log of that subsystem and category: the same one for the same names. Names are copied.
/// @return never NULL; OS_LOG_DEFAULT when memory is short.
os_log_t os_log_create(const char *subsystem, const char *category);

/// True when lines of that type are kept.
bool os_log_type_enabled(os_log_t log, os_log_type_t type);

/// The function under the macros below. A NULL log is OS_LOG_DEFAULT.
void _os_log_line(os_log_t log, os_log_type_t type, const char *format, ...)
    __attribute__((format(os_log, 3, 4)));

#define os_log_with_type(log, type, ...) _os_log_line((log), (type), __VA_ARGS__)
#define os_log(log, ...) _os_log_line((log), OS_LOG_TYPE_DEFAULT, __VA_ARGS__)
#define os_log_info(log, ...) _os_log_line((log), OS_LOG_TYPE_INFO, __VA_ARGS__)
#define os_log_debug(log, ...) _os_log_line((log), OS_LOG_TYPE_DEBUG, __VA_ARGS__)
#define os_log_error(log, ...) _os_log_line((log), OS_LOG_TYPE_ERROR, __VA_ARGS__)
#define os_log_fault(log, ...) _os_log_line((log), OS_LOG_TYPE_FAULT, __VA_ARGS__)
#define os_log_info_enabled(log) os_log_type_enabled((log), OS_LOG_TYPE_INFO)
#define os_log_debug_enabled(log) os_log_type_enabled((log), OS_LOG_TYPE_DEBUG)

#ifdef __cplusplus
}
#endif

#endif
