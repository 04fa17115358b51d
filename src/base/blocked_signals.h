// SPDX-License-Identifier: Apache-2.0
/// @file blocked_signals.h
/// Threads of ours that the process's signal handlers do not run on.
#pragma once

#include <csignal>

namespace opendext {

/// Blocks signals on this thread while it lives; a thread that is started meanwhile keeps them blocked. Those that
/// a process handles must not run on a thread that it does not know of. Faults stay: where they are blocked, the
/// kernel ends the process without its crash handler.
class BlockedSignals {
public:
    BlockedSignals() {
        sigset_t blocked;
        sigfillset(&blocked);
        for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS}) {
            sigdelset(&blocked, fault);
        }
        pthread_sigmask(SIG_SETMASK, &blocked, &previous_);
    }
    ~BlockedSignals() { pthread_sigmask(SIG_SETMASK, &previous_, nullptr); }
    BlockedSignals(const BlockedSignals &) = delete;
    BlockedSignals &operator=(const BlockedSignals &) = delete;

private:
    sigset_t previous_;
};

}  // namespace opendext
