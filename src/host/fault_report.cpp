// SPDX-License-Identifier: Apache-2.0
#include "host/fault_report.h"

#include <array>
#include <csignal>
#include <cstdint>

#include "runtime/diagnostics/call_site.h"
#include "runtime/memory/read_only_mappings.h"
#include "runtime/object/freed_objects.h"

namespace opendext::host {

namespace {

// ThreadSanitizer takes an allocation in a handler for a mistake.
#if __has_feature(thread_sanitizer)
constexpr bool kCanReport = false;
#else
constexpr bool kCanReport = true;
#endif

struct Previous {
    int signal = 0;
    struct sigaction action = {};
};
std::array<Previous, 2> previous_handlers = {Previous{.signal = SIGSEGV},
                                             Previous{.signal = SIGBUS}};

// Handlers that pass on to each other would do so for ever; and one fault is explained once.
thread_local bool is_in_handler = false;
thread_local bool has_explained = false;

void PassOn(const Previous &previous, siginfo_t *info, void *context) {
    const struct sigaction &action = previous.action;
    if ((action.sa_flags & SA_SIGINFO) != 0) {
        action.sa_sigaction(previous.signal, info, context);
    } else if (action.sa_handler == SIG_DFL || action.sa_handler == SIG_IGN) {
        // The instruction faults again, and now the process ends of it, as it would have.
        std::signal(previous.signal, SIG_DFL);
    } else {
        action.sa_handler(previous.signal);
    }
}

// What it finds is an access of a driver's own code: no lock of the runtime or of the C library is held there, and the
// process is about to end, so the report may do what a handler otherwise may not.
bool Explain(const siginfo_t &info, const void *context) {
    const auto address = reinterpret_cast<uintptr_t>(info.si_addr);
    if (info.si_code <= 0) {
        return false;
    }
    const auto place = diagnostics::CallSite::OfDriverAt(context);
    return object::ReportFreedObjectFault(address, place) ||
           memory::ReportReadOnlyFault(address, place);
}

void OnFault(int signal, siginfo_t *info, void *context) {
    const Previous &previous = previous_handlers[signal == SIGSEGV ? 0 : 1];
    if (is_in_handler) {
        std::signal(signal, SIG_DFL);
        return;
    }
    is_in_handler = true;
    if (!has_explained && Explain(*info, context)) {
        has_explained = true;
        // It faults again, and who was there before sees it as if this had not been.
        sigaction(signal, &previous.action, nullptr);
    } else {
        PassOn(previous, info, context);
    }
    is_in_handler = false;
}

bool Install() {
    for (Previous &previous : previous_handlers) {
        if (sigaction(previous.signal, nullptr, &previous.action) != 0) {
            continue;
        }
        struct sigaction ours = {};
        ours.sa_sigaction = &OnFault;
        ours.sa_flags = SA_SIGINFO | SA_ONSTACK | (previous.action.sa_flags & SA_NODEFER);
        ours.sa_mask = previous.action.sa_mask;
        sigaction(previous.signal, &ours, nullptr);
    }
    return true;
}

}  // namespace

void InstallFaultReport() {
    [[maybe_unused]] static const bool is_installed = kCanReport && Install();
}

}  // namespace opendext::host
