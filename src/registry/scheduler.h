// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>

namespace opendext::registry {

/// The thread that a Registry lives on, as the registry uses it. Whoever wires the registry implements it
/// over its event loop. All calls come from that thread.
class Scheduler {
public:
    virtual ~Scheduler() = default;

    /// Runs `task` on the registry's thread, after the current one.
    virtual void Post(std::function<void()> task) = 0;

    /// Runs `task` once after `delay`. @return a name for Cancel, never 0.
    virtual uint64_t After(std::chrono::milliseconds delay, std::function<void()> task) = 0;

    /// Forgets a delayed task that has not run. An unknown name is ignored.
    virtual void Cancel(uint64_t timer) = 0;
};

}  // namespace opendext::registry
