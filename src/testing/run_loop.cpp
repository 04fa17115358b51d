// SPDX-License-Identifier: Apache-2.0
#include "testing/run_loop.h"

#include <chrono>
#include <cstdlib>

#include <CoreFoundation/CFRunLoop.h>

#include "base/interleaver.h"
#include "base/log.h"

namespace opendext::test {

namespace {

constexpr std::chrono::seconds kHangGuard{30};

}  // namespace

IONotificationPortRef MakeLoopPort() {
    const IONotificationPortRef port = IONotificationPortCreate(kIOMainPortDefault);
    if (port == nullptr) {
        LogError("no notification port can be made; is memory short?");
        std::abort();
    }
    CFRunLoopAddSource(CFRunLoopGetCurrent(), IONotificationPortGetRunLoopSource(port),
                       kCFRunLoopDefaultMode);
    return port;
}

bool RunLoopUntil(const std::function<bool()> &condition) {
    const auto end = std::chrono::steady_clock::now() + kHangGuard;
    Interleaver::Rest();
    while (!condition()) {
        const Interleaver::OutsideScope outside;
        if (std::chrono::steady_clock::now() > end) {
            return false;
        }
        CFRunLoopRunInMode(kCFRunLoopDefaultMode, 1, true);
    }
    return true;
}

void TakeInArrived() {
    while (CFRunLoopRunInMode(kCFRunLoopDefaultMode, 0, true) == kCFRunLoopRunHandledSource) {}
}

}  // namespace opendext::test
