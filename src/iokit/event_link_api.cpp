// SPDX-License-Identifier: Apache-2.0
// The C functions of <os/eventlink_private.h> and <os/object.h>.
#include <os/eventlink_private.h>

#include <atomic>
#include <cerrno>
#include <memory>
#include <new>
#include <optional>
#include <utility>

#include "base/event_link.h"
#include "iokit/os_object.h"
#include "iokit/session.h"

using opendext::EventLink;
using opendext::LinkKind;
using opendext::iokit::LinkPort;
using opendext::iokit::OsObject;
using opendext::iokit::Session;

struct os_eventlink_s final : OsObject {
    explicit os_eventlink_s(std::shared_ptr<EventLink> end) : end(std::move(end)) {}

    [[nodiscard]] int Wait(std::optional<uint64_t> deadline, uint64_t *signals);

    const std::shared_ptr<EventLink> end;
    opendext::LinkWaiter waiter;
    std::atomic<bool> is_active = false;
    std::atomic<bool> has_given_remote = false;
};

int os_eventlink_s::Wait(std::optional<uint64_t> deadline, uint64_t *signals) {
    if (!is_active.load() || !waiter.MayWait()) {
        return EINVAL;
    }
    uint64_t num_signals = 0;
    const EventLink::Outcome outcome = deadline ? end->WaitUntilUptime(*deadline, num_signals)
                                                : end->Wait(std::nullopt, num_signals);
    if (signals != nullptr) {
        *signals = num_signals;
    }
    switch (outcome) {
        case EventLink::Outcome::kSignalled:
            return 0;
        case EventLink::Outcome::kTimedOut:
            return ETIMEDOUT;
        case EventLink::Outcome::kCancelled:
            return ECANCELED;
    }
    return ECANCELED;
}

namespace {

os_eventlink_t MakeEnd(const std::shared_ptr<opendext::SharedRegion> &region) {
    auto end = EventLink::Attach(region, EventLink::Side::kSecond);
    return end ? new (std::nothrow) os_eventlink_s(*std::move(end)) : nullptr;
}

// Whether the other end may be given now: it can be given once.
bool TakeRemote(os_eventlink_t eventlink) {
    return eventlink != nullptr && eventlink->end->side() == EventLink::Side::kFirst &&
           !eventlink->has_given_remote.exchange(true);
}

}  // namespace

void *os_retain(void *object) {
    if (object != nullptr) {
        static_cast<OsObject *>(object)->Retain();
    }
    return object;
}

void os_release(void *object) {
    if (object != nullptr) {
        static_cast<OsObject *>(object)->Release();
    }
}

os_eventlink_t os_eventlink_create(const char * /*name*/) {
    auto end = EventLink::Create();
    return end ? new (std::nothrow) os_eventlink_s(*std::move(end)) : nullptr;
}

os_eventlink_t os_eventlink_create_with_port(const char * /*name*/, mach_port_t port) {
    const auto named = Session::Current().objects().Find<LinkPort>(port);
    return named != nullptr && named->kind() == LinkKind::kEventLink
               ? MakeEnd(named->link()->region())
               : nullptr;
}

os_eventlink_t os_eventlink_create_remote_with_eventlink(const char * /*name*/,
                                                         os_eventlink_t eventlink) {
    return TakeRemote(eventlink) ? MakeEnd(eventlink->end->region()) : nullptr;
}

int os_eventlink_extract_remote_port(os_eventlink_t eventlink, mach_port_t *port) {
    if (port == nullptr || !TakeRemote(eventlink)) {
        return EINVAL;
    }
    *port = Session::Current().objects().Insert(
        std::make_shared<LinkPort>(LinkKind::kEventLink, eventlink->end));
    return 0;
}

int os_eventlink_activate(os_eventlink_t eventlink) {
    if (eventlink == nullptr) {
        return EINVAL;
    }
    eventlink->is_active.store(true);
    return 0;
}

int os_eventlink_associate(os_eventlink_t eventlink, os_eventlink_associate_options_t options) {
    if (eventlink == nullptr || !eventlink->is_active.load() ||
        options > OS_EVENTLINK_ASSOCIATE_ON_WAIT) {
        return EINVAL;
    }
    const bool is_associated = options == OS_EVENTLINK_ASSOCIATE_ON_WAIT
                                   ? eventlink->waiter.AssociateOnWait()
                                   : eventlink->waiter.AssociateThisThread();
    return is_associated ? 0 : EALREADY;
}

int os_eventlink_disassociate(os_eventlink_t eventlink) {
    return eventlink != nullptr && eventlink->waiter.Disassociate() ? 0 : EINVAL;
}

int os_eventlink_signal(os_eventlink_t eventlink) {
    if (eventlink == nullptr || !eventlink->is_active.load()) {
        return EINVAL;
    }
    return eventlink->end->Signal() ? 0 : ECANCELED;
}

int os_eventlink_wait(os_eventlink_t eventlink, uint64_t *signals) {
    return eventlink == nullptr ? EINVAL : eventlink->Wait(std::nullopt, signals);
}

int os_eventlink_wait_until(os_eventlink_t eventlink, os_clockid_t clock, uint64_t timeout,
                            uint64_t *signals) {
    return eventlink == nullptr || clock != OS_CLOCK_MACH_ABSOLUTE_TIME
               ? EINVAL
               : eventlink->Wait(timeout, signals);
}

int os_eventlink_signal_and_wait(os_eventlink_t eventlink, uint64_t *signals) {
    if (eventlink == nullptr || !eventlink->is_active.load() || !eventlink->waiter.MayWait()) {
        return EINVAL;
    }
    const int error = os_eventlink_signal(eventlink);
    return error == 0 ? eventlink->Wait(std::nullopt, signals) : error;
}

int os_eventlink_signal_and_wait_until(os_eventlink_t eventlink, os_clockid_t clock,
                                       uint64_t timeout, uint64_t *signals) {
    if (eventlink == nullptr || clock != OS_CLOCK_MACH_ABSOLUTE_TIME ||
        !eventlink->is_active.load() || !eventlink->waiter.MayWait()) {
        return EINVAL;
    }
    const int error = os_eventlink_signal(eventlink);
    return error == 0 ? eventlink->Wait(timeout, signals) : error;
}

int os_eventlink_cancel(os_eventlink_t eventlink) {
    if (eventlink == nullptr || !eventlink->is_active.load()) {
        return EINVAL;
    }
    eventlink->end->Cancel();
    return 0;
}
