// SPDX-License-Identifier: Apache-2.0
/// @file os_log.h
/// Where the lines of <os/log.h> go: one sink per process. The default one writes
/// "DATE TIME NAME[PID] <type> [subsystem:category] message" to stderr, one write per line.
#pragma once

#include <cstdarg>
#include <cstdint>
#include <functional>
#include <string_view>

#include <os/log.h>

namespace opendext {

/// One line. Everything is borrowed for the call.
struct OsLogLine {
    os_log_type_t type = OS_LOG_TYPE_DEFAULT;
    std::string_view subsystem;  ///< Empty for OS_LOG_DEFAULT.
    std::string_view category;
    std::string_view message;  ///< Formatted, without newline, at most 4095 bytes.
};

/// Receives each line on the thread that logs, with no lock held; calls may overlap. It must not throw.
using OsLogSink = std::function<void(const OsLogLine &line)>;

/// Replaces the sink; an empty one restores the default. A call of the old sink may still be running when this
/// returns: let the sink own what it uses. Any thread.
void SetOsLogSink(OsLogSink sink);

/// The default sink's work.
void WriteOsLogLineToStderr(const OsLogLine &line);

/// "default", "info", "debug", "error" or "fault".
[[nodiscard]] std::string_view OsLogTypeName(os_log_type_t type);

/// What is under os_log: formats and passes the line to the sink. @return the message's length in bytes.
int WriteOsLogLine(os_log_t log, os_log_type_t type, const char *format, va_list arguments);

}  // namespace opendext
