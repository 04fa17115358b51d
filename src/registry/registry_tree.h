// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/property_value.h"
#include "channel/wire/service_directory.h"
#include "registry/pci_match.h"

namespace opendext::registry {

using channel::EntryId;

/// Names a driver process for as long as the registry lives; 0: the entry belongs to the system.
using HostId = uint64_t;

/// A node of the registry: a device, a driver's service or a user client.
struct RegistryEntry {
    EntryId id = EntryId::kNone;
    EntryId parent = EntryId::kNone;
    std::vector<EntryId> children;

    std::string name;
    std::string class_name;  ///< Kernel class.
    std::string location;    ///< Place among siblings, "0,0" for a PCI function; may be empty.
    std::string device;      ///< Device port behind it ("model:fpga-dma"); may be empty.
    std::string part;        ///< Which part of that: a USB interface's number; may be empty.
    std::optional<PciIdentity> pci;

    PropertyValue::Dictionary properties;       ///< The registry's own.
    PropertyValue::Dictionary user_properties;  ///< Set by the driver: IOUserServiceProperties.

    std::string personality;  ///< The personality that made it; empty when Create or the system did.
    /// How often drivers have crashed on this entry, by bundle and personality (semantics.md 3.8).
    std::map<std::string, uint32_t> crashes;

    HostId host = 0;
    bool starting = false;    ///< Its Start is under way or to come: its termination waits.
    bool started = false;     ///< Start has succeeded, or Create made it.
    bool registered = false;  ///< Visible to matching.
    bool active = true;       ///< False from the moment its termination begins.
    bool registration_deferred = false;  ///< RegisterService was called inside Start.
    uint32_t busy = 0;                   ///< What its driver has added to its busy state.
    bool missed = false;  ///< A line has said that applications look for it and do not find it.
    int app_pid = 0;      ///< A user client's: the process of the application that opened it.
};

/// The tree of entries. Only data: whoever changes an entry tells who must know. Used on the registry's
/// thread only. Pointers stay valid until that entry is removed.
class RegistryTree {
public:
    RegistryTree();

    [[nodiscard]] EntryId root() const { return root_; }

    /// A new entry under `parent`, which must exist.
    RegistryEntry &Add(EntryId parent, std::string_view class_name, std::string_view name);

    /// Removes an entry with all below it.
    void Remove(EntryId id);

    [[nodiscard]] RegistryEntry *Find(EntryId id);
    [[nodiscard]] const RegistryEntry *Find(EntryId id) const;

    /// `id` and all below it, every entry before its children.
    [[nodiscard]] std::vector<EntryId> Subtree(EntryId id) const;

    /// `id` and its ancestors, nearest first.
    [[nodiscard]] std::vector<const RegistryEntry *> Ancestry(EntryId id) const;

    /// What the drivers of an entry and of those on it have added to its busy state: those on it count as 1 each, when
    /// they are busy.
    [[nodiscard]] uint32_t DriversBusy(EntryId id) const;

    /// All entries, in the order they were made.
    [[nodiscard]] std::vector<const RegistryEntry *> All() const;

private:
    std::map<EntryId, std::unique_ptr<RegistryEntry>> entries_;
    uint64_t next_id_ = 0x100000000ULL;  // as on the original, ids do not look like small integers
    EntryId root_ = EntryId::kNone;
};

/// The string property `key`, or empty.
std::string StringProperty(const PropertyValue::Dictionary &properties, std::string_view key);

/// The entry's whole-dictionary view: the driver's values win (semantics.md 7.4).
PropertyValue::Dictionary MergedProperties(const RegistryEntry &entry);

/// One property; the registry's own wins (semantics.md 7.4). NULL when there is none.
const PropertyValue *FindProperty(const RegistryEntry &entry, std::string_view key);

}  // namespace opendext::registry
