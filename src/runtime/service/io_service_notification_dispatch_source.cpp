// SPDX-License-Identifier: Apache-2.0
// IOServiceNotificationDispatchSource (semantics.md 4.6).
#include <DriverKit/IOServiceNotificationDispatchSource.h>

#include <array>
#include <deque>
#include <expected>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <utility>

#include <DriverKit/OSDictionary.h>

#include "runtime/dispatch/action_call.h"
#include "runtime/dispatch/source_gate.h"
#include "runtime/memory/retained.h"
#include "runtime/object/object_internals.h"
#include "runtime/service/property_objects.h"
#include "runtime/service/service_state.h"
#include "runtime/service/service_watcher.h"
#include "runtime/service/source_handler.h"

using opendext::EntryId;
using opendext::PropertyValue;
using opendext::dispatch::SourceGate;
using opendext::memory::Retain;
using opendext::memory::Retained;
using opendext::service::ServiceContext;
using opendext::service::ServiceWatchListener;
using opendext::service::SourceHandler;

namespace {

constexpr size_t kNumTypes = kIOServiceNotificationTypeLast + 1;

struct Notification {
    uint64_t type = kIOServiceNotificationTypeNone;
    Retained<IOService> service;
};

}  // namespace

/// What waits to be delivered. Shared with the watch, so that it outlives a source that is freed.
struct IOServiceNotificationDispatchSource_IVars {
    class Pending;

    std::shared_ptr<SourceGate> gate;
    PropertyValue matching;
    SourceHandler handler{IOServiceNotificationDispatchSource_ServiceNotificationReady_ID};
    std::shared_ptr<Pending> pending;

    std::mutex watch_mutex;  // held while the registry is asked; the listener does not take it
    // Guarded by watch_mutex.
    std::shared_ptr<ServiceContext> watched_in;  // NULL before the first SetHandler
    uint64_t watch = 0;

    kern_return_t BeginWatch(const std::shared_ptr<ServiceContext> &context);
    void StopWatch();
    void TellIfAny(IOServiceNotificationDispatchSource *source);
};

class IOServiceNotificationDispatchSource_IVars::Pending final : public ServiceWatchListener {
public:
    explicit Pending(IOServiceNotificationDispatchSource *source) : source_(source) {}

    void ServiceMatched(EntryId entry, Retained<IOService> service) override {
        Add([&] {
            known_.insert_or_assign(entry, Retain(service.get()));
            waiting_[kIOServiceNotificationTypeMatched].push_back(std::move(service));
        });
    }

    void ServiceTerminated(EntryId entry) override {
        Add([&] {
            if (auto known = known_.extract(entry)) {
                waiting_[kIOServiceNotificationTypeTerminated].push_back(std::move(known.mapped()));
            }
        });
    }

    /// The next one, terminations first.
    Notification Take() {
        const std::lock_guard lock(mutex_);
        for (uint64_t type = 0; type < kNumTypes; ++type) {
            if (auto &queue = waiting_[type]; !queue.empty()) {
                Notification next{type, std::move(queue.front())};
                queue.pop_front();
                is_told_ = is_told_ && CountWaiting() != 0;
                return next;
            }
        }
        return {};
    }

    /// Whether the handler is to be told now: something waits, and it has not been told of that. It counts as told then.
    [[nodiscard]] bool BeginTelling() {
        const std::lock_guard lock(mutex_);
        return CountWaiting() != 0 && !std::exchange(is_told_, true);
    }

    /// There is another handler.
    void ForgetTelling() {
        const std::lock_guard lock(mutex_);
        is_told_ = false;
    }

    /// Nothing is told of any more, and what waits is dropped.
    void Detach() {
        std::map<EntryId, Retained<IOService>> known;
        std::array<std::deque<Retained<IOService>>, kNumTypes> waiting;
        const std::lock_guard lock(mutex_);
        source_ = nullptr;
        known.swap(known_);
        waiting.swap(waiting_);
    }

private:
    [[nodiscard]] size_t CountWaiting() const {
        size_t count = 0;
        for (const auto &queue : waiting_) {
            count += queue.size();
        }
        return count;
    }

    // Tells of the first one that waits, once the source is enabled.
    template <typename Change>
    void Add(Change change) {
        Retained<IOServiceNotificationDispatchSource> source;
        {
            const std::lock_guard lock(mutex_);
            if (source_ == nullptr) {
                return;
            }
            change();
            if (CountWaiting() == 0 || is_told_ ||
                !opendext::object::ObjectInternals::TryRetain(source_)) {
                return;
            }
            source.reset(source_);
        }
        source->ivars->TellIfAny(source.get());
    }

    std::mutex mutex_;
    // All guarded by mutex_.
    IOServiceNotificationDispatchSource *source_;
    std::map<EntryId, Retained<IOService>> known_;  // that the driver has been, or will be, told of
    std::array<std::deque<Retained<IOService>>, kNumTypes> waiting_;
    bool is_told_ = false;  // of what waits
};

kern_return_t IOServiceNotificationDispatchSource_IVars::BeginWatch(
    const std::shared_ptr<ServiceContext> &context) {
    const std::lock_guard lock(watch_mutex);
    if (watched_in != nullptr) {
        return kIOReturnSuccess;
    }
    const kern_return_t status = context->watcher->WatchServices(matching, pending, &watch);
    if (status == kIOReturnSuccess) {
        watched_in = context;
    }
    return status;
}

