// SPDX-License-Identifier: Apache-2.0
/// @file service_state.h
/// The runtime's part of an IOService: its registry entry, its provider, where it is in its life. For host
/// and families; drivers never see it.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>

#include <DriverKit/IOService.h>

#include "runtime/service/interrupt_controller.h"
#include "runtime/service/service_context.h"

namespace opendext::service {

/// What a family adds to the provider object that drivers get. Any thread.
class ProviderHooks {
public:
    virtual ~ProviderHooks() = default;

    /// The base class's Stop of `client` ran: whatever it still has open is closed (semantics.md 3.7).
    virtual void ClientStopped(IOService *client) = 0;

    /// Whether `client`, which is only compared, has the provider open.
    [[nodiscard]] virtual bool IsOpenFor(const IOService *client) = 0;

    /// NULL for a provider without interrupts.
    virtual InterruptController *Interrupts() { return nullptr; }
};

/// Whose implementation an object is.
enum class ServiceRole : uint8_t {
    kDriver,    ///< Of the dext: it gets Start and Stop, and may be terminated.
    kProvider,  ///< Of the system: stands for an entry that the dext does not host.
};

/// Gives a new object its entry. Called once, between alloc and init, so that init may already ask for it.
/// @return false when memory is short.
[[nodiscard]] bool AttachToRegistry(IOService *service, std::shared_ptr<ServiceContext> context,
                                    EntryId entry, ServiceRole role);

/// init has been called with success: sends Start(provider) to the service's queue and waits. Until the base
/// Stop has run the service holds a reference on its provider; after a failed Start it holds none.
/// @return Start's status.
kern_return_t StartOnQueue(IOService *service, IOService *provider);

/// The base class's Stop has run.
[[nodiscard]] bool IsStopped(const IOService *service);

/// kNone when it has no entry.
[[nodiscard]] EntryId EntryOf(const IOService *service);

/// Installed by the family that makes the object; `hooks` lives as long as the object. +0.
void SetProviderHooks(IOService *provider, ProviderHooks *hooks);
[[nodiscard]] ProviderHooks *HooksOf(const IOService *provider);

}  // namespace opendext::service

/// Storage behind IOService::ivars. Made by AttachToRegistry or init, whichever comes first; freed by free.
struct IOService_IVars {
    std::shared_ptr<opendext::service::ServiceContext> context;
    opendext::EntryId entry = opendext::EntryId::kNone;
    opendext::service::ServiceRole role = opendext::service::ServiceRole::kDriver;
    std::atomic<opendext::service::ProviderHooks *> hooks = nullptr;
    std::atomic<IOService *> provider = nullptr;  // One reference, from Start until the base Stop.
    std::atomic<bool> base_start_ran = false;
    std::atomic<bool> is_started = false;  // Start returned success.
    std::atomic<bool> is_stopped = false;
    std::atomic<bool> has_latency_request = false;  // see latency_request.h

    std::mutex power_mutex;
    std::function<void()>
        acknowledge_power;  // guarded by power_mutex; empty when no transition is under way
};
