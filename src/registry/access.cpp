// SPDX-License-Identifier: Apache-2.0
#include "registry/access.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "registry/kernel_classes.h"
#include "registry/matching.h"
#include "registry/usb_match.h"

namespace opendext::registry {

namespace {

using Dictionary = PropertyValue::Dictionary;

constexpr std::string_view kDriverKit = "com.apple.developer.driverkit";
constexpr std::string_view kTransportUsb = "com.apple.developer.driverkit.transport.usb";
constexpr std::string_view kAllowAny = "com.apple.developer.driverkit.allow-any-userclient-access";
constexpr std::string_view kUserClientAccess = "com.apple.developer.driverkit.userclient-access";
constexpr std::string_view kEntitlementsProperty = "IOServiceDEXTEntitlements";

bool ListsString(const PropertyValue &list, const std::string &wanted) {
    if (const std::string *text = list.IfString()) {
        return *text == wanted;
    }
    const auto *array = list.IfArray();
    return array != nullptr && std::ranges::any_of(*array, [&](const PropertyValue &element) {
               return element.IfString() != nullptr && *element.IfString() == wanted;
           });
}

bool HoldsAll(const Dictionary &entitlements, const PropertyValue::Array &names) {
    return std::ranges::all_of(names, [&](const PropertyValue &name) {
        return name.IfString() != nullptr && entitlements.contains(*name.IfString());
    });
}

// A string must be present; of an array of strings any one; of an array of arrays any one, whole.
bool SatisfiesRequirement(const Dictionary &entitlements, const PropertyValue &requirement) {
    if (const std::string *name = requirement.IfString()) {
        return entitlements.contains(*name);
    }
    const auto *alternatives = requirement.IfArray();
    return alternatives != nullptr &&
           std::ranges::any_of(*alternatives, [&](const PropertyValue &alternative) {
               if (const auto *all = alternative.IfArray()) {
                   return HoldsAll(entitlements, *all);
               }
               return alternative.IfString() != nullptr &&
                      entitlements.contains(*alternative.IfString());
           });
}

/// A bus whose devices a driver must be entitled to: the entitlement lists dictionaries, any of which may cover one.
struct Transport {
    std::string_view provider_class;
    std::string_view entitlement;
    std::string_view advice;  ///< What a dictionary of the list has.
    std::optional<Mismatch> (*find_mismatch)(const RegistryTree &, const RegistryEntry &,
                                             const Dictionary &);
    bool takes_asterisk;  ///< The string "*" stands for every device.
    bool takes_true;      ///< So does <true/>, where nothing is signed (semantics.md 3.4).
};

std::optional<Mismatch> FindUsbMismatch(const RegistryTree & /*tree*/, const RegistryEntry &entry,
                                        const Dictionary &keys) {
    if (!keys.contains("idVendor")) {
        return Mismatch{.key = "idVendor", .reason = "is missing in a dictionary of the list"};
    }
    return FindUsbKeyMismatch(entry, keys);
}

constexpr Transport kTransports[] = {
    {.provider_class = "IOPCIDevice",
     .entitlement = "com.apple.developer.driverkit.transport.pci",
     .advice = "IOPCIMatch",
     .find_mismatch = FindMismatch,
     .takes_asterisk = false,
     .takes_true = false},
    {.provider_class = "IOUSBHostDevice",
     .entitlement = kTransportUsb,
     .advice = "idVendor, and if you like idProduct,",
     .find_mismatch = FindUsbMismatch,
     .takes_asterisk = true,
     .takes_true = true},
    {.provider_class = "IOUSBHostInterface",
     .entitlement = kTransportUsb,
     .advice = "idVendor, and if you like idProduct,",
     .find_mismatch = FindUsbMismatch,
     .takes_asterisk = true,
     .takes_true = true},
};

bool IsAsterisk(const PropertyValue &value) {
    return value.IfString() != nullptr && *value.IfString() == "*";
}

bool IsTrue(const PropertyValue &value) {
    return value.IfBool() != nullptr && *value.IfBool();
}

// The transport's list for a device.
std::expected<DextAccess, std::string> CheckTransport(const Transport &transport,
                                                      const RegistryTree &tree,
                                                      const RegistryEntry &provider,
                                                      const Dictionary &dext_entitlements) {
    const auto found = dext_entitlements.find(transport.entitlement);
    if (found != dext_entitlements.end() && transport.takes_asterisk && IsAsterisk(found->second)) {
        return DextAccess{};
    }
    if (found != dext_entitlements.end() && transport.takes_true && IsTrue(found->second)) {
        return DextAccess{
            .warning = fmt::format("{} is <true/> in the driver's entitlements, which covers every "
                                   "device as long as nothing is signed; to be signed it must be "
                                   "an array with a dictionary that has {} for each device",
                                   transport.entitlement, transport.advice)};
    }
    const auto *devices = found == dext_entitlements.end() ? nullptr : found->second.IfArray();
    if (devices == nullptr) {
        return std::unexpected(
            fmt::format("add {} to the driver's entitlements: an array with a dictionary that "
                        "has {} for the device",
                        transport.entitlement, transport.advice));
    }
    std::string reason = "the array has no dictionary";
    for (const PropertyValue &device : *devices) {
        if (transport.takes_asterisk && IsAsterisk(device)) {
            return DextAccess{};
        }
        if (const Dictionary *keys = device.IfDictionary()) {
            const auto mismatch = transport.find_mismatch(tree, provider, *keys);
            if (!mismatch) {
                return DextAccess{};
            }
            reason = mismatch->key + " " + mismatch->reason;
        }
    }
    return std::unexpected(
        fmt::format("{} in the driver's entitlements does not cover the device: {}",
                    transport.entitlement, reason));
}

}  // namespace

std::expected<void, std::string> CheckAppAccess(const AppIdentity &app,
                                                const std::optional<Dictionary> &dext_entitlements,
                                                const RegistryEntry &service,
                                                const RegistryEntry &client) {
    if (!app.entitlements) {
        return {};
    }
    const std::string identifier = StringProperty(service.properties, "CFBundleIdentifier");
    const auto access = app.entitlements->find(kUserClientAccess);
    const bool any_app = dext_entitlements && dext_entitlements->contains(kAllowAny);
    if (!any_app &&
        (access == app.entitlements->end() || !ListsString(access->second, identifier))) {
        return std::unexpected(
            fmt::format("'{}' may not open '{}': add '{}' to {} in the application's entitlements, "
                        "or {} to the driver's",
                        app.name, service.name, identifier, kUserClientAccess, kAllowAny));
    }
    const PropertyValue *requirement = FindProperty(client, kEntitlementsProperty);
    if (requirement != nullptr && !SatisfiesRequirement(*app.entitlements, *requirement)) {
        return std::unexpected(
            fmt::format("'{}' may not open '{}': its user client asks for the entitlements {}",
                        app.name, service.name, requirement->ToString()));
    }
    return {};
}

std::expected<DextAccess, std::string> CheckDextAccess(const RegistryTree &tree,
                                                       const RegistryEntry &provider,
                                                       const Dictionary &service,
                                                       const Dictionary &dext_entitlements) {
    if (!dext_entitlements.contains(kDriverKit)) {
        return std::unexpected(
            fmt::format("add {} (true) to the driver's entitlements", kDriverKit));
    }
    DextAccess granted;
    for (const Transport &transport : kTransports) {
        if (!KernelClassConforms(provider.class_name, transport.provider_class)) {
            continue;
        }
        auto access = CheckTransport(transport, tree, provider, dext_entitlements);
        if (!access) {
            return access;
        }
        granted = std::move(*access);
    }
    const auto own = service.find(kEntitlementsProperty);
    for (const PropertyValue *requirement : {FindProperty(provider, kEntitlementsProperty),
                                             own == service.end() ? nullptr : &own->second}) {
        if (requirement != nullptr && !SatisfiesRequirement(dext_entitlements, *requirement)) {
            return std::unexpected(
                fmt::format("{} asks for {}; add that to the driver's entitlements",
                            kEntitlementsProperty, requirement->ToString()));
        }
    }
    return granted;
}

}  // namespace opendext::registry
