// SPDX-License-Identifier: Apache-2.0
/// @file log.h
/// Our own diagnostics: one line each, to one sink. (What drivers log with os_log goes another way.)
/// A message names the object, the value and the limit, and says what to do about it.
///
/// The default sink writes "opendext: MESSAGE", "opendext: warning: MESSAGE" or "opendext: error: MESSAGE" to
/// stderr, with one write per line. Any thread may log at any time, also while the sink is being replaced.
#pragma once

#include <functional>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace opendext {

enum class LogLevel {
    kDebug,    ///< For who works on OpenDext.
    kInfo,     ///< What happened, and all is well.
    kWarning,  ///< Something is wrong, and the work goes on.
    kError,    ///< Something could not be done.
};

/// "debug", "info", "warning" or "error".
[[nodiscard]] std::string_view LogLevelName(LogLevel level);

/// Receives each line, without prefix and newline. Called on the thread that logs, with no lock held; calls
/// may overlap. It must not throw.
using LogSink = std::function<void(LogLevel level, std::string_view line)>;

/// Replaces the sink; an empty one restores the default. Calls of the old sink may still be running on other
/// threads when this returns: let the sink own what it uses.
void SetLogSink(LogSink sink);

/// Lines below `level` are dropped. At start it is kInfo, or what the environment variable OPENDEXT_LOG
/// names (debug, info, warning, error).
void SetLogLevel(LogLevel level);

/// Whether a line of that level would reach the sink.
[[nodiscard]] bool LogIsEnabled(LogLevel level);

/// Logs `line`. Control characters (a newline too) become spaces, so that one message stays one line.
void LogLine(LogLevel level, std::string_view line);

/// The default sink's work, for sinks that add to it.
void WriteLogLineToStderr(LogLevel level, std::string_view line);

/// As LogLine, formatted by fmt; formats only if the level is enabled.
template <typename... Args>
void Log(LogLevel level, fmt::format_string<Args...> format, Args &&...args) {
    if (LogIsEnabled(level)) {
        LogLine(level, fmt::format(format, std::forward<Args>(args)...));
    }
}

template <typename... Args>
void LogDebug(fmt::format_string<Args...> format, Args &&...args) {
    Log(LogLevel::kDebug, format, std::forward<Args>(args)...);
}

template <typename... Args>
void LogInfo(fmt::format_string<Args...> format, Args &&...args) {
    Log(LogLevel::kInfo, format, std::forward<Args>(args)...);
}

template <typename... Args>
void LogWarning(fmt::format_string<Args...> format, Args &&...args) {
    Log(LogLevel::kWarning, format, std::forward<Args>(args)...);
}

template <typename... Args>
void LogError(fmt::format_string<Args...> format, Args &&...args) {
    Log(LogLevel::kError, format, std::forward<Args>(args)...);
}

}  // namespace opendext
