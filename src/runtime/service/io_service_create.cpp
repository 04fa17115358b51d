// SPDX-License-Identifier: Apache-2.0
// IOService::Create: a service out of a dictionary of the creator's properties (semantics.md 2.2).
#include <cstring>
#include <string>

#include <DriverKit/IOService.h>

#include "base/log.h"
#include "runtime/service/service_class.h"
#include "runtime/service/service_state.h"

using opendext::EntryId;
using opendext::LogError;
using opendext::PropertyValue;
using opendext::RegistryPort;
using opendext::service::AttachToRegistry;
using opendext::service::MakeServiceOfClass;
using opendext::service::ServiceContext;
using opendext::service::ServiceRole;

namespace {

// What the child's entry gets: the dictionary, and what Create takes over from the creator.
PropertyValue ChildProperties(const PropertyValue &dictionary, RegistryPort &registry,
                              EntryId creator) {
    PropertyValue::Dictionary properties = *dictionary.IfDictionary();
    for (const char *key : {"CFBundleIdentifier", "IOUserServerName"}) {
        if (const auto value = registry.SearchProperty(creator, key, "IOService", false)) {
            properties.insert_or_assign(key, *value);
        }
    }
    return PropertyValue(std::move(properties));
}

// The dictionary that `key` names, checked: it has an IOClass.
std::expected<PropertyValue, kern_return_t> FindDictionary(const ServiceContext &context,
                                                           EntryId creator,
                                                           const std::string &key) {
    auto value = context.registry->SearchProperty(creator, key, "IOService", false);
    if (!value || value->IfDictionary() == nullptr) {
        LogError(
            "{}: Create(\"{}\"): the service has no dictionary property of that name; add it to "
            "its "
            "personality in Info.plist",
            context.dext_name, key);
        return std::unexpected(kIOReturnBadArgument);
    }
    const PropertyValue *kernel_class = value->Find("IOClass");
    if (kernel_class == nullptr || kernel_class->IfString() == nullptr) {
        LogError(
            "{}: Create(\"{}\"): the dictionary has no IOClass; a connection needs IOClass = "
            "IOUserUserClient, another service IOUserService",
            context.dext_name, key);
        return std::unexpected(kIOReturnBadArgument);
    }
    return std::move(*value);
}

// init and Start; the object is consumed when they fail.
kern_return_t InitAndStart(IOService *child, IOService *creator,
                           const std::shared_ptr<ServiceContext> &context, EntryId entry) {
    kern_return_t status = kIOReturnNoMemory;
    if (AttachToRegistry(child, context, entry, ServiceRole::kDriver)) {
        if (child->init()) {
            // Known before its Start, which may register it: who watches for it then is given this object.
            if (context->listener != nullptr) {
                context->listener->ServiceCreated(entry, child, creator);
            }
            status = opendext::service::StartOnQueue(child, creator);
        } else {
            LogError("{}: init of {} returned false", context->dext_name,
                     child->getMetaClass()->getClassName());
            status = kIOReturnError;
        }
    }
    if (status != kIOReturnSuccess) {
        if (context->listener != nullptr) {
            context->listener->CreationFailed(entry);
        }
        context->registry->ChildFailed(entry);
        child->release();
    }
    return status;
}

}  // namespace

kern_return_t IOService::Create_Impl(IOService *provider, const char *propertiesKey,
                                     IOService **result) {
    if (result == nullptr || propertiesKey == nullptr) {
        return kIOReturnBadArgument;
    }
    *result = nullptr;
    if (provider != this) {
        return kIOReturnUnsupported;
    }
    if (ivars == nullptr || ivars->context == nullptr) {
        return kIOReturnNotAttached;
    }
    const std::shared_ptr<ServiceContext> context = ivars->context;
    const std::string key(propertiesKey, strnlen(propertiesKey, sizeof(IOPropertyName) - 1));
    const auto dictionary = FindDictionary(*context, ivars->entry, key);
    if (!dictionary) {
        return dictionary.error();
    }
    const PropertyValue *name = dictionary->Find("IOUserClass");
    const std::string class_name =
        name != nullptr && name->IfString() != nullptr ? *name->IfString() : "";
    IOService *child = MakeServiceOfClass(*context, class_name);
    if (child == nullptr) {
        return kIOReturnError;
    }
    const auto entry = context->registry->CreateChild(
        ivars->entry, ChildProperties(*dictionary, *context->registry, ivars->entry));
    if (!entry) {
        child->release();
        return entry.error();
    }
    const kern_return_t status = InitAndStart(child, this, context, *entry);
    if (status != kIOReturnSuccess) {
        return status;
    }
    *result = child;
    return kIOReturnSuccess;
}
