// SPDX-License-Identifier: Apache-2.0
/// @file registry_port.h
/// The registry as the services of a driver process use it. In base, because the runtime calls it and the channel
/// carries it, and neither may include the other.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <vector>

#include "base/property_value.h"

namespace opendext {

/// Name of a registry entry; never reused. 0 is no entry.
enum class EntryId : uint64_t { kNone = 0 };

/// A neighbour of an entry in the registry.
struct RelatedEntry {
    EntryId entry = EntryId::kNone;
    std::string class_name;  ///< Kernel class: IOUSBHostDevice, IOUSBHostInterface...
    std::string part;  ///< Which part of its device it is: a USB interface's number in decimal.

    bool operator==(const RelatedEntry &) const = default;
};

/// What a hosted service asks of the registry it is an entry of. The registry answers from its tables: no call
/// waits for driver code. Results are IOReturn codes; when the registry is gone they are kIOReturnOffline. A
/// service calls on any thread that may block; each implementation says where it may be called.
class RegistryPort {
public:
    virtual ~RegistryPort() = default;

    /// IOService::Create: a new entry under `creator` (semantics.md 2.2). `properties` is the dictionary that Create
    /// named, with what Create adds.
    virtual std::expected<EntryId, int32_t> CreateChild(EntryId creator,
                                                        const PropertyValue &properties) = 0;
    /// Takes a CreateChild back: the object's init or Start failed.
    virtual void ChildFailed(EntryId entry) = 0;

    virtual int32_t RegisterService(EntryId entry) = 0;
    virtual int32_t Terminate(EntryId entry) = 0;
    virtual std::expected<PropertyValue, int32_t> CopyProperties(EntryId entry) = 0;
    virtual int32_t MergeProperties(EntryId entry, const PropertyValue &properties) = 0;
    virtual int32_t RemoveProperty(EntryId entry, const std::string &key) = 0;
    /// `parents`: walk towards the root until an entry has the property.
    virtual std::expected<PropertyValue, int32_t> SearchProperty(EntryId entry,
                                                                 const std::string &key,
                                                                 const std::string &plane,
                                                                 bool parents) = 0;
    virtual int32_t SetName(EntryId entry, const std::string &name) = 0;
    virtual std::expected<std::string, int32_t> CopyName(EntryId entry) = 0;
    virtual std::expected<std::vector<PropertyValue>, int32_t> CopyProviderProperties(
        EntryId entry, const std::vector<std::string> &keys) = 0;

    /// What the entry stands on; kIOReturnNotFound for the root.
    virtual std::expected<RelatedEntry, int32_t> CopyParent(EntryId entry) = 0;
    /// What stands on the entry, of that what the asking process may read: the system's entries and its own services.
    /// In the order in which they were published; those that end are left out.
    virtual std::expected<std::vector<RelatedEntry>, int32_t> CopyChildren(EntryId entry) = 0;

    /// IOService::JoinPMTree, ChangePowerState and SetPowerOverride. `flags` is a kIOServicePowerCapability* constant.
    virtual int32_t JoinPowerTree(EntryId entry) = 0;
    virtual int32_t ChangePowerState(EntryId entry, uint32_t flags) = 0;
    virtual int32_t SetPowerOverride(EntryId entry, bool enable) = 0;

    /// IOService::AdjustBusy and GetBusyState.
    virtual int32_t AdjustBusy(EntryId entry, int32_t delta) = 0;
    virtual std::expected<uint32_t, int32_t> GetBusyState(EntryId entry) = 0;

    /// The entry of the system's states (IOService::CopySystemStateNotificationService).
    virtual std::expected<EntryId, int32_t> SystemStateService() = 0;
    /// IOService::StateNotificationItem...: states of a service of the process or of SystemStateService.
    /// @param value a dictionary; of a new item null for none.
    virtual int32_t CreateStateItem(EntryId entry, const std::string &name,
                                    const PropertyValue &value) = 0;
    virtual int32_t SetStateItem(EntryId entry, const std::string &name,
                                 const PropertyValue &value) = 0;
    virtual std::expected<PropertyValue, int32_t> CopyStateItem(EntryId entry,
                                                                const std::string &name) = 0;

    /// The base class's Stop has run for the service; completes a StopService that waits for it.
    virtual void ServiceStopped(EntryId entry) = 0;
};

}  // namespace opendext
