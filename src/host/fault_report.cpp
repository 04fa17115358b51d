// SPDX-License-Identifier: Apache-2.0
#include "host/fault_report.h"

#include <csignal>
#include <cstdint>

#include "base/fault_handler.h"
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

// What explains a fault may fault itself; and one fault is explained once.
thread_local bool is_explaining = false;
thread_local bool has_explained = false;

// What it finds is an access of a driver's own code: no lock of the runtime or of the C library is held there, and the
// process is about to end, so the report may do what a handler otherwise may not.
bool Explain(const siginfo_t &info, const void *context) {
    const auto address = reinterpret_cast<uintptr_t>(info.si_addr);
    const auto place = diagnostics::CallSite::OfDriverAt(context);
    return object::ReportFreedObjectFault(address, place) ||
           memory::ReportReadOnlyFault(address, place);
}

// The fault stays one: whoever was there before sees it.
bool LookAtFault(int /*signal*/, const siginfo_t &info, void *context) {
    if (info.si_code > 0 && !is_explaining && !has_explained) {
        is_explaining = true;
        has_explained = Explain(info, context);
        is_explaining = false;
    }
    return false;
}

bool Install() {
    LookAtFaults(FaultLooker::kReport, &LookAtFault);
    return true;
}

}  // namespace

void InstallFaultReport() {
    [[maybe_unused]] static const bool is_installed = kCanReport && Install();
}

}  // namespace opendext::host
