// SPDX-License-Identifier: Apache-2.0
// IOServiceStateNotificationDispatchSource (semantics.md 4.6).
#include <DriverKit/IOServiceStateNotificationDispatchSource.h>

#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <DriverKit/OSArray.h>
#include <DriverKit/OSString.h>

#include "runtime/dispatch/action_call.h"
#include "runtime/dispatch/source_gate.h"
#include "runtime/memory/retained.h"
#include "runtime/object/object_internals.h"
#include "runtime/service/service_state.h"
#include "runtime/service/service_watcher.h"
#include "runtime/service/source_handler.h"

using opendext::dispatch::SourceGate;
using opendext::memory::Retained;
using opendext::service::ServiceContext;
using opendext::service::SourceHandler;
using opendext::service::StateWatchListener;

struct IOServiceStateNotificationDispatchSource_IVars {
    class Changes;

    std::shared_ptr<SourceGate> gate;
    SourceHandler handler{IOServiceStateNotificationDispatchSource_StateNotificationReady_ID};
    std::shared_ptr<Changes> changes;
    std::shared_ptr<ServiceContext> context;
    uint64_t watch = 0;
    std::once_flag is_stopped;

    void TellIfAny(IOServiceStateNotificationDispatchSource *source);
    void StopWatch();
};

/// Whether there is a change that the driver has not been told of. Shared with the watch, so that it outlives a source
/// that is freed.
class IOServiceStateNotificationDispatchSource_IVars::Changes final : public StateWatchListener {
public:
    explicit Changes(IOServiceStateNotificationDispatchSource *source) : source_(source) {}

    void StateChanged() override {
        Retained<IOServiceStateNotificationDispatchSource> source;
        {
            const std::lock_guard lock(mutex_);
            has_changed_ = true;
            if (source_ == nullptr || is_told_ ||
                !opendext::object::ObjectInternals::TryRetain(source_)) {
                return;
            }
            source.reset(source_);
        }
        source->ivars->TellIfAny(source.get());
    }

    /// There is another handler, which is told at once.
    void Restart() {
        const std::lock_guard lock(mutex_);
        has_changed_ = true;
        is_told_ = false;
    }

    /// The driver reads the items: what changes from now on is new.
    void Rearm() {
        const std::lock_guard lock(mutex_);
        is_told_ = false;
    }

    /// Whether the handler is to be told now. It counts as told then.
    [[nodiscard]] bool BeginTelling() {
        const std::lock_guard lock(mutex_);
        if (!has_changed_ || is_told_) {
            return false;
        }
        has_changed_ = false;
        is_told_ = true;
        return true;
    }

    /// Nothing is told of any more.
    void Detach() {
        const std::lock_guard lock(mutex_);
        source_ = nullptr;
    }

private:
    std::mutex mutex_;
    // All guarded by mutex_.
    IOServiceStateNotificationDispatchSource *source_;
    bool has_changed_ = false;
    bool is_told_ = false;
};

void IOServiceStateNotificationDispatchSource_IVars::TellIfAny(
    IOServiceStateNotificationDispatchSource *source) {
    if (gate->IsEnabled() && handler.Copy() != nullptr && changes->BeginTelling()) {
        handler.Send([source](OSAction *action) { source->StateNotificationReady(action); });
    }
}

void IOServiceStateNotificationDispatchSource_IVars::StopWatch() {
    std::call_once(is_stopped, [this] {
        if (context != nullptr) {
            context->watcher->StopWatch(watch);
        }
    });
}

bool IOServiceStateNotificationDispatchSource::init() {
    if (!super::init()) {
        return false;
    }
    ivars = new (std::nothrow) IOServiceStateNotificationDispatchSource_IVars;
    return ivars != nullptr;
}

void IOServiceStateNotificationDispatchSource::free() {
    if (ivars != nullptr) {
        ivars->StopWatch();
        if (ivars->changes != nullptr) {
            ivars->changes->Detach();
        }
        if (ivars->gate != nullptr) {
            ivars->gate->Detach();
        }
        delete std::exchange(ivars, nullptr);
    }
    super::free();
}

namespace {

// nullopt: there are none, or something else than strings.
std::optional<std::vector<std::string>> NamesIn(const OSArray *items) {
    std::vector<std::string> names;
    for (uint32_t i = 0; items != nullptr && i < items->getCount(); ++i) {
        const auto *name = OSDynamicCast(OSString, items->getObject(i));
        if (name == nullptr) {
            return std::nullopt;
        }
        names.emplace_back(name->getCStringNoCopy());
    }
    return names.empty() ? std::nullopt : std::optional(std::move(names));
}

}  // namespace

kern_return_t IOServiceStateNotificationDispatchSource::Create_Impl(
    IOService *service, OSArray *items, IODispatchQueue *queue,
    IOServiceStateNotificationDispatchSource **source) {
    if (source == nullptr) {
        return kIOReturnBadArgument;
    }
    *source = nullptr;
    const auto names = NamesIn(items);
    if (service == nullptr || !names || queue == nullptr) {
        return kIOReturnBadArgument;
    }
    if (service->ivars == nullptr || service->ivars->context == nullptr ||
        service->ivars->context->watcher == nullptr) {
        return kIOReturnNotAttached;
    }
    Retained<IOServiceStateNotificationDispatchSource> made(
        OSTypeAlloc(IOServiceStateNotificationDispatchSource));
    if (made == nullptr || !made->init()) {
        return kIOReturnNoMemory;
    }
    made->ivars->changes =
        std::make_shared<IOServiceStateNotificationDispatchSource_IVars::Changes>(made.get());
    made->ivars->gate = std::make_shared<SourceGate>(made.get(), queue, true);
    const std::shared_ptr<ServiceContext> context = service->ivars->context;
    const kern_return_t status = context->watcher->WatchStates(
        service->ivars->entry, *names, made->ivars->changes, &made->ivars->watch);
    if (status != kIOReturnSuccess) {
        return status;
    }
    made->ivars->context = context;
    *source = made.release();
    return kIOReturnSuccess;
}

kern_return_t IOServiceStateNotificationDispatchSource::SetHandler_Impl(OSAction *action) {
    const kern_return_t status = ivars->handler.Set(action);
    if (status == kIOReturnSuccess && action != nullptr) {
        ivars->gate->NoteTarget(opendext::dispatch::TargetOf(action));
        ivars->changes->Restart();
        ivars->TellIfAny(this);
    }
    return status;
}

kern_return_t IOServiceStateNotificationDispatchSource::StateNotificationBegin_Impl() {
    ivars->changes->Rearm();
    ivars->TellIfAny(this);
    return kIOReturnSuccess;
}

kern_return_t IOServiceStateNotificationDispatchSource::SetEnableWithCompletion_Impl(
    bool enable, IODispatchSourceCancelHandler handler) {
    return ivars->gate->SetEnable(enable, handler, [this](bool) { ivars->TellIfAny(this); });
}

kern_return_t IOServiceStateNotificationDispatchSource::Cancel_Impl(
    IODispatchSourceCancelHandler handler) {
    ivars->StopWatch();
    ivars->changes->Detach();
    return opendext::service::CancelSource(this, ivars->gate, {&ivars->handler}, handler);
}

kern_return_t IOServiceStateNotificationDispatchSource::CheckForWork_Impl(bool) {
    return kIOReturnUnsupported;
}
