// SPDX-License-Identifier: Apache-2.0
// IOService's view of the registry: names and properties.
#include <cstring>
#include <utility>

#include <DriverKit/OSArray.h>
#include <DriverKit/OSContainer.h>
#include <DriverKit/OSDictionary.h>
#include <DriverKit/OSString.h>

#include "runtime/service/property_objects.h"
#include "runtime/service/service_state.h"

using opendext::PropertyValue;
using opendext::RegistryPort;
using opendext::service::ServiceRole;
using opendext::service::ToObject;
using opendext::service::ToPropertyValue;

namespace {

constexpr size_t kMaxNameBytes = sizeof(IOPropertyName) - 1;

RegistryPort *RegistryOf(const IOService_IVars *ivars) {
    return ivars != nullptr && ivars->context != nullptr && ivars->entry != opendext::EntryId::kNone
               ? ivars->context->registry.get()
               : nullptr;
}

// A bounded copy; the generated callers have cut longer names already.
std::string NameFrom(const char *name) {
    return {name, strnlen(name, kMaxNameBytes)};
}

// The keys of an array of strings; an object of another class makes it nullopt.
std::optional<std::vector<std::string>> KeysFrom(const OSArray *keys) {
    std::vector<std::string> names;
    if (keys == nullptr) {
        return names;
    }
    const std::optional<PropertyValue> value = ToPropertyValue(keys);
    if (!value) {
        return std::nullopt;
    }
    for (const PropertyValue &key : *value->IfArray()) {
        if (key.IfString() == nullptr) {
            return std::nullopt;
        }
        names.push_back(*key.IfString());
    }
    return names;
}

}  // namespace

kern_return_t IOService::GetRegistryEntryID_Impl(uint64_t *registryEntryID) {
    if (registryEntryID == nullptr) {
        return kIOReturnBadArgument;
    }
    *registryEntryID = std::to_underlying(opendext::service::EntryOf(this));
    return *registryEntryID == 0 ? kIOReturnNotAttached : kIOReturnSuccess;
}

kern_return_t IOService::SetName_Impl(const char *name) {
    RegistryPort *registry = RegistryOf(ivars);
    if (registry == nullptr) {
        return kIOReturnNotAttached;
    }
    return name == nullptr ? kIOReturnBadArgument : registry->SetName(ivars->entry, NameFrom(name));
}

kern_return_t IOService::CopyName_Impl(OSString **name) {
    if (name == nullptr) {
        return kIOReturnBadArgument;
    }
    *name = nullptr;
    RegistryPort *registry = RegistryOf(ivars);
    if (registry == nullptr) {
        return kIOReturnNotAttached;
    }
    const std::expected<std::string, kern_return_t> text = registry->CopyName(ivars->entry);
    if (!text) {
        return text.error();
    }
    *name = OSString::withCString(text->c_str());
    return *name != nullptr ? kIOReturnSuccess : kIOReturnNoMemory;
}

kern_return_t IOService::CopyProperties_Impl(OSDictionary **properties) {
    if (properties == nullptr) {
        return kIOReturnBadArgument;
    }
    *properties = nullptr;
    RegistryPort *registry = RegistryOf(ivars);
    if (registry == nullptr) {
        return kIOReturnNotAttached;
    }
    const std::expected<PropertyValue, kern_return_t> value =
        registry->CopyProperties(ivars->entry);
    if (!value) {
        return value.error();
    }
    OSObject *object = ToObject(*value);
    *properties = OSDynamicCast(OSDictionary, object);
    if (*properties == nullptr) {
        OSSafeReleaseNULL(object);
        return kIOReturnNoMemory;
    }
    return kIOReturnSuccess;
}

kern_return_t IOService::SearchProperty_Impl(const char *name, const char *plane, uint64_t options,
                                             OSContainer **property) {
    if (name == nullptr || plane == nullptr || property == nullptr) {
        return kIOReturnBadArgument;
    }
    *property = nullptr;
    RegistryPort *registry = RegistryOf(ivars);
    if (registry == nullptr) {
        return kIOReturnNotAttached;
    }
    const bool parents = (options & kIOServiceSearchPropertyParents) != 0;
    const std::expected<PropertyValue, kern_return_t> value =
        registry->SearchProperty(ivars->entry, NameFrom(name), NameFrom(plane), parents);
    if (!value) {
        return value.error();
    }
    OSObject *object = ToObject(*value);
    *property = OSDynamicCast(OSContainer, object);
    if (*property == nullptr) {
        OSSafeReleaseNULL(object);
        return kIOReturnNoMemory;
    }
    return kIOReturnSuccess;
}

kern_return_t IOService::SetProperties_Impl(OSDictionary *properties) {
    RegistryPort *registry = RegistryOf(ivars);
    if (properties == nullptr || (ivars != nullptr && ivars->role == ServiceRole::kProvider)) {
        return kIOReturnUnsupported;
    }
    if (registry == nullptr) {
        return kIOReturnNotAttached;
    }
    const std::optional<PropertyValue> value = ToPropertyValue(properties);
    return value ? registry->MergeProperties(ivars->entry, *value) : kIOReturnBadArgument;
}

kern_return_t IOService::RemoveProperty_Impl(OSString *propertyName) {
    RegistryPort *registry = RegistryOf(ivars);
    if (propertyName == nullptr || (ivars != nullptr && ivars->role == ServiceRole::kProvider)) {
        return kIOReturnUnsupported;
    }
    if (registry == nullptr) {
        return kIOReturnNotAttached;
    }
    return registry->RemoveProperty(ivars->entry, propertyName->getCStringNoCopy());
}

kern_return_t IOService::CopyProviderProperties_Impl(OSArray *propertyKeys, OSArray **properties) {
    if (properties == nullptr) {
        return kIOReturnBadArgument;
    }
    *properties = nullptr;
    RegistryPort *registry = RegistryOf(ivars);
    if (registry == nullptr) {
        return kIOReturnNotAttached;
    }
    const std::optional<std::vector<std::string>> keys = KeysFrom(propertyKeys);
    if (!keys) {
        return kIOReturnBadArgument;
    }
    std::expected<std::vector<PropertyValue>, kern_return_t> values =
        registry->CopyProviderProperties(ivars->entry, *keys);
    if (!values) {
        return values.error();
    }
    OSObject *object = ToObject(PropertyValue(std::move(*values)));
    *properties = OSDynamicCast(OSArray, object);
    if (*properties == nullptr) {
        OSSafeReleaseNULL(object);
        return kIOReturnNoMemory;
    }
    return kIOReturnSuccess;
}
