// SPDX-License-Identifier: Apache-2.0
#include "host/hosted_services.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "host/stop_watch.h"
#include "runtime/dispatch/serial_queue.h"
#include "runtime/dispatch/worker_pool.h"
#include "runtime/service/service_state.h"

namespace opendext::host {

using memory::Retain;
using memory::Retained;

namespace {

constexpr std::chrono::milliseconds kLateStopPatience{3000};

// Releases what a stopped service holds when the work that now runs on this thread's queue has ended: the base
// class's Stop is called out of the driver's own code, which may touch its object and provider afterwards.
struct ReleaseItem final : dispatch::WorkItem {
    Retained<IOService> service;
    Retained<IOService> provider;
};

void ReleaseAfterThisTurn(Retained<IOService> service, Retained<IOService> provider) {
    const dispatch::QueueFrame *frame = dispatch::SerialQueue::CurrentFrame();
    if (frame == nullptr) {
        return;
    }
    auto item = std::make_unique<ReleaseItem>();
    item->service = std::move(service);
    item->provider = std::move(provider);
    item->always = true;
    item->run = [](dispatch::WorkItem *done, bool) { delete static_cast<ReleaseItem *>(done); };
    frame->queue->Submit(item.release());
}

}  // namespace

void HostedServices::Hosted::Answer(int32_t status) {
    for (const StopAnswer &answer : answers) {
        answer(status);
    }
}

void HostedServices::Add(EntryId entry, Retained<IOService> service, Retained<IOService> provider) {
    Hosted dropped;
    const std::scoped_lock lock(mutex_);
    if (is_cleared_) {
        dropped = {std::move(service), std::move(provider), {}, false};
        return;
    }
    services_[entry] = {std::move(service), std::move(provider), {}, false};
}

std::optional<HostedServices::Hosted> HostedServices::Take(EntryId entry) {
    const std::scoped_lock lock(mutex_);
    const auto found = services_.find(entry);
    if (found == services_.end()) {
        return std::nullopt;
    }
    Hosted hosted = std::move(found->second);
    services_.erase(found);
    return hosted;
}

void HostedServices::Remove(EntryId entry) {
    (void)Take(entry);
}

Retained<IOService> HostedServices::Find(EntryId entry) {
    const std::scoped_lock lock(mutex_);
    const auto found = services_.find(entry);
    return found == services_.end() ? nullptr : Retain(found->second.service.get());
}

Retained<IOService> HostedServices::FindProviderOf(EntryId entry) {
    const std::scoped_lock lock(mutex_);
    const auto found = services_.find(entry);
    return found == services_.end() ? nullptr : Retain(found->second.provider.get());
}

Retained<IOService> HostedServices::FindProviderObject(EntryId provider_entry) {
    const std::scoped_lock lock(mutex_);
    for (const auto &[entry, hosted] : services_) {
        if (hosted.provider != nullptr &&
            service::EntryOf(hosted.provider.get()) == provider_entry) {
            return Retain(hosted.provider.get());
        }
    }
    return nullptr;
}

void HostedServices::AwaitStop(EntryId entry, StopAnswer answer) {
    {
        const std::scoped_lock lock(mutex_);
        const auto found = services_.find(entry);
        if (found != services_.end()) {
            found->second.answers.push_back(std::move(answer));
            return;
        }
    }
    answer(kIOReturnSuccess);
}

void HostedServices::StopFailed(EntryId entry, int32_t status) {
    if (std::optional<Hosted> hosted = Take(entry)) {
        hosted->Answer(status);
    }
}

bool HostedServices::IsRunning(EntryId entry) {
    const std::scoped_lock lock(mutex_);
    return services_.contains(entry);
}

bool HostedServices::NoteStopReturned(EntryId entry) {
    const std::scoped_lock lock(mutex_);
    const auto found = services_.find(entry);
    if (found == services_.end()) {
        return false;
    }
    found->second.stop_returned = true;
    return true;
}

// A Stop that was sent one-way may have left the rest to a handler of Cancel, which is on its way.
void HostedServices::AwaitLateStops() {
    const auto is_late = [](const auto &each) { return each.second.stop_returned; };
    bool is_any_late = false;
    {
        const std::scoped_lock lock(mutex_);
        is_any_late = std::ranges::any_of(services_, is_late);
    }
    if (is_any_late) {
        (void)dispatch::WorkerPool::Instance().WaitUntilIdle(kLateStopPatience);
    }
}

void HostedServices::Clear(int32_t status) {
    AwaitLateStops();
    std::map<EntryId, Hosted> dropped;
    {
        const std::scoped_lock lock(mutex_);
        is_cleared_ = true;
        dropped.swap(services_);
    }
    for (auto &[entry, hosted] : dropped) {
        if (hosted.stop_returned) {
            ReportStopWithoutSuper(hosted.service.get());
        }
        hosted.Answer(status);
    }
    failed_starts_->Close();
}

size_t HostedServices::size() {
    const std::scoped_lock lock(mutex_);
    return services_.size();
}

void HostedServices::ServiceCreated(EntryId entry, IOService *service, IOService *provider) {
    Add(entry, Retain(service), Retain(provider));
}

void HostedServices::BaseStopRan(EntryId entry, IOService *) {
    std::optional<Hosted> hosted = Take(entry);
    if (!hosted) {
        return;
    }
    ReleaseAfterThisTurn(std::move(hosted->service), std::move(hosted->provider));
    hosted->Answer(kIOReturnSuccess);
}

}  // namespace opendext::host
