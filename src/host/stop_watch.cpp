// SPDX-License-Identifier: Apache-2.0
#include "host/stop_watch.h"

#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "runtime/dispatch/timer_service.h"

namespace opendext::host {

void WarnUnlessStopped(const std::shared_ptr<HostedServices> &services, EntryId entry,
                       std::chrono::milliseconds time, std::string name) {
    if (!services->IsRunning(entry)) {
        return;
    }
    const auto delay = static_cast<uint64_t>(std::chrono::nanoseconds(time).count());
    const std::weak_ptr<HostedServices> watched = services;
    dispatch::TimerService::Instance().Schedule(
        ClockDomain::kUptime, NowNanoseconds(ClockDomain::kUptime) + delay,
        [watched, entry, time, name = std::move(name)] {
            const std::shared_ptr<HostedServices> alive = watched.lock();
            if (alive != nullptr && alive->IsRunning(entry)) {
                LogWarning(
                    "{} returned success from Stop {} ms ago and is not stopped: call "
                    "Stop(provider, "
                    "SUPERDISPATCH) when everything is cancelled",
                    name, time.count());
            }
        });
}

}  // namespace opendext::host
