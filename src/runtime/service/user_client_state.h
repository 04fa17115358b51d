// SPDX-License-Identifier: Apache-2.0
/// @file user_client_state.h
/// The runtime's part of an IOUserClient. For host.
#pragma once

#include <memory>
#include <mutex>
#include <optional>

#include <DriverKit/IOUserClient.h>

#include "base/property_value.h"
#include "runtime/memory/client_memory.h"
#include "runtime/service/client_links.h"

namespace opendext::service {

/// What CopyClientEntitlements gives from now on; a dictionary. Any thread.
void SetClientEntitlements(IOUserClient *client, PropertyValue entitlements);

/// Where CreateMemoryDescriptorFromClient finds the application's memory from now on. Any thread.
void SetClientMemory(IOUserClient *client, std::shared_ptr<memory::ClientMemory> memory);

}  // namespace opendext::service

/// Storage behind IOUserClient::ivars.
struct IOUserClient_IVars {
    std::mutex mutex;
    std::optional<opendext::PropertyValue> entitlements;            // guarded by mutex
    std::shared_ptr<opendext::memory::ClientMemory> client_memory;  // guarded by mutex
    opendext::service::ClientLinks links;
};
