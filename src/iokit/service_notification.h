// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <IOKit/IOKitLib.h>

#include "channel/wire/service_directory.h"
#include "iokit/notification_port.h"
#include "iokit/object_table.h"

namespace opendext::iokit {

/// The iterator of a matching notification (semantics.md 7.3): it holds what has arrived, last first, and is
/// armed when the application has drained it. Its end ends the watch. Thread-safe.
class NotificationIterator final : public NamedObject,
                                   public std::enable_shared_from_this<NotificationIterator> {
public:
    struct Callback {
        IOServiceMatchingCallback function = nullptr;
        void *refcon = nullptr;
    };

    NotificationIterator(std::shared_ptr<NotificationPort> port, Callback callback);
    ~NotificationIterator() override;

    [[nodiscard]] std::string ClassName() const override { return "IOServiceUserNotification"; }

    /// Names the iterator and its watch; before any arrival is delivered.
    void Attach(mach_port_t name, uint64_t watch, const std::vector<channel::EntryId> &existing);

    /// The entry that arrived last, or kNone: then the next arrival calls back.
    channel::EntryId Next();

    /// New arrivals; posts the callback if the iterator is armed. At most 1024 wait, later ones are dropped.
    void Arrived(const std::vector<channel::EntryId> &services);

private:
    void PostIfArmed();

    const std::shared_ptr<NotificationPort> port_;
    const Callback callback_;
    std::mutex mutex_;
    std::deque<channel::EntryId> waiting_;  // guarded by mutex_, as all below
    bool armed_ = false;
    mach_port_t name_ = MACH_PORT_NULL;
    uint64_t watch_ = 0;
};

/// An interest notification. Its end ends the watch. Thread-safe.
class InterestObject final : public NamedObject,
                             public std::enable_shared_from_this<InterestObject> {
public:
    struct Callback {
        IOServiceInterestCallback function = nullptr;
        void *refcon = nullptr;
        io_service_t service = IO_OBJECT_NULL;
    };

    InterestObject(std::shared_ptr<NotificationPort> port, Callback callback)
        : port_(std::move(port)), callback_(callback) {}
    ~InterestObject() override;

    [[nodiscard]] std::string ClassName() const override {
        return "IOServiceMessageUserNotification";
    }

    void Attach(uint64_t watch) { watch_ = watch; }
    void Deliver(uint32_t message_type);

private:
    const std::shared_ptr<NotificationPort> port_;
    const Callback callback_;
    uint64_t watch_ = 0;
};

}  // namespace opendext::iokit
