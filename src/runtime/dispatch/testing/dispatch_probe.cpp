// SPDX-License-Identifier: Apache-2.0
#include "runtime/dispatch/testing/dispatch_probe.h"

#include "runtime/dispatch/queue_table.h"

bool DispatchProbe::init() {
    if (!super::init()) {
        return false;
    }
    ivars = new DispatchProbe_IVars;
    return true;
}

void DispatchProbe::free() {
    const std::function<void()> on_freed = std::move(ivars->on_freed);
    delete ivars;
    super::free();
    if (on_freed) {
        on_freed();
    }
}

kern_return_t DispatchProbe::SetDispatchQueue_Impl(const char *name, IODispatchQueue *queue) {
    return opendext::dispatch::QueueTable::Set(this, name, queue);
}

kern_return_t DispatchProbe::CopyDispatchQueue_Impl(const char *name, IODispatchQueue **queue) {
    return opendext::dispatch::QueueTable::Copy(this, name, queue);
}

kern_return_t IMPL(DispatchProbe, Add) {
    ivars->Note(a);
    *sum = a + b;
    return kIOReturnSuccess;
}

kern_return_t IMPL(DispatchProbe, AddOnAux) {
    ivars->Note(a);
    *sum = a + b;
    return kIOReturnSuccess;
}

void IMPL(DispatchProbe, Note) {
    ivars->Note(value);
}

void IMPL(DispatchProbe, Keep) {
    for (uint32_t i = 0; object != nullptr && i < valuesCount; ++i) {
        ivars->Note(values[i]);
    }
}

void IMPL(DispatchProbe, Tick) {
    ivars->Note(action != nullptr ? time : 0);
}

void IMPL(DispatchProbe, PlainTick) {
    ivars->Note(action != nullptr ? time : 0);
}

void IMPL(DispatchProbe, TickOnAux) {
    ivars->Note(action != nullptr ? time : 0);
}

namespace opendext::dispatch {

OSSharedPtr<DispatchProbe> MakeProbe() {
    auto *probe = OSTypeAlloc(DispatchProbe);
    if (!probe->init()) {
        OSSafeReleaseNULL(probe);
    }
    return {probe, OSNoRetain};
}

OSSharedPtr<IODispatchQueue> MakeQueue(const char *name, uint64_t options) {
    OSSharedPtr<IODispatchQueue> queue;
    IODispatchQueue::Create(name, options, 0, queue.attach());
    return queue;
}

OSSharedPtr<DispatchProbe> MakeProbeOn(const OSSharedPtr<IODispatchQueue> &queue) {
    OSSharedPtr<DispatchProbe> probe = MakeProbe();
    probe->SetDispatchQueue("Default", queue.get());
    return probe;
}

OSSharedPtr<OSAction> MakeTickAction(const OSSharedPtr<DispatchProbe> &probe,
                                     size_t reference_size) {
    OSSharedPtr<OSAction> action;
    probe->CreateActionTick(reference_size, action.attach());
    return action;
}

}  // namespace opendext::dispatch
