// SPDX-License-Identifier: Apache-2.0
#include "channel/memory/fault_handler.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <csignal>
#include <mutex>

// Of CopyBytes: the one instruction that may fault, and the one after it.
extern "C" const char opendext_copy_instruction[];  // NOLINT(readability-identifier-naming)
extern "C" const char opendext_copy_end[];          // NOLINT(readability-identifier-naming)

namespace opendext::channel {

namespace {

/// A handler that was there before ours.
struct Previous {
    int signal = 0;
    struct sigaction action = {};
};
std::array<Previous, 2> previous_handlers = {Previous{.signal = SIGSEGV},
                                             Previous{.signal = SIGBUS}};
std::mutex installing;

void PassOn(const Previous &previous, siginfo_t *info, void *context) {
    const struct sigaction &action = previous.action;
    if ((action.sa_flags & SA_SIGINFO) != 0) {
        action.sa_sigaction(previous.signal, info, context);
    } else if (action.sa_handler == SIG_DFL || action.sa_handler == SIG_IGN) {
        // The instruction faults again, and now the process ends of it, as it would have.
        signal(previous.signal, SIG_DFL);
    } else {
        action.sa_handler(previous.signal);
    }
}

// The range whose writers wait; start and end are 0 when there is none.
std::atomic<uint64_t> gate_start = 0;
std::atomic<uint64_t> gate_end = 0;
std::atomic<uint32_t> num_openings = 0;

// A thread may get to the handler only when the gate has opened again: its write is tried once more. A fault of another
// kind comes back, and is passed on after that many since the gate was closed last.
constexpr uint32_t kMostRetries = 64;
std::atomic<uint32_t> num_retries = kMostRetries;

bool MayBeLate() {
    return num_retries.load() < kMostRetries && num_retries.fetch_add(1) < kMostRetries;
}

/// @return false when the fault is not of a write that is held up.
bool WaitAtGate(int signal, const siginfo_t &info) {
    const uint32_t before = num_openings.load();
    const auto address = reinterpret_cast<uint64_t>(info.si_addr);
    if (signal != SIGSEGV || info.si_code != SEGV_ACCERR) {
        return false;
    }
    if (address < gate_start.load() || address >= gate_end.load()) {
        return MayBeLate();
    }
    while (num_openings.load() == before) {
        syscall(SYS_futex, &num_openings, FUTEX_WAIT_PRIVATE, before, nullptr, nullptr, 0);
    }
    return true;
}

bool SkipCopy(void *context) {
#if defined(__x86_64__)
    auto &instruction = static_cast<ucontext_t *>(context)->uc_mcontext.gregs[REG_RIP];
    if (instruction == reinterpret_cast<greg_t>(&opendext_copy_instruction)) {
        instruction = reinterpret_cast<greg_t>(&opendext_copy_end);  // RCX says what is left
        return true;
    }
#else
    (void)context;
#endif
    return false;
}

void OnFault(int signal, siginfo_t *info, void *context) {
    const int error = errno;
    const bool is_ours = SkipCopy(context) || WaitAtGate(signal, *info);
    errno = error;
    if (is_ours) {
        return;
    }
    PassOn(previous_handlers[signal == SIGSEGV ? 0 : 1], info, context);
}

bool IsInstalled(int signal, struct sigaction &now) {
    return sigaction(signal, nullptr, &now) != 0 ||
           ((now.sa_flags & SA_SIGINFO) != 0 && now.sa_sigaction == &OnFault);
}

}  // namespace

void InstallFaultHandler() {
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

void WriteGate::Close(uint64_t start, uint64_t end) {
    num_retries.store(0);
    gate_end.store(end);
    gate_start.store(start);
}

void WriteGate::Open() {
    gate_start.store(0);
    gate_end.store(0);
    num_openings.fetch_add(1);
    syscall(SYS_futex, &num_openings, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

}  // namespace opendext::channel
