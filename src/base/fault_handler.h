// SPDX-License-Identifier: Apache-2.0
/// @file fault_handler.h
/// The one handler of this process for memory faults (SIGSEGV, SIGBUS): who knows of some asks to look at each.
#pragma once

#include <csignal>
#include <cstdint>

namespace opendext {

/// Who looks, in this order.
enum class FaultLooker : uint8_t {
    kWriteGate,  ///< A write that has to wait for a moment: also that of a copy.
    kCopy,       ///< A copy that may fail.
    kCutFile,    ///< A page that its file no longer has.
    kReport,     ///< A driver's mistake that can be explained.
};
inline constexpr int kNumFaultLookers = 4;

/// Runs in the handler, so that it calls nothing that a handler may not; errno is kept for it.
/// @return whether the fault is dealt with: the instruction runs again, or another that `context` says.
using FaultLook = bool (*)(int signal, const siginfo_t &info, void *context);

/// From now on `look` sees every fault that none before it has dealt with. What nobody has goes to the handler that was there
/// before. Installs the handler, and again when somebody replaced it: a fifth of a microsecond. Any thread.
void LookAtFaults(FaultLooker who, FaultLook look);

}  // namespace opendext
