// SPDX-License-Identifier: Apache-2.0
#include "runtime/dispatch/queue_table.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "runtime/diagnostics/diagnostic.h"

namespace opendext::dispatch {

using object::ObjectInternals;

QueueTable::~QueueTable() {
    for (IODispatchQueue *queue : references_) {
        queue->release();
    }
}

const QueueTable *QueueTable::Of(const OSObject *target) {
    return static_cast<const QueueTable *>(ObjectInternals::Attachment(target));
}

QueueTable *QueueTable::MakeFor(OSObject *target) {
    if (object::ObjectAttachment *present = ObjectInternals::Attachment(target)) {
        return static_cast<QueueTable *>(present);
    }
    auto made = std::make_unique<QueueTable>();
    object::ObjectAttachment *attached = ObjectInternals::Attach(target, made.get());
    if (attached == made.get()) {
        return made.release();
    }
    return static_cast<QueueTable *>(attached);
}

kern_return_t QueueTable::Set(OSObject *target, const char *name, IODispatchQueue *queue) {
    if (name == nullptr || queue == nullptr ||
        strnlen(name, sizeof(IODispatchQueueName)) == sizeof(IODispatchQueueName) ||
        !IsDeclared(target, name)) {
        return kIOReturnBadArgument;
    }
    QueueTable *table = MakeFor(target);
    queue->retain();
    const std::lock_guard lock(table->mutex_);
    table->references_.push_back(queue);
    if (std::strcmp(name, kDefaultQueueName) == 0) {
        table->default_queue_.store(queue, std::memory_order_release);
        return kIOReturnSuccess;
    }
    const auto present = std::ranges::find_if(
        table->named_queues_, [name](const NamedQueue &entry) { return entry.name == name; });
    if (present != table->named_queues_.end()) {
        present->queue = queue;
    } else {
        table->named_queues_.push_back({.name = name, .queue = queue});
        table->has_named_queues_.store(true, std::memory_order_release);
    }
    return kIOReturnSuccess;
}

kern_return_t QueueTable::Copy(const OSObject *target, const char *name, IODispatchQueue **queue) {
    if (queue == nullptr) {
        return kIOReturnBadArgument;
    }
    *queue = nullptr;
    if (name == nullptr) {
        return kIOReturnBadArgument;
    }
    const QueueTable *table = Of(target);
    if (table == nullptr) {
        return kIOReturnNotFound;
    }
    *queue = std::strcmp(name, kDefaultQueueName) == 0
                 ? table->default_queue_.load(std::memory_order_acquire)
                 : table->Find(name);
    if (*queue == nullptr) {
        return kIOReturnNotFound;
    }
    (*queue)->retain();
    return kIOReturnSuccess;
}

bool QueueTable::IsDeclared(const OSObject *target, const char *name) {
    if (std::strcmp(name, kDefaultQueueName) == 0) {
        return true;
    }
    for (const OSMetaClass *meta_class = target->getMetaClass(); meta_class != nullptr;
         meta_class = meta_class->getSuperClass()) {
        const OSClassDescription &description = meta_class->description();
        for (uint32_t i = 0; i < description.methodCount; ++i) {
            const char *queue_name = description.methods[i].queueName;
            if (queue_name != nullptr && std::strcmp(queue_name, name) == 0) {
                return true;
            }
        }
    }
    return false;
}

#pragma clang section text = "opendext_call_driver"
IODispatchQueue *QueueTable::ForMethod(const OSObject *target, const OSMethodDescription &method) {
    const QueueTable *table = Of(target);
    if (table == nullptr) {
        return nullptr;
    }
    if (method.queueName != nullptr) {
        if (IODispatchQueue *queue = table->Find(method.queueName)) {
            return queue;
        }
        // Not for the methods of the system: a driver may leave their queues to it.
        if ((method.id & kIORPCMessageIDKernel) == 0) {
            table->TellOfMissing(target, method);
        }
    }
    return table->default_queue_.load(std::memory_order_acquire);
}

#pragma clang section text = ""

[[gnu::noinline]] void QueueTable::TellOfMissing(const OSObject *target,
                                                 const OSMethodDescription &method) const {
    if (has_told_of_missing_.load(std::memory_order_relaxed) ||
        has_told_of_missing_.exchange(true)) {
        return;
    }
    const diagnostics::Occurrence occurrence{.id = diagnostics::DiagnosticId::kWrongQueue,
                                             .class_name = target->getMetaClass()->getClassName(),
                                             .object = target,
                                             .method = method.name,
                                             .place = {}};
    if (diagnostics::IsFirst(occurrence)) {
        diagnostics::Report(
            occurrence,
            fmt::format(
                "it declares QUEUENAME({}), no queue is set under that name, and it runs on "
                "the default queue; on the original it runs beside the object's other "
                "methods",
                method.queueName),
            fmt::format("call SetDispatchQueue(\"{}\", queue) in init or Start", method.queueName));
    }
}

std::vector<IODispatchQueue *> QueueTable::CopyAll(const OSObject *target) {
    std::vector<IODispatchQueue *> queues;
    if (const QueueTable *table = Of(target)) {
        const std::lock_guard lock(table->mutex_);
        for (const NamedQueue &entry : table->named_queues_) {
            entry.queue->retain();
            queues.push_back(entry.queue);
        }
    }
    return queues;
}

#pragma clang section text = "opendext_call_driver"

IODispatchQueue *QueueTable::Default(const OSObject *target) {
    const QueueTable *table = Of(target);
    return table != nullptr ? table->default_queue_.load(std::memory_order_acquire) : nullptr;
}

IODispatchQueue *QueueTable::Find(const char *name) const {
    if (!has_named_queues_.load(std::memory_order_acquire)) {
        return nullptr;
    }
    const std::lock_guard lock(mutex_);
    const auto found = std::ranges::find_if(
        named_queues_, [name](const NamedQueue &entry) { return entry.name == name; });
    return found != named_queues_.end() ? found->queue : nullptr;
}
#pragma clang section text = ""

}  // namespace opendext::dispatch
