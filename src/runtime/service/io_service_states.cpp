// SPDX-License-Identifier: Apache-2.0
// IOService's states (semantics.md 4.6), which the registry has.
#include <string>
#include <utility>

#include <DriverKit/OSDictionary.h>
#include <DriverKit/OSString.h>

#include "runtime/memory/retained.h"
#include "runtime/service/property_objects.h"
#include "runtime/service/service_state.h"

using opendext::PropertyValue;
using opendext::RegistryPort;
using opendext::memory::Retained;
using opendext::service::ServiceRole;

namespace {

RegistryPort *RegistryOf(const IOService_IVars *ivars) {
    return ivars != nullptr && ivars->context != nullptr && ivars->entry != opendext::EntryId::kNone
               ? ivars->context->registry.get()
               : nullptr;
}

// NULL when it is no name.
const char *NameFrom(const OSString *name) {
    return name != nullptr && name->getLength() != 0 ? name->getCStringNoCopy() : nullptr;
}

}  // namespace

kern_return_t IOService::CopySystemStateNotificationService_Impl(IOService **service) {
    if (service == nullptr) {
        return kIOReturnBadArgument;
    }
    *service = nullptr;
    RegistryPort *registry = RegistryOf(ivars);
    if (registry == nullptr) {
        return kIOReturnNotReady;
    }
    const auto entry = registry->SystemStateService();
    if (!entry) {
        return entry.error();
    }
    Retained<IOService> made(OSTypeAlloc(IOService));
    if (made == nullptr ||
        !opendext::service::AttachToRegistry(made.get(), ivars->context, *entry,
                                             ServiceRole::kProvider) ||
        !made->init()) {
        return kIOReturnNoMemory;
    }
    *service = made.release();
    return kIOReturnSuccess;
}

kern_return_t IOService::StateNotificationItemCreate_Impl(OSString *itemName, OSDictionary *value) {
    const char *name = NameFrom(itemName);
    const auto converted = value != nullptr ? opendext::service::ToPropertyValue(value)
                                            : std::optional<PropertyValue>(PropertyValue());
    if (name == nullptr || !converted) {
        return kIOReturnBadArgument;
    }
    RegistryPort *registry = RegistryOf(ivars);
    return registry != nullptr ? registry->CreateStateItem(ivars->entry, name, *converted)
                               : kIOReturnNotReady;
}

kern_return_t IOService::StateNotificationItemSet_Impl(OSString *itemName, OSDictionary *value) {
    const char *name = NameFrom(itemName);
    const auto converted =
        value != nullptr ? opendext::service::ToPropertyValue(value) : std::nullopt;
    if (name == nullptr || !converted) {
        return kIOReturnBadArgument;
    }
    RegistryPort *registry = RegistryOf(ivars);
    return registry != nullptr ? registry->SetStateItem(ivars->entry, name, *converted)
                               : kIOReturnNotReady;
}

kern_return_t IOService::StateNotificationItemCopy_Impl(OSString *itemName, OSDictionary **value) {
    const char *name = NameFrom(itemName);
    if (name == nullptr || value == nullptr) {
        return kIOReturnBadArgument;
    }
    *value = nullptr;
    RegistryPort *registry = RegistryOf(ivars);
    if (registry == nullptr) {
        return kIOReturnNotReady;
    }
    const auto found = registry->CopyStateItem(ivars->entry, name);
    if (!found) {
        return found.error();
    }
    OSObject *object = opendext::service::ToObject(*found);
    *value = OSDynamicCast(OSDictionary, object);
    if (*value == nullptr) {
        OSSafeReleaseNULL(object);
        return kIOReturnNoMemory;
    }
    return kIOReturnSuccess;
}
