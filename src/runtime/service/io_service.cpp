// SPDX-License-Identifier: Apache-2.0
// IOService's life: init, Start, Stop, free, and what the system does for it.
#include <utility>

#include <DriverKit/IODispatchQueue.h>
#include <DriverKit/IOUserClient.h>
#include <DriverKit/OSString.h>

#include "base/io_result_name.h"
#include "base/log.h"
#include "base/once_per_key.h"
#include "runtime/object/live_objects.h"
#include "runtime/service/latency_request.h"
#include "runtime/service/life_checks.h"
#include "runtime/service/service_power.h"
#include "runtime/service/service_state.h"

using opendext::LogWarning;
using opendext::OncePerKey;
using opendext::service::ProviderHooks;
using opendext::service::ServiceContext;
using opendext::service::ServiceRole;

namespace opendext::service {

bool AttachToRegistry(IOService *service, std::shared_ptr<ServiceContext> context, EntryId entry,
                      ServiceRole role) {
    if (service->ivars == nullptr) {
        service->ivars = new (std::nothrow) IOService_IVars;
    }
    if (service->ivars == nullptr) {
        return false;
    }
    service->ivars->context = std::move(context);
    service->ivars->entry = entry;
    service->ivars->role = role;
    return true;
}

namespace {

// Takes the service's reference on its provider back.
void DropProvider(IOService *service) {
    if (IOService *provider = service->ivars->provider.exchange(nullptr)) {
        provider->release();
    }
}

void TellOfFailedStart(IOService *service, IOService *provider, uint64_t first_sequence,
                       kern_return_t status) {
    const std::shared_ptr<ServiceContext> context = service->ivars->context;
    if (context == nullptr || context->listener == nullptr) {
        return;
    }
    context->listener->StartFailed({.class_name = service->getMetaClass()->getClassName(),
                                    .service = service,
                                    .provider = memory::Retain(provider),
                                    .image = context->image,
                                    .thread = object::ThisThread(),
                                    .first_sequence = first_sequence,
                                    .last_sequence = object::CurrentSequence(),
                                    .status = status});
}

void WarnOfMissingBaseStart(const IOService *service) {
    static OncePerKey told;
    const char *name = service->getMetaClass()->getClassName();
    if (told.IsFirst(name)) {
        LogWarning(
            "{}: Start returned success and has not called Start(provider, SUPERDISPATCH); call it "
            "first, as every driver of the original does",
            name);
    }
}

}  // namespace

kern_return_t StartOnQueue(IOService *service, IOService *provider) {
    provider->retain();
    service->ivars->provider = provider;
    const uint64_t first_sequence = object::CurrentSequence();
    const kern_return_t status = service->Start(provider);
    if (status == kIOReturnSuccess) {
        service->ivars->is_started = true;
        if (!service->ivars->base_start_ran) {
            WarnOfMissingBaseStart(service);
        }
    } else {
        TellOfFailedStart(service, provider, first_sequence, status);
        DropProvider(service);
    }
    return status;
}

#pragma clang section text = "opendext_call_driver"
bool IsStopped(const IOService *service) {
    return service->ivars != nullptr && service->ivars->is_stopped;
}
#pragma clang section text = ""

EntryId EntryOf(const IOService *service) {
    return service->ivars != nullptr ? service->ivars->entry : EntryId::kNone;
}

void SetProviderHooks(IOService *provider, ProviderHooks *hooks) {
    provider->ivars->hooks = hooks;
}

ProviderHooks *HooksOf(const IOService *provider) {
    return provider->ivars != nullptr ? provider->ivars->hooks.load() : nullptr;
}

}  // namespace opendext::service

bool IOService::init() {
    if (!super::init()) {
        return false;
    }
    if (ivars == nullptr) {
        ivars = new (std::nothrow) IOService_IVars;
    }
    if (ivars == nullptr) {
        return false;
    }
    IODispatchQueue *queue = nullptr;
    if (CreateDefaultDispatchQueue(&queue) != kIOReturnSuccess) {
        return false;
    }
    const kern_return_t status = SetDispatchQueue(kIOServiceDefaultQueueName, queue);
    queue->release();
    return status == kIOReturnSuccess;
}

void IOService::free() {
    if (ivars != nullptr) {
        (void)opendext::service::AcknowledgePower(this);
        if (ivars->has_latency_request) {
            opendext::service::LatencyRequests::Instance().Set(this, 0);
        }
        opendext::service::DropProvider(this);
        delete std::exchange(ivars, nullptr);
    }
    super::free();
}

kern_return_t IOService::Start_Impl(IOService *) {
    if (ivars != nullptr) {
        ivars->base_start_ran = true;
    }
    return kIOReturnSuccess;
}

kern_return_t IOService::Stop_Impl(IOService *provider) {
    if (ivars == nullptr || ivars->is_stopped.exchange(true)) {
        return kIOReturnSuccess;
    }
    if (ivars->is_started) {
        opendext::service::CheckAtStop(this);
    }
    (void)opendext::service::AcknowledgePower(this);
    if (ProviderHooks *hooks =
            provider != nullptr ? opendext::service::HooksOf(provider) : nullptr) {
        hooks->ClientStopped(this);
    }
    // Copied: the listener may drop the last reference to this object.
    const std::shared_ptr<ServiceContext> context = ivars->context;
    const opendext::EntryId entry = ivars->entry;
    opendext::service::DropProvider(this);
    // A driver may call its own Stop out of a Start that fails: to the system that service never was.
    if (context != nullptr && ivars->is_started) {
        context->registry->ServiceStopped(entry);
        if (context->listener != nullptr) {
            context->listener->BaseStopRan(entry, this);
        }
    }
    return kIOReturnSuccess;
}

kern_return_t IOService::ClientCrashed_Impl(IOService *, uint64_t) {
    return kIOReturnUnsupported;
}

kern_return_t IOService::NewUserClient_Impl(uint32_t, IOUserClient **userClient) {
    static OncePerKey told;
    const char *name = getMetaClass()->getClassName();
    if (told.IsFirst(name)) {
        LogWarning(
            "{}: no application can open it (kIOReturnError): it does not override NewUserClient; "
            "declare that in its .iig, and make the client there with Create(this, key, &service)",
            name);
    }
    if (userClient != nullptr) {
        *userClient = nullptr;
    }
    return kIOReturnError;
}

kern_return_t IOService::RegisterService_Impl() {
    if (ivars == nullptr || ivars->context == nullptr) {
        return kIOReturnNotAttached;
    }
    return ivars->context->registry->RegisterService(ivars->entry);
}

kern_return_t IOService::Terminate_Impl(uint64_t options) {
    if (options != 0) {
        return kIOReturnUnsupported;
    }
    if (ivars == nullptr || ivars->context == nullptr) {
        return kIOReturnNotAttached;
    }
    if (ivars->role == ServiceRole::kProvider) {
        return kIOReturnNotPermitted;
    }
    return ivars->context->registry->Terminate(ivars->entry);
}

kern_return_t IOService::StringFromReturn_Impl(IOReturn retval, OSString **str) {
    if (str == nullptr) {
        return kIOReturnBadArgument;
    }
    *str = OSString::withCString(opendext::DescribeIoResult(retval).c_str());
    return *str != nullptr ? kIOReturnSuccess : kIOReturnNoMemory;
}

IOService *IOService::GetProvider() const {
    return ivars != nullptr ? ivars->provider.load() : nullptr;
}
