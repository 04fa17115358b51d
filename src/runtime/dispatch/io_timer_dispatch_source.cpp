// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/IOTimerDispatchSource.h>

#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <utility>

#include "base/clock.h"
#include "runtime/dispatch/action_call.h"
#include "runtime/dispatch/source_gate.h"
#include "runtime/dispatch/timer_clock.h"
#include "runtime/dispatch/timer_service.h"
#include "runtime/object/member_list.h"

using opendext::ClockDomain;
using opendext::dispatch::SourceGate;
using opendext::dispatch::TimerId;
using opendext::dispatch::TimerService;

namespace {

/// One WakeAtTime. Shared by the timer and by the call that is scheduled for it.
struct Deadline {
    ClockDomain domain;
    bool has_passed = false;  // guarded by the ivars' mutex
};

}  // namespace

struct IOTimerDispatchSource_IVars {
    std::shared_ptr<SourceGate> gate;

    std::mutex mutex;
    // Guarded by mutex.
    std::shared_ptr<Deadline> armed;  // NULL when nothing is to fire
    std::optional<TimerId> scheduled;

    void Disarm() {
        std::optional<TimerId> forgotten;
        {
            const std::lock_guard lock(mutex);
            armed = nullptr;
            forgotten = std::exchange(scheduled, std::nullopt);
        }
        if (forgotten) {
            TimerService::Instance().Cancel(*forgotten);
        }
    }
};

namespace {

void PostFire(SourceGate &gate, const std::shared_ptr<Deadline> &deadline);

// A deadline passed while the timer was disabled or had no handler, and that may have changed.
void PostIfPassed(IOTimerDispatchSource_IVars *ivars) {
    std::shared_ptr<Deadline> passed;
    {
        const std::lock_guard lock(ivars->mutex);
        if (ivars->armed != nullptr && std::exchange(ivars->armed->has_passed, false)) {
            passed = ivars->armed;
        }
    }
    if (passed != nullptr) {
        PostFire(*ivars->gate, passed);
    }
}

// Whether `deadline` is still the one that is wanted. It is over with that if the timer `can_fire`; otherwise it
// is kept.
bool TakeIfWanted(IOTimerDispatchSource_IVars *ivars, const std::shared_ptr<Deadline> &deadline,
                  bool can_fire) {
    const std::lock_guard lock(ivars->mutex);
    if (ivars->armed != deadline) {
        return false;
    }
    if (can_fire) {
        ivars->armed = nullptr;
        ivars->scheduled = std::nullopt;
    } else {
        deadline->has_passed = true;
    }
    return true;
}

// On the timer's queue. Fires `deadline` if it is still the one that is wanted, and the timer is enabled;
// otherwise it waits for SetEnable(true).
void Fire(IOTimerDispatchSource *timer, const std::shared_ptr<Deadline> &deadline) {
    IOTimerDispatchSource_IVars *ivars = timer->ivars;
    OSAction *handler = ivars->gate->CopyHandlerIfDelivering();
    const bool is_wanted = TakeIfWanted(ivars, deadline, handler != nullptr);
    if (is_wanted && handler != nullptr) {
        timer->TimerOccurred(handler, opendext::NowNanoseconds(deadline->domain),
                             &opendext::dispatch::RunActionHere);
    } else if (is_wanted && ivars->gate->CanDeliver()) {
        // Enabled, or given its handler, between the two looks.
        PostIfPassed(ivars);
    }
    OSSafeRelease(handler);
}

void PostFire(SourceGate &gate, const std::shared_ptr<Deadline> &deadline) {
    gate.Post([deadline](OSObject *source) {
        Fire(static_cast<IOTimerDispatchSource *>(source), deadline);
    });
}

}  // namespace

bool IOTimerDispatchSource::init() {
    if (!super::init()) {
        return false;
    }
    ivars = new (std::nothrow) IOTimerDispatchSource_IVars;
    return ivars != nullptr;
}

void IOTimerDispatchSource::free() {
    if (ivars != nullptr) {
        ivars->Disarm();
        if (ivars->gate) {
            ivars->gate->Detach();
        }
    }
    delete ivars;
    ivars = nullptr;
    super::free();
}

kern_return_t IOTimerDispatchSource::Create_Impl(IODispatchQueue *queue,
                                                 IOTimerDispatchSource **source) {
    if (source == nullptr) {
        return kIOReturnBadArgument;
    }
    *source = nullptr;
    if (queue == nullptr) {
        return kIOReturnBadArgument;
    }
    auto *made = opendext::object::MakeContainer<IOTimerDispatchSource>();
    if (made == nullptr) {
        return kIOReturnNoMemory;
    }
    made->ivars->gate = std::make_shared<SourceGate>(made, queue, true);
    *source = made;
    return kIOReturnSuccess;
}

kern_return_t IOTimerDispatchSource::SetHandler_Impl(OSAction *action) {
    const kern_return_t status =
        ivars->gate->SetHandler(action, IOTimerDispatchSource_TimerOccurred_ID);
    PostIfPassed(ivars);
    return status;
}

kern_return_t IOTimerDispatchSource::SetEnableWithCompletion_Impl(
    bool enable, IODispatchSourceCancelHandler handler) {
    return ivars->gate->SetEnable(enable, handler, [this](bool) { PostIfPassed(ivars); });
}

kern_return_t IOTimerDispatchSource::Cancel_Impl(IODispatchSourceCancelHandler handler) {
    return ivars->gate->Cancel(handler, [this] { ivars->Disarm(); });
}

kern_return_t IOTimerDispatchSource::WakeAtTime_Impl(uint64_t options, uint64_t deadline,
                                                     uint64_t) {
    const std::optional<ClockDomain> domain = opendext::dispatch::ClockOfTimerOption(options);
    if (!domain) {
        return kIOReturnBadArgument;
    }
    if (ivars->gate->IsCancelled()) {
        return kIOReturnNotReady;
    }
    auto wanted = std::make_shared<Deadline>(Deadline{.domain = *domain});
    ivars->Disarm();
    const std::lock_guard lock(ivars->mutex);
    ivars->armed = wanted;
    if (deadline <= opendext::NowNanoseconds(*domain)) {
        PostFire(*ivars->gate, wanted);
        return kIOReturnSuccess;
    }
    const std::weak_ptr<SourceGate> gate = ivars->gate;
    ivars->scheduled = TimerService::Instance().Schedule(*domain, deadline, [gate, wanted] {
        if (const std::shared_ptr<SourceGate> alive = gate.lock()) {
            PostFire(*alive, wanted);
        }
    });
    return kIOReturnSuccess;
}

kern_return_t IOTimerDispatchSource::CheckForWork_Impl(bool) {
    return kIOReturnUnsupported;
}
