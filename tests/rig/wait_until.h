// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <thread>

namespace opendext::rig {

/// Asks `condition` until it holds. For what tells nobody when it changes, such as /proc. False: it has not held
/// within the hang guard.
template <typename Condition>
[[nodiscard]] bool WaitUntil(Condition condition,
                             std::chrono::seconds hang_guard = std::chrono::seconds(30)) {
    const auto end = std::chrono::steady_clock::now() + hang_guard;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end) {
            return false;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return true;
}

}  // namespace opendext::rig
