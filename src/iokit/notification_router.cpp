// SPDX-License-Identifier: Apache-2.0
#include "iokit/notification_router.h"

#include <atomic>
#include <utility>

#include <IOKit/IOKitLib.h>

#include "iokit/service_notification.h"

namespace opendext::iokit {

namespace {

std::atomic<NotificationRouter::WordsCallback> g_words_callback{nullptr};

// The callback's form goes by the number of words (semantics.md 2.7).
void CallOut(const channel::AsyncCompletion &completion) {
    const auto &references = completion.target.references;
    const uint64_t function = references[kIOAsyncCalloutFuncIndex];
    auto *refcon = reinterpret_cast<void *>(references[kIOAsyncCalloutRefconIndex]);
    if (function == 0) {
        return;
    }
    void *words[channel::kMaxAsyncArguments];
    for (uint32_t i = 0; i < completion.num_arguments; ++i) {
        words[i] = reinterpret_cast<void *>(completion.arguments[i]);
    }
    if (const auto in_words = g_words_callback.load(std::memory_order_relaxed);
        function == reinterpret_cast<uint64_t>(in_words)) {
        in_words(refcon, completion.result, words, completion.num_arguments);
        return;
    }
    switch (completion.num_arguments) {
        case 0:
            reinterpret_cast<IOAsyncCallback0>(function)(refcon, completion.result);
            break;
        case 1:
            reinterpret_cast<IOAsyncCallback1>(function)(refcon, completion.result, words[0]);
            break;
        case 2:
            reinterpret_cast<IOAsyncCallback2>(function)(refcon, completion.result, words[0],
                                                         words[1]);
            break;
        default:
            reinterpret_cast<IOAsyncCallback>(function)(refcon, completion.result, words,
                                                        completion.num_arguments);
    }
}

}  // namespace

void NotificationRouter::SetWordsCallback(WordsCallback callback) {
    g_words_callback.store(callback, std::memory_order_relaxed);
}

void NotificationRouter::AddPort(const std::shared_ptr<NotificationPort> &port) {
    const std::lock_guard lock(mutex_);
    ports_.insert_or_assign(port->name(), port);
}

void NotificationRouter::RemovePort(mach_port_t name) {
    const std::lock_guard lock(mutex_);
    ports_.erase(name);
}

std::shared_ptr<NotificationPort> NotificationRouter::FindPort(mach_port_t name) const {
    const std::lock_guard lock(mutex_);
    const auto found = ports_.find(name);
    return found == ports_.end() ? nullptr : found->second.lock();
}

void NotificationRouter::AddWatch(uint64_t watch, std::weak_ptr<NotificationIterator> iterator) {
    std::vector<channel::EntryId> early;
    const std::shared_ptr<NotificationIterator> strong = iterator.lock();
    {
        const std::lock_guard lock(mutex_);
        service_watches_.insert_or_assign(watch, std::move(iterator));
        if (const auto found = early_.find(watch); found != early_.end()) {
            early = std::move(found->second.services);
            early_.erase(found);
        }
    }
    if (strong && !early.empty()) {
        strong->Arrived(early);
    }
}

void NotificationRouter::AddWatch(uint64_t watch, std::weak_ptr<InterestObject> interest) {
    std::vector<uint32_t> early;
    const std::shared_ptr<InterestObject> strong = interest.lock();
    {
        const std::lock_guard lock(mutex_);
        interest_watches_.insert_or_assign(watch, std::move(interest));
        if (const auto found = early_.find(watch); found != early_.end()) {
            early = std::move(found->second.messages);
            early_.erase(found);
        }
    }
    for (const uint32_t message : early) {
        if (strong) {
            strong->Deliver(message);
        }
    }
}

void NotificationRouter::RemoveWatch(uint64_t watch) {
    const std::lock_guard lock(mutex_);
    service_watches_.erase(watch);
    interest_watches_.erase(watch);
    early_.erase(watch);
}

void NotificationRouter::Complete(const channel::AsyncCompletion &completion) {
    const auto port = FindPort(static_cast<mach_port_t>(completion.target.port));
    if (port) {
        port->Post([completion] { CallOut(completion); });
    }
}

void NotificationRouter::OnServices(uint64_t watch, const std::vector<channel::EntryId> &services) {
    std::shared_ptr<NotificationIterator> iterator;
    {
        const std::lock_guard lock(mutex_);
        const auto found = service_watches_.find(watch);
        if (found == service_watches_.end()) {
            auto &early = early_[watch].services;
            early.insert(early.end(), services.begin(), services.end());
            return;
        }
        iterator = found->second.lock();
    }
    if (iterator) {
        iterator->Arrived(services);
    }
}

void NotificationRouter::OnInterest(uint64_t watch, channel::EntryId /*service*/,
                                    uint32_t message_type) {
    std::shared_ptr<InterestObject> interest;
    {
        const std::lock_guard lock(mutex_);
        const auto found = interest_watches_.find(watch);
        if (found == interest_watches_.end()) {
            early_[watch].messages.push_back(message_type);
            return;
        }
        interest = found->second.lock();
    }
    if (interest) {
        interest->Deliver(message_type);
    }
}

}  // namespace opendext::iokit
