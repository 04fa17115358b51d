// SPDX-License-Identifier: Apache-2.0
/// @file queue_table.h
/// The queues of one object by name: what SetDispatchQueue and CopyDispatchQueue work on, and where method calls
/// look up their queue. An object has a table from the first Set on. Any thread.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <DriverKit/IODispatchQueue.h>
#include <DriverKit/OSObject.h>

#include "runtime/object/object_internals.h"

namespace opendext::dispatch {

/// The name of the queue for methods without QUEUENAME.
inline constexpr char kDefaultQueueName[] = "Default";

/// A queue that is replaced stays retained until the object is freed, because a call may be on its way to it.
class QueueTable final : public object::ObjectAttachment {
public:
    /// Sets the queue of `name`; retains it.
    /// @return kIOReturnSuccess; kIOReturnBadArgument when `name` is not declared (IsDeclared) or longer than 255
    ///         characters, or `queue` is NULL.
    static kern_return_t Set(OSObject *target, const char *name, IODispatchQueue *queue);

    /// The queue of `name`, +1.
    /// @return kIOReturnSuccess; kIOReturnNotFound when none was set under that name; kIOReturnBadArgument.
    static kern_return_t Copy(const OSObject *target, const char *name, IODispatchQueue **queue);

    /// Whether `name` is "Default", or the QUEUENAME of a method of the object's class or of a base class.
    [[nodiscard]] static bool IsDeclared(const OSObject *target, const char *name);

    /// The queue that `method` of the object runs on: its QUEUENAME's, else the default queue; NULL when the
    /// object has none. +0, valid as long as the object.
    [[nodiscard]] static IODispatchQueue *ForMethod(const OSObject *target,
                                                    const OSMethodDescription &method);

    /// The queues that were ever set, but for the default one, +1 each.
    [[nodiscard]] static std::vector<IODispatchQueue *> CopyAll(const OSObject *target);

    /// The default queue, +0, or NULL.
    [[nodiscard]] static IODispatchQueue *Default(const OSObject *target);

    QueueTable() = default;
    ~QueueTable() override;

private:
    struct NamedQueue {
        std::string name;
        IODispatchQueue *queue;
    };

    static const QueueTable *Of(const OSObject *target);
    static QueueTable *MakeFor(OSObject *target);
    IODispatchQueue *Find(const char *name) const;
    void TellOfMissing(const OSObject *target, const OSMethodDescription &method) const;

    std::atomic<IODispatchQueue *> default_queue_{nullptr};
    mutable std::atomic<bool> has_told_of_missing_{false};
    std::atomic<bool> has_named_queues_{false};  // most objects have none: no lock then
    mutable std::mutex mutex_;
    std::vector<NamedQueue> named_queues_;       // guarded by mutex_
    std::vector<IODispatchQueue *> references_;  // all ever set; guarded by mutex_
};

}  // namespace opendext::dispatch
