// SPDX-License-Identifier: Apache-2.0
#include "runtime/service/panic_logs.h"

namespace opendext::service {

PanicLogs &PanicLogs::Instance() {
    static constinit PanicLogs logs;
    return logs;
}

bool PanicLogs::Add(const PanicLog *log) {
    for (std::atomic<const PanicLog *> &slot : slots_) {
        const PanicLog *expected = nullptr;
        if (slot.compare_exchange_strong(expected, log)) {
            return true;
        }
    }
    return false;
}

void PanicLogs::Remove(const PanicLog *log) {
    for (std::atomic<const PanicLog *> &slot : slots_) {
        const PanicLog *expected = log;
        if (slot.compare_exchange_strong(expected, nullptr)) {
            return;
        }
    }
}

}  // namespace opendext::service
