// SPDX-License-Identifier: Apache-2.0
// State machines of reports, and the times that their states last.
#include <cstdlib>

#include <DriverKit/IOLib.h>

#include "base/log.h"
#include "runtime/service/report_channels.h"

namespace opendext::service {

void StateChannels::Prepare(size_t channel) {
    current_.emplace_back();
    for (size_t state = 0; state < NumElements(); ++state) {
        Set(channel, state, IOStateReportValues{.state_id = state}, mach_absolute_time());
    }
}

std::optional<size_t> StateChannels::StateOf(size_t channel, uint64_t state_id) const {
    for (size_t state = 0; state < NumElements(); ++state) {
        if (Get<IOStateReportValues>(channel, state).state_id == state_id) {
            return state;
        }
    }
    return std::nullopt;
}

void StateChannels::AddTime(size_t channel, uint64_t now) {
    Current &current = current_[channel];
    if (current.state && current.updated != 0) {
        auto values = Get<IOStateReportValues>(channel, *current.state);
        values.upticks += now - current.updated;
        Set(channel, *current.state, values, now);
        current.updated = now;
    }
}

void StateChannels::BringUpToDate(size_t channel) {
    AddTime(channel, mach_absolute_time());
}

void StateChannels::EnterState(size_t channel, size_t state) {
    const uint64_t now = mach_absolute_time();
    AddTime(channel, now);
    Current &current = current_[channel];
    if (current.state != state) {
        auto values = Get<IOStateReportValues>(channel, state);
        ++values.intransitions;
        values.last_intransition = now;
        Set(channel, state, values, now);
        current.state = state;
    }
    current.updated = now;
}

IOReturn StateChannels::SetStateId(uint64_t id, int state, uint64_t state_id) {
    const std::lock_guard lock(mutex_);
    const auto channel = IndexOf(id);
    if (!channel) {
        return kIOReturnError;
    }
    if (state < 0 || static_cast<size_t>(state) >= NumElements()) {
        return kIOReturnBadArgument;
    }
    auto values = Get<IOStateReportValues>(*channel, static_cast<size_t>(state));
    values.state_id = state_id;
    Set(*channel, static_cast<size_t>(state), values, mach_absolute_time());
    return kIOReturnSuccess;
}

IOReturn StateChannels::Enter(uint64_t id, uint64_t state_id) {
    const std::lock_guard lock(mutex_);
    const auto channel = IndexOf(id);
    const auto state = channel ? StateOf(*channel, state_id) : std::nullopt;
    if (!state) {
        return kIOReturnBadArgument;
    }
    EnterState(*channel, *state);
    return kIOReturnSuccess;
}

IOReturn StateChannels::EnterOfOnly(uint64_t state_id) {
    const std::lock_guard lock(mutex_);
    const auto state = NumChannels() == 1 ? StateOf(0, state_id) : std::nullopt;
    if (!state) {
        return kIOReturnBadArgument;
    }
    EnterState(0, *state);
    return kIOReturnSuccess;
}

IOReturn StateChannels::EnterByIndex(int channel, int state) {
    const std::lock_guard lock(mutex_);
    if (channel < 0 || static_cast<size_t>(channel) >= NumChannels()) {
        return kIOReturnBadArgument;
    }
    if (state < 0 || static_cast<size_t>(state) >= NumElements()) {
        return kIOReturnOverrun;
    }
    EnterState(static_cast<size_t>(channel), static_cast<size_t>(state));
    return kIOReturnSuccess;
}

template <typename Change>
IOReturn StateChannels::ChangeState(const char *method, uint64_t id, uint64_t state_id,
                                    Change change) {
    const std::lock_guard lock(mutex_);
    const auto channel = IndexOf(id);
    const auto state = channel ? StateOf(*channel, state_id) : std::nullopt;
    if (!state) {
        return kIOReturnBadArgument;
    }
    if (current_[*channel].updated != 0) {
        LogError(
            "IOStateReporter: {} of channel {:#x}, whose times setChannelState, setState or "
            "setStateByIndices keep; use one or the other for a channel",
            method, id);
        std::abort();
    }
    auto values = Get<IOStateReportValues>(*channel, *state);
    change(values);
    Set(*channel, *state, values, mach_absolute_time());
    return kIOReturnSuccess;
}

IOReturn StateChannels::Override(uint64_t id, uint64_t state_id, const Residency &residency) {
    return ChangeState("overrideChannelState", id, state_id, [&](IOStateReportValues &values) {
        values.upticks = residency.time;
        values.intransitions = residency.transitions;
        values.last_intransition = residency.last_transition;
    });
}

IOReturn StateChannels::Increment(uint64_t id, uint64_t state_id, const Residency &residency) {
    return ChangeState("incrementChannelState", id, state_id, [&](IOStateReportValues &values) {
        values.upticks += residency.time;
        values.intransitions += residency.transitions;
        values.last_intransition = residency.last_transition;
    });
}

std::optional<IOStateReportValues> StateChannels::Values(uint64_t id, uint64_t state_id) {
    const std::lock_guard lock(mutex_);
    const auto channel = IndexOf(id);
    const auto state = channel ? StateOf(*channel, state_id) : std::nullopt;
    if (!state) {
        return std::nullopt;
    }
    BringUpToDate(*channel);
    return Get<IOStateReportValues>(*channel, *state);
}

std::optional<uint64_t> StateChannels::LastUpdate(uint64_t id) {
    const std::lock_guard lock(mutex_);
    const auto channel = IndexOf(id);
    return channel ? std::optional(current_[*channel].updated) : std::nullopt;
}

}  // namespace opendext::service
