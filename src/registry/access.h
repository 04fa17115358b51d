// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <optional>
#include <string>

#include "base/property_value.h"
#include "registry/registry_tree.h"

namespace opendext::registry {

/// An application that opens a service.
struct AppIdentity {
    int pid = 0;
    std::string name;
    bool is_administrator = false;
    /// What it is entitled to. Nothing: it was started without entitlements, and the checks on it are off, as
    /// under the original's debug boot option (docs/semantics.md).
    std::optional<PropertyValue::Dictionary> entitlements;
};

/// Whether `app` may use `client`, a user client of a driver with these entitlements, opened on `service`
/// (semantics.md 2.1). @return the error is one line that says what to add, and where.
std::expected<void, std::string> CheckAppAccess(
    const AppIdentity &app, const std::optional<PropertyValue::Dictionary> &dext_entitlements,
    const RegistryEntry &service, const RegistryEntry &client);

/// A driver may drive what it asks for.
struct DextAccess {
    /// One line for its author: what passes here, and would not pass when the driver is signed.
    std::optional<std::string> warning;
};

/// Whether a driver with these entitlements may drive `provider` with the personality `service`:
/// com.apple.developer.driverkit, the transport's list for a device, and what IOServiceDEXTEntitlements of the
/// provider and of the personality ask for (semantics.md 3.3 to 3.5). @return the error is as above.
std::expected<DextAccess, std::string> CheckDextAccess(
    const RegistryTree &tree, const RegistryEntry &provider,
    const PropertyValue::Dictionary &service, const PropertyValue::Dictionary &dext_entitlements);

}  // namespace opendext::registry
