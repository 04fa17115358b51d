// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "channel/wire/service_directory.h"
#include "iokit/notification_port.h"

namespace opendext::iokit {

class NotificationIterator;
class InterestObject;

/// Brings completions and registry events to the notification port they are for. Called on transport and
/// driver threads; only queues, callbacks run where the port says. Thread-safe.
class NotificationRouter final : public channel::CompletionSink, public channel::DirectoryListener {
public:
    /// A callback as IOAsyncCallback is.
    using WordsCallback = void (*)(void *refcon, int32_t result, void **words, uint32_t num_words);
    /// From now on that function gets the words as an array, however many there are. For a test harness, which does not know
    /// the number.
    static void SetWordsCallback(WordsCallback callback);

    /// Makes `port` known by its number.
    void AddPort(const std::shared_ptr<NotificationPort> &port);
    void RemovePort(mach_port_t name);
    [[nodiscard]] std::shared_ptr<NotificationPort> FindPort(mach_port_t name) const;

    /// From now on events of the watch go to that object, while it lives.
    void AddWatch(uint64_t watch, std::weak_ptr<NotificationIterator> iterator);
    void AddWatch(uint64_t watch, std::weak_ptr<InterestObject> interest);
    void RemoveWatch(uint64_t watch);

    void Complete(const channel::AsyncCompletion &completion) override;
    void OnServices(uint64_t watch, const std::vector<channel::EntryId> &services) override;
    void OnInterest(uint64_t watch, channel::EntryId service, uint32_t message_type) override;

private:
    mutable std::mutex mutex_;
    std::unordered_map<mach_port_t, std::weak_ptr<NotificationPort>> ports_;  // guarded by mutex_
    std::unordered_map<uint64_t, std::weak_ptr<NotificationIterator>>
        service_watches_;  // guarded by mutex_
    std::unordered_map<uint64_t, std::weak_ptr<InterestObject>>
        interest_watches_;  // guarded by mutex_
    /// Arrivals and messages that came before the call that started their watch had returned.
    struct EarlyEvents {
        std::vector<channel::EntryId> services;
        std::vector<uint32_t> messages;
    };
    std::unordered_map<uint64_t, EarlyEvents> early_;  // guarded by mutex_
};

}  // namespace opendext::iokit
