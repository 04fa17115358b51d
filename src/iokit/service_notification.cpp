// SPDX-License-Identifier: Apache-2.0
#include "iokit/service_notification.h"

#include <utility>

#include "iokit/session.h"

namespace opendext::iokit {

namespace {

constexpr size_t kMostWaiting = 1024;

void EndWatch(uint64_t watch) {
    if (watch == 0) {
        return;
    }
    Session &session = Session::Current();
    if (const auto directory = session.directory()) {
        directory->StopWatch(watch);
    }
    session.router().RemoveWatch(watch);
}

}  // namespace

NotificationIterator::NotificationIterator(std::shared_ptr<NotificationPort> port,
                                           Callback callback)
    : port_(std::move(port)), callback_(callback) {}

NotificationIterator::~NotificationIterator() {
    EndWatch(watch_);
}

void NotificationIterator::Attach(mach_port_t name, uint64_t watch,
                                  const std::vector<channel::EntryId> &existing) {
    const std::lock_guard lock(mutex_);
    name_ = name;
    watch_ = watch;
    waiting_.insert(waiting_.end(), existing.begin(), existing.end());
}

channel::EntryId NotificationIterator::Next() {
    const std::lock_guard lock(mutex_);
    if (waiting_.empty()) {
        armed_ = true;
        return channel::EntryId::kNone;
    }
    const channel::EntryId last = waiting_.back();
    waiting_.pop_back();
    return last;
}

void NotificationIterator::Arrived(const std::vector<channel::EntryId> &services) {
    {
        const std::lock_guard lock(mutex_);
        for (const channel::EntryId service : services) {
            if (waiting_.size() < kMostWaiting) {
                waiting_.push_back(service);
            }
        }
    }
    PostIfArmed();
}

void NotificationIterator::PostIfArmed() {
    {
        const std::lock_guard lock(mutex_);
        if (!armed_ || waiting_.empty()) {
            return;
        }
        armed_ = false;
    }
    port_->Post([weak = weak_from_this()] {
        if (const auto iterator = weak.lock()) {
            iterator->callback_.function(iterator->callback_.refcon, iterator->name_);
        }
    });
}

InterestObject::~InterestObject() {
    EndWatch(watch_);
}

void InterestObject::Deliver(uint32_t message_type) {
    port_->Post([weak = weak_from_this(), message_type] {
        if (const auto interest = weak.lock()) {
            const Callback &callback = interest->callback_;
            callback.function(callback.refcon, callback.service, message_type, nullptr);
        }
    });
}

}  // namespace opendext::iokit
