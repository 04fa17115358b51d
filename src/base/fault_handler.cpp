// SPDX-License-Identifier: Apache-2.0
#include "base/fault_handler.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <mutex>

namespace opendext {

namespace {

/// A handler that was there before ours.
struct Previous {
    int signal = 0;
    struct sigaction action = {};
};
std::array<Previous, 2> previous_handlers = {Previous{.signal = SIGSEGV},
                                             Previous{.signal = SIGBUS}};
std::mutex installing;
std::array<std::atomic<FaultLook>, kNumFaultLookers> looks;

/// By a process, with kill or raise: no instruction has faulted.
bool WasSent(const siginfo_t &info) {
    return info.si_code <= 0;
}

void PassOn(const Previous &previous, siginfo_t *info, void *context) {
    const struct sigaction &action = previous.action;
    if ((action.sa_flags & SA_SIGINFO) != 0) {
        action.sa_sigaction(previous.signal, info, context);  // may jump out
    } else if (action.sa_handler == SIG_IGN && WasSent(*info)) {
        return;
    } else if (action.sa_handler == SIG_DFL || action.sa_handler == SIG_IGN) {
        // The instruction faults again, and now the process ends of it, as it would have.
        signal(previous.signal, SIG_DFL);
        if (WasSent(*info)) {
            raise(previous.signal);
        }
    } else {
        action.sa_handler(previous.signal);
    }
}

bool IsDealtWith(int signal, const siginfo_t &info, void *context) {
    for (const std::atomic<FaultLook> &each : looks) {
        const FaultLook look = each.load(std::memory_order_acquire);
        if (look != nullptr && look(signal, info, context)) {
            return true;
        }
    }
    return false;
}

void OnFault(int signal, siginfo_t *info, void *context) {
    const int error = errno;
    const bool is_dealt_with = !WasSent(*info) && IsDealtWith(signal, *info, context);
    errno = error;
    if (!is_dealt_with) {
        PassOn(previous_handlers[signal == SIGSEGV ? 0 : 1], info, context);
    }
}

bool IsInstalled(int signal, struct sigaction &now) {
    return sigaction(signal, nullptr, &now) != 0 ||
           ((now.sa_flags & SA_SIGINFO) != 0 && now.sa_sigaction == &OnFault);
}

}  // namespace

void LookAtFaults(FaultLooker who, FaultLook look) {
    std::atomic<FaultLook> &place = looks[static_cast<size_t>(who)];
    if (place.load(std::memory_order_relaxed) != look) {
        place.store(look, std::memory_order_release);
    }
    struct sigaction now = {};
    for (Previous &previous : previous_handlers) {
        if (IsInstalled(previous.signal, now)) {
            continue;
        }
        const std::lock_guard lock(installing);
        if (IsInstalled(previous.signal, now)) {
            continue;
        }
        previous.action = now;
        struct sigaction ours = {};
        ours.sa_sigaction = &OnFault;
        ours.sa_flags = SA_SIGINFO | SA_ONSTACK | (now.sa_flags & SA_NODEFER);
        ours.sa_mask = now.sa_mask;
        sigaction(previous.signal, &ours, nullptr);
    }
}

}  // namespace opendext
