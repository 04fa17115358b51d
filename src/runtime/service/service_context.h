// SPDX-License-Identifier: Apache-2.0
/// @file service_context.h
/// What all services of one loaded dext share. There may be several in a process: nothing here is global.
#pragma once

#include <memory>
#include <string>

#include "base/registry_port.h"

class IOService;

namespace opendext::service {

struct FailedStart;

/// Told what becomes of services. Implemented above this room. Calls come on queues of the driver, and may
/// overlap.
class ServiceListener {
public:
    virtual ~ServiceListener() = default;

    /// IOService::Create has made `service` (+0), whose Start on `provider` follows.
    virtual void ServiceCreated(EntryId entry, IOService *service, IOService *provider) = 0;

    /// That Start, or what came before it, has failed.
    virtual void CreationFailed(EntryId entry) = 0;

    /// A Start has failed, of a service of the registry's or of one that IOService::Create has made.
    virtual void StartFailed(FailedStart start) = 0;

    /// The base class's Stop has run for `service`: it counts as stopped. Called once per service.
    virtual void BaseStopRan(EntryId entry, IOService *service) = 0;
};

class ServiceWatcher;

/// Shared by a dext's services and their providers; immutable. A service finds its own through its ivars
/// (AttachToRegistry), and what it creates inherits it.
struct ServiceContext {
    std::shared_ptr<RegistryPort> registry;
    std::shared_ptr<ServiceListener> listener;  ///< May be NULL.
    std::shared_ptr<ServiceWatcher> watcher;    ///< May be NULL.
    const void *image =
        nullptr;            ///< Any address in the dext's image: where its classes are looked up.
    std::string dext_name;  ///< For diagnostics: the bundle identifier or path.
};

}  // namespace opendext::service
