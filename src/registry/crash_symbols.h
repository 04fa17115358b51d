// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace opendext::registry {

/// A crash report as a driver process wrote it (host/crash_report.h), with names: one function a line, as
/// "FUNCTION at FILE:LINE" where the image has debug information and llvm-symbolizer-19 is installed, functions
/// that the compiler has put into others included, else as "FUNCTION in IMAGE". A line that is repeated is counted.
/// Lines that are no frames stay as they are. Runs a program, and waits for it.
[[nodiscard]] std::string SymbolizeCrashReport(const std::string &report);

/// Logs what SymbolizeCrashReport made, a line for each frame.
void LogBacktrace(std::string_view backtrace);

}  // namespace opendext::registry
