// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "channel/transport/bus_thread.h"
#include "registry/scheduler.h"

namespace opendext::registry {

/// The bus thread as the registry's thread.
class BusScheduler final : public Scheduler {
public:
    explicit BusScheduler(channel::BusThread &thread) : thread_(thread) {}

    void Post(std::function<void()> task) override { thread_.Post(std::move(task)); }
    uint64_t After(std::chrono::milliseconds delay, std::function<void()> task) override {
        return thread_.After(delay, std::move(task));
    }
    void Cancel(uint64_t timer) override { thread_.Cancel(timer); }

private:
    channel::BusThread &thread_;
};

}  // namespace opendext::registry