void IOServiceNotificationDispatchSource_IVars::StopWatch() {
    const std::lock_guard lock(watch_mutex);
    if (const auto context = std::exchange(watched_in, nullptr)) {
        context->watcher->StopWatch(watch);
    }
}

void IOServiceNotificationDispatchSource_IVars::TellIfAny(
    IOServiceNotificationDispatchSource *source) {
    if (gate->IsEnabled() && pending->BeginTelling()) {
        handler.Send([source](OSAction *action) { source->ServiceNotificationReady(action); });
    }
}

bool IOServiceNotificationDispatchSource::init() {
    if (!super::init()) {
        return false;
    }
    ivars = new (std::nothrow) IOServiceNotificationDispatchSource_IVars;
    return ivars != nullptr;
}

void IOServiceNotificationDispatchSource::free() {
    if (ivars != nullptr) {
        ivars->StopWatch();
        if (ivars->pending != nullptr) {
            ivars->pending->Detach();
        }
        if (ivars->gate != nullptr) {
            ivars->gate->Detach();
        }
        delete std::exchange(ivars, nullptr);
    }
    super::free();
}

kern_return_t IOServiceNotificationDispatchSource::Create_Impl(
    OSDictionary *matching, uint64_t options, IODispatchQueue *queue,
    IOServiceNotificationDispatchSource **notification) {
    if (notification == nullptr) {
        return kIOReturnBadArgument;
    }
    *notification = nullptr;
    if (matching == nullptr || options != 0 || queue == nullptr) {
        return kIOReturnBadArgument;
    }
    std::optional<PropertyValue> value = opendext::service::ToPropertyValue(matching);
    if (!value) {
        return kIOReturnBadArgument;
    }
    Retained<IOServiceNotificationDispatchSource> made(
        OSTypeAlloc(IOServiceNotificationDispatchSource));
    if (made == nullptr || !made->init()) {
        return kIOReturnNoMemory;
    }
    made->ivars->matching = *std::move(value);
    made->ivars->pending =
        std::make_shared<IOServiceNotificationDispatchSource_IVars::Pending>(made.get());
    made->ivars->gate = std::make_shared<SourceGate>(made.get(), queue, true);
    *notification = made.release();
    return kIOReturnSuccess;
}

namespace {

// Where the action's target lives; the error is SetHandler's.
std::expected<std::shared_ptr<ServiceContext>, kern_return_t> ContextOf(OSAction *action) {
    const Retained<OSObject> target(opendext::dispatch::CopyTargetOf(action));
    const auto *service = OSDynamicCast(IOService, target.get());
    if (service == nullptr) {
        return std::unexpected(kIOReturnBadArgument);
    }
    if (service->ivars == nullptr || service->ivars->context == nullptr ||
        service->ivars->context->watcher == nullptr) {
        return std::unexpected(kIOReturnNotAttached);
    }
    return service->ivars->context;
}

}  // namespace

kern_return_t IOServiceNotificationDispatchSource::SetHandler_Impl(OSAction *action) {
    std::shared_ptr<ServiceContext> context;
    if (action != nullptr) {
        auto found = ContextOf(action);
        if (!found) {
            return found.error();
        }
        context = *std::move(found);
    }
    const kern_return_t status = ivars->handler.Set(action);
    if (status != kIOReturnSuccess || context == nullptr) {
        return status;
    }
    ivars->gate->NoteTarget(opendext::dispatch::TargetOf(action));
    ivars->pending->ForgetTelling();
    ivars->TellIfAny(this);
    return ivars->BeginWatch(context);
}

kern_return_t IOServiceNotificationDispatchSource::SetEnableWithCompletion_Impl(
    bool enable, IODispatchSourceCancelHandler handler) {
    return ivars->gate->SetEnable(enable, handler, [this](bool) { ivars->TellIfAny(this); });
}

kern_return_t IOServiceNotificationDispatchSource::Cancel_Impl(
    IODispatchSourceCancelHandler handler) {
    ivars->StopWatch();
    ivars->pending->Detach();
    return opendext::service::CancelSource(this, ivars->gate, {&ivars->handler}, handler);
}

kern_return_t IOServiceNotificationDispatchSource::CheckForWork_Impl(bool) {
    return kIOReturnUnsupported;
}

kern_return_t IOServiceNotificationDispatchSource::DeliverNotifications(
    IOServiceNotificationBlock block) {
    if (block == nullptr) {
        return kIOReturnBadArgument;
    }
    for (;;) {
        const Notification next = ivars->pending->Take();
        if (next.service == nullptr) {
            return kIOReturnSuccess;
        }
        block(next.type, next.service.get(), 0);
    }
}

kern_return_t IOServiceNotificationDispatchSource::CopyNextNotification_Impl(uint64_t *type,
                                                                             IOService **service,
                                                                             uint64_t *options) {
    if (type == nullptr || service == nullptr || options == nullptr) {
        return kIOReturnBadArgument;
    }
    Notification next = ivars->pending->Take();
    *type = next.type;
    *service = next.service.release();
    *options = 0;
    return kIOReturnSuccess;
}
