// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/IOEventLink.h>

#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <utility>

#include "base/event_link.h"
#include "runtime/memory/retained.h"
#include "runtime/service/client_links.h"

using opendext::EventLink;
using opendext::service::ClientLink;

struct IOEventLink_IVars {
    std::shared_ptr<ClientLink> link;

    opendext::LinkWaiter waiter;

    std::mutex mutex;
    bool is_active = false;  // guarded by mutex

    kern_return_t Use(std::shared_ptr<EventLink> &end);
    kern_return_t UseAsWaiter(std::shared_ptr<EventLink> &end);
    kern_return_t Signal();
    kern_return_t Wait(std::optional<uint64_t> mach_deadline, uint64_t *num_signals);
};

kern_return_t IOEventLink_IVars::Use(std::shared_ptr<EventLink> &end) {
    end = link->Get();
    const std::lock_guard lock(mutex);
    return is_active && end != nullptr ? kIOReturnSuccess : kIOReturnNotReady;
}

kern_return_t IOEventLink_IVars::UseAsWaiter(std::shared_ptr<EventLink> &end) {
    if (const kern_return_t status = Use(end); status != kIOReturnSuccess) {
        return status;
    }
    return waiter.MayWait() ? kIOReturnSuccess : kIOReturnBadArgument;
}

kern_return_t IOEventLink_IVars::Signal() {
    std::shared_ptr<EventLink> end;
    if (const kern_return_t status = Use(end); status != kIOReturnSuccess) {
        return status;
    }
    return end->Signal() ? kIOReturnSuccess : kIOReturnAborted;
}

namespace {

kern_return_t StatusOf(EventLink::Outcome outcome) {
    switch (outcome) {
        case EventLink::Outcome::kSignalled:
            return kIOReturnSuccess;
        case EventLink::Outcome::kTimedOut:
            return kIOReturnTimeout;
        case EventLink::Outcome::kCancelled:
            return kIOReturnAborted;
    }
    return kIOReturnAborted;
}

}  // namespace

kern_return_t IOEventLink_IVars::Wait(std::optional<uint64_t> mach_deadline,
                                      uint64_t *num_signals) {
    std::shared_ptr<EventLink> end;
    if (const kern_return_t status = UseAsWaiter(end); status != kIOReturnSuccess) {
        return status;
    }
    uint64_t count = 0;
    const EventLink::Outcome outcome = mach_deadline ? end->WaitUntilUptime(*mach_deadline, count)
                                                     : end->Wait(std::nullopt, count);
    if (num_signals != nullptr) {
        *num_signals = count;
    }
    return StatusOf(outcome);
}

bool IOEventLink::init() {
    if (!super::init()) {
        return false;
    }
    ivars = new (std::nothrow) IOEventLink_IVars;
    return ivars != nullptr;
}

void IOEventLink::free() {
    if (ivars != nullptr && ivars->link != nullptr) {
        ivars->link->End();
    }
    delete std::exchange(ivars, nullptr);
    super::free();
}

kern_return_t IOEventLink::Create_Impl(OSString *name, IOUserClient *userClient,
                                       IOEventLink **eventlink) {
    if (eventlink == nullptr) {
        return kIOReturnBadArgument;
    }
    *eventlink = nullptr;
    auto link = opendext::service::MakeLink(userClient, opendext::LinkKind::kEventLink, name);
    if (!link) {
        return link.error();
    }
    opendext::memory::Retained<IOEventLink> made(OSTypeAlloc(IOEventLink));
    if (made == nullptr || !made->init()) {
        return kIOReturnNoMemory;
    }
    made->ivars->link = *std::move(link);
    *eventlink = made.release();
    return kIOReturnSuccess;
}

kern_return_t IOEventLink::Signal() {
    return ivars->Signal();
}

kern_return_t IOEventLink::Wait(uint64_t *signalCount) {
    return ivars->Wait(std::nullopt, signalCount);
}

kern_return_t IOEventLink::SignalAndWait(uint64_t *signalCount) {
    std::shared_ptr<EventLink> end;
    kern_return_t status = ivars->UseAsWaiter(end);
    status = status == kIOReturnSuccess ? ivars->Signal() : status;
    return status == kIOReturnSuccess ? Wait(signalCount) : status;
}

kern_return_t IOEventLink::WaitUntil(IOEventLinkClockID clock, uint64_t timeout,
                                     uint64_t *signalCount) {
    return clock == kIOEventLinkClockMachAbsoluteTime ? ivars->Wait(timeout, signalCount)
                                                      : kIOReturnBadArgument;
}

kern_return_t IOEventLink::SignalAndWaitUntil(IOEventLinkClockID clock, uint64_t timeout,
                                              uint64_t *signalCount) {
    if (clock != kIOEventLinkClockMachAbsoluteTime) {
        return kIOReturnBadArgument;
    }
    std::shared_ptr<EventLink> end;
    kern_return_t status = ivars->UseAsWaiter(end);
    status = status == kIOReturnSuccess ? ivars->Signal() : status;
    return status == kIOReturnSuccess ? WaitUntil(clock, timeout, signalCount) : status;
}

kern_return_t IOEventLink::Cancel() {
    const std::shared_ptr<EventLink> end = ivars->link->Get();
    if (end == nullptr) {
        return kIOReturnNotReady;
    }
    end->Cancel();
    return kIOReturnSuccess;
}

kern_return_t IOEventLink::Activate() {
    if (ivars->link->Get() == nullptr) {
        return kIOReturnNotReady;
    }
    const std::lock_guard lock(ivars->mutex);
    ivars->is_active = true;
    return kIOReturnSuccess;
}

kern_return_t IOEventLink::Associate(IOEventLinkAssociateOptions options) {
    if (options != kIOEventLinkAssociateCurrentThread && options != kIOEventLinkAssociateOnWait) {
        return kIOReturnBadArgument;
    }
    std::shared_ptr<EventLink> end;
    if (const kern_return_t status = ivars->Use(end); status != kIOReturnSuccess) {
        return status;
    }
    const bool is_associated = options == kIOEventLinkAssociateOnWait
                                   ? ivars->waiter.AssociateOnWait()
                                   : ivars->waiter.AssociateThisThread();
    return is_associated ? kIOReturnSuccess : kIOReturnExclusiveAccess;
}

kern_return_t IOEventLink::Disassociate() {
    return ivars->waiter.Disassociate() ? kIOReturnSuccess : kIOReturnBadArgument;
}

kern_return_t IOEventLink::Invalidate() {
    ivars->link->End();
    return kIOReturnSuccess;
}
