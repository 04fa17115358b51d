// SPDX-License-Identifier: Apache-2.0
/// @file hosted_services.h
/// The services that live in this process, by registry entry, and the providers that they have.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <DriverKit/IOService.h>

#include "host/failed_starts.h"
#include "runtime/memory/retained.h"
#include "runtime/service/service_context.h"

namespace opendext::host {

/// Told once: the base class's Stop ran, or Stop failed.
using StopAnswer = std::function<void(int32_t)>;

/// Keeps every hosted object from its Start until it has stopped. Any thread; no lock is held while driver code
/// runs or an answer is given.
class HostedServices final : public service::ServiceListener {
public:
    explicit HostedServices(std::string dext_name) : dext_name_(std::move(dext_name)) {}

    /// Adds a service that is about to start or has started.
    void Add(EntryId entry, memory::Retained<IOService> service,
             memory::Retained<IOService> provider);

    /// Forgets one whose Start failed.
    void Remove(EntryId entry);

    /// A further reference, or NULL.
    [[nodiscard]] memory::Retained<IOService> Find(EntryId entry);
    [[nodiscard]] memory::Retained<IOService> FindProviderOf(EntryId entry);

    /// The provider object of an entry that is not hosted here, while a service has it; else NULL.
    [[nodiscard]] memory::Retained<IOService> FindProviderObject(EntryId provider_entry);

    /// `answer` is given when the service has stopped; at once when it has already, or is unknown.
    void AwaitStop(EntryId entry, StopAnswer answer);

    /// Stop failed: that counts as stopped (semantics.md 3.7).
    void StopFailed(EntryId entry, int32_t status);

    /// Whether the service is here and its base class's Stop has not run.
    [[nodiscard]] bool IsRunning(EntryId entry);

    /// Stop has returned success. @return whether the service is still here: its base class's Stop has not run.
    [[nodiscard]] bool NoteStopReturned(EntryId entry);

    /// Drops everything; pending answers become `status`. What is added later is dropped at once. Reports what should
    /// have stopped, and what failed Starts have left.
    void Clear(int32_t status);

    [[nodiscard]] size_t size();

    void ServiceCreated(EntryId entry, IOService *service, IOService *provider) override;
    void CreationFailed(EntryId entry) override { Remove(entry); }
    void StartFailed(service::FailedStart start) override {
        failed_starts_->Watch(std::move(start));
    }
    void BaseStopRan(EntryId entry, IOService *service) override;

private:
    struct Hosted {
        memory::Retained<IOService> service;
        memory::Retained<IOService> provider;
        std::vector<StopAnswer> answers;
        bool stop_returned = false;

        void Answer(int32_t status);
    };

    std::optional<Hosted> Take(EntryId entry);
    void AwaitLateStops();

    const std::string dext_name_;
    const std::shared_ptr<FailedStarts> failed_starts_ = std::make_shared<FailedStarts>();
    std::mutex mutex_;
    std::map<EntryId, Hosted> services_;  // guarded by mutex_
    bool is_cleared_ = false;             // guarded by mutex_
};

}  // namespace opendext::host
