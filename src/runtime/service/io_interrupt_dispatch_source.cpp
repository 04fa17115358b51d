// SPDX-License-Identifier: Apache-2.0
// IOInterruptDispatchSource (semantics.md 4.4).
#include <DriverKit/IOInterruptDispatchSource.h>

#include <atomic>
#include <memory>
#include <new>
#include <utility>

#include "base/clock.h"
#include "runtime/dispatch/action_call.h"
#include "runtime/dispatch/source_gate.h"
#include "runtime/memory/retained.h"
#include "runtime/service/service_state.h"

using opendext::ClockDomain;
using opendext::dispatch::SourceGate;
using opendext::service::InterruptController;

struct IOInterruptDispatchSource_IVars final : opendext::service::InterruptReceiver {
    std::shared_ptr<SourceGate> gate;
    opendext::memory::Retained<IOService> provider;  // keeps the controller
    InterruptController *controller = nullptr;
    uint32_t index = 0;
    ClockDomain clock = ClockDomain::kUptime;
    std::atomic<bool> is_registered = false;

    std::atomic<uint64_t> count = 0;  // not delivered yet
    std::atomic<uint64_t> time = 0;   // of the latest
    std::atomic<bool> is_posted = false;

    void InterruptArrived() override;
    void PostDelivery();
    /// Delivers what came while there was no handler, or the source was disabled.
    void PostKept() {
        if (count != 0) {
            PostDelivery();
        }
    }
    void Unregister() {
        if (is_registered.exchange(false)) {
            controller->UnregisterInterrupt(index);
        }
    }
};

namespace {

InterruptController *ControllerOf(IOService *provider) {
    opendext::service::ProviderHooks *hooks =
        provider != nullptr ? opendext::service::HooksOf(provider) : nullptr;
    return hooks != nullptr ? hooks->Interrupts() : nullptr;
}

// On the source's queue.
void Deliver(IOInterruptDispatchSource *source) {
    IOInterruptDispatchSource_IVars &state = *source->ivars;
    state.is_posted = false;
    OSAction *handler = state.gate->CopyHandlerIfDelivering();
    if (handler == nullptr) {
        return;  // What came is kept until the source is enabled.
    }
    if (const uint64_t count = state.count.exchange(0); count != 0) {
        source->InterruptOccurred(handler, count, state.time, &opendext::dispatch::RunActionHere);
        state.controller->CompleteInterrupt(state.index);
    }
    handler->release();
}

}  // namespace

void IOInterruptDispatchSource_IVars::InterruptArrived() {
    time = opendext::NowNanoseconds(clock);
    count.fetch_add(1);
    PostDelivery();
}

void IOInterruptDispatchSource_IVars::PostDelivery() {
    if (!is_posted.exchange(true)) {
        gate->Post(
            [](OSObject *source) { Deliver(static_cast<IOInterruptDispatchSource *>(source)); });
    }
}

bool IOInterruptDispatchSource::init() {
    if (!super::init()) {
        return false;
    }
    ivars = new (std::nothrow) IOInterruptDispatchSource_IVars;
    return ivars != nullptr;
}

void IOInterruptDispatchSource::free() {
    if (ivars != nullptr) {
        ivars->Unregister();
        if (ivars->gate != nullptr) {
            ivars->gate->Detach();
        }
        delete std::exchange(ivars, nullptr);
    }
    super::free();
}

kern_return_t IOInterruptDispatchSource::Create_Impl(IOService *provider, uint32_t index,
                                                     IODispatchQueue *queue,
                                                     IOInterruptDispatchSource **source) {
    if (source == nullptr) {
        return kIOReturnBadArgument;
    }
    *source = nullptr;
    if (provider == nullptr || queue == nullptr) {
        return kIOReturnBadArgument;
    }
    InterruptController *controller = ControllerOf(provider);
    if (controller == nullptr) {
        return kIOReturnNoInterrupt;
    }
    opendext::memory::Retained<IOInterruptDispatchSource> made(
        OSTypeAlloc(IOInterruptDispatchSource));
    if (made == nullptr || !made->init()) {
        return kIOReturnNoMemory;
    }
    IOInterruptDispatchSource_IVars &state = *made->ivars;
    state.gate = std::make_shared<SourceGate>(made.get(), queue, false);
    state.provider = opendext::memory::Retain(provider);
    state.controller = controller;
    state.index = index & kIOInterruptSourceIndexMask;
    state.clock = (index & kIOInterruptSourceContinuousTime) != 0 ? ClockDomain::kContinuous
                                                                  : ClockDomain::kUptime;
    const kern_return_t status = controller->RegisterInterrupt(state.index, &state);
    if (status != kIOReturnSuccess) {
        return status;
    }
    state.is_registered = true;
    *source = made.release();
    return kIOReturnSuccess;
}

kern_return_t IOInterruptDispatchSource::GetInterruptType_Impl(IOService *provider, uint32_t index,
                                                               uint64_t *interruptType) {
    if (provider == nullptr || interruptType == nullptr) {
        return kIOReturnBadArgument;
    }
    *interruptType = 0;
    InterruptController *controller = ControllerOf(provider);
    if (controller == nullptr) {
        return kIOReturnNoInterrupt;
    }
    const auto type = controller->InterruptType(index & kIOInterruptSourceIndexMask);
    if (!type) {
        return type.error();
    }
    *interruptType = *type;
    return kIOReturnSuccess;
}

kern_return_t IOInterruptDispatchSource::SetHandler_Impl(OSAction *action) {
    const kern_return_t status =
        ivars->gate->SetHandler(action, IOInterruptDispatchSource_InterruptOccurred_ID);
    ivars->PostKept();
    return status;
}

kern_return_t IOInterruptDispatchSource::SetEnableWithCompletion_Impl(
    bool enable, IODispatchSourceCancelHandler handler) {
    return ivars->gate->SetEnable(enable, handler, [this](bool is_enabled) {
        ivars->controller->EnableInterrupt(ivars->index, is_enabled);
        if (is_enabled) {
            ivars->PostKept();
        }
    });
}

kern_return_t IOInterruptDispatchSource::Cancel_Impl(IODispatchSourceCancelHandler handler) {
    return ivars->gate->Cancel(handler, [this] { ivars->Unregister(); });
}

kern_return_t IOInterruptDispatchSource::GetLastInterrupt_Impl(uint64_t *count, uint64_t *time) {
    if (count != nullptr) {
        *count = ivars->count;
    }
    if (time != nullptr) {
        *time = ivars->time;
    }
    return kIOReturnSuccess;
}

kern_return_t IOInterruptDispatchSource::CheckForWork_Impl(bool) {
    return kIOReturnUnsupported;
}
