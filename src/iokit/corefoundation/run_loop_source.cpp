// SPDX-License-Identifier: Apache-2.0
#include "iokit/corefoundation/run_loop_source.h"

#include <atomic>

#include "iokit/corefoundation/run_loop_state.h"

using opendext::cf::CheckType;
using opendext::cf::ClassInfo;
using opendext::cf::Misuse;
using opendext::cf::Object;
using opendext::cf::RunLoopMutex;

namespace {

void DestroySource(const Object *object) {
    auto *const source =
        const_cast<__CFRunLoopSource *>(static_cast<const __CFRunLoopSource *>(object));
    if (source->valid && source->context.release != nullptr) {
        source->context.release(source->context.info);
    }
    delete source;
}

bool EqualSources(const Object *left_object, const Object *right_object) {
    const auto &left = *static_cast<const __CFRunLoopSource *>(left_object);
    const auto &right = *static_cast<const __CFRunLoopSource *>(right_object);
    return left.order == right.order && left.context.perform == right.context.perform &&
           left.context.equal != nullptr && left.context.equal == right.context.equal &&
           left.context.equal(left.context.info, right.context.info) != 0;
}

CFHashCode HashSource(const Object *object) {
    const auto &source = *static_cast<const __CFRunLoopSource *>(object);
    return source.context.hash != nullptr ? source.context.hash(source.context.info)
                                          : reinterpret_cast<CFHashCode>(object);
}

constexpr ClassInfo kSourceClass = {"CFRunLoopSource", opendext::cf::kTypeRunLoopSource,
                                    DestroySource,     EqualSources,
                                    HashSource,        nullptr};

// The info of a RunLoopSource: counted, as its callback may outlive the RunLoopSource by one call.
struct Callback {
    std::function<void()> perform;
    mutable std::atomic<int> references = 1;
};

const void *RetainCallback(const void *info) {
    static_cast<const Callback *>(info)->references.fetch_add(1, std::memory_order_relaxed);
    return info;
}

void ReleaseCallback(const void *info) {
    const auto *const callback = static_cast<const Callback *>(info);
    if (callback->references.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        delete callback;
    }
}

void PerformCallback(void *info) {
    static_cast<const Callback *>(info)->perform();
}

}  // namespace

namespace opendext::cf {

RunLoopSource::RunLoopSource(std::function<void()> perform) {
    auto *const callback = new Callback{std::move(perform)};
    CFRunLoopSourceContext context = {};
    context.info = callback;
    context.retain = RetainCallback;
    context.release = ReleaseCallback;
    context.perform = PerformCallback;
    source_ = CFRunLoopSourceCreate(kCFAllocatorDefault, 0, &context);
    ReleaseCallback(callback);
}

RunLoopSource::~RunLoopSource() {
    CFRunLoopSourceInvalidate(source_);
    CFRelease(source_);
}

void RunLoopSource::Signal() {
    const std::scoped_lock lock(RunLoopMutex());
    source_->signaled = true;
    for (const Membership &membership : source_->memberships) {
        membership.loop->Wake();
    }
}

}  // namespace opendext::cf

CFTypeID CFRunLoopSourceGetTypeID(void) {
    return opendext::cf::kTypeRunLoopSource;
}

CFRunLoopSourceRef CFRunLoopSourceCreate(CFAllocatorRef /*allocator*/, CFIndex order,
                                         CFRunLoopSourceContext *context) {
    if (context == nullptr || context->version != 0 || context->perform == nullptr) {
        Misuse(__func__, "the context must be of version 0 and have a perform callback");
    }
    auto *const source = new __CFRunLoopSource(kSourceClass, 0, 1);
    source->order = order;
    source->context = *context;
    if (context->retain != nullptr) {
        source->context.info = const_cast<void *>(context->retain(context->info));
    }
    return source;
}

CFIndex CFRunLoopSourceGetOrder(CFRunLoopSourceRef source) {
    CheckType(__func__, source, CFRunLoopSourceGetTypeID());
    return source->order;
}

void CFRunLoopSourceGetContext(CFRunLoopSourceRef source, CFRunLoopSourceContext *context) {
    CheckType(__func__, source, CFRunLoopSourceGetTypeID());
    if (context == nullptr || context->version != 0) {
        Misuse(__func__, "the context must be of version 0");
    }
    *context = source->context;
}

void CFRunLoopSourceSignal(CFRunLoopSourceRef source) {
    CheckType(__func__, source, CFRunLoopSourceGetTypeID());
    const std::scoped_lock lock(RunLoopMutex());
    source->signaled = true;
}

Boolean CFRunLoopSourceIsValid(CFRunLoopSourceRef source) {
    CheckType(__func__, source, CFRunLoopSourceGetTypeID());
    const std::scoped_lock lock(RunLoopMutex());
    return source->valid;
}
