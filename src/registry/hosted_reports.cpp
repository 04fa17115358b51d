// SPDX-License-Identifier: Apache-2.0
#include "registry/hosted_reports.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string_view>

#include "channel/wire/io_result.h"
#include "registry/kernel_classes.h"
#include "registry/registry.h"

namespace opendext::registry {

namespace {

/// The properties that an IOPCIDevice lets its driver set (semantics.md 6.10).
constexpr std::array<std::string_view, 3> kPciSettable = {
    "IOPMPCIConfigSpaceVolatile", "IOPMPCISleepLinkDisable", "IOPMPCISleepReset"};

// A service may not pass for a device or for the system.
bool IsMadeByCreate(std::string_view kernel_class) {
    constexpr std::array<std::string_view, 6> kProviders = {"IOPCIDevice",        "IOUSBHostDevice",
                                                            "IOUSBHostInterface", "IOUserResources",
                                                            "IOResources",        "IOUserClient"};
    return std::ranges::find(kProviders, kernel_class) == kProviders.end() &&
           KernelClassConforms(kernel_class, "IOService");
}

RelatedEntry RelationTo(const RegistryEntry &entry) {
    return {.entry = entry.id, .class_name = entry.class_name, .part = entry.part};
}

int32_t SetProviderProperties(RegistryEntry &provider,
                              const PropertyValue::Dictionary &properties) {
    if (!KernelClassConforms(provider.class_name, "IOPCIDevice")) {
        return channel::kIoUnsupported;
    }
    const bool allowed = std::ranges::all_of(properties, [](const auto &pair) {
        return std::ranges::find(kPciSettable, pair.first) != kPciSettable.end() &&
               pair.second.IfBool() != nullptr;
    });
    if (!allowed) {
        return channel::kIoBadArgument;
    }
    for (const auto &[key, value] : properties) {
        provider.properties.insert_or_assign(key, value);
    }
    return 0;
}

}  // namespace

RegistryEntry *HostedReports::Own(EntryId id) {
    RegistryEntry *entry = registry_.tree_.Find(id);
    return entry != nullptr && entry->host == host_ ? entry : nullptr;
}

bool HostedReports::Carries(EntryId id) const {
    return std::ranges::any_of(registry_.tree_.Subtree(id), [this](EntryId below) {
        return registry_.tree_.Find(below)->host == host_;
    });
}

RegistryEntry *HostedReports::Visible(EntryId id) {
    RegistryEntry *entry = registry_.tree_.Find(id);
    if (entry == nullptr || Carries(id)) {
        return entry;
    }
    // Another part of a device of this process: devices stand on the root, which connects what has nothing in common.
    const bool is_part = entry->host == 0 && entry->parent != registry_.tree_.root();
    const bool is_visible =
        (is_part && Carries(entry->parent)) || registry_.notices_.HasReported(host_, id);
    return is_visible ? entry : nullptr;
}

std::expected<EntryId, int32_t> HostedReports::CreateChild(EntryId creator_id,
                                                           const PropertyValue &properties) {
    const RegistryEntry *creator = Own(creator_id);
    const auto *dictionary = properties.IfDictionary();
    if (creator == nullptr) {
        return std::unexpected(channel::kIoNotPermitted);
    }
    const std::string kernel_class =
        dictionary == nullptr ? "" : StringProperty(*dictionary, "IOClass");
    if (kernel_class.empty()) {
        return std::unexpected(channel::kIoBadArgument);
    }
    if (!IsMadeByCreate(kernel_class)) {
        return std::unexpected(channel::kIoUnsupported);
    }
    if (!creator->active) {
        return std::unexpected(channel::kIoNotReady);
    }
    const PropertyValue::Dictionary &inherited = creator->properties;
    RegistryEntry &child =
        registry_.tree_.Add(creator_id, kernel_class, StringProperty(*dictionary, "IOUserClass"));
    child.properties = *dictionary;
    for (const std::string_view key :
         {std::string_view("CFBundleIdentifier"), std::string_view("IOUserServerName")}) {
        if (const auto found = inherited.find(key); found != inherited.end()) {
            child.properties.insert_or_assign(found->first, found->second);
        }
    }
    child.host = host_;
    child.started = true;
    return child.id;
}

void HostedReports::ChildFailed(EntryId id) {
    const RegistryEntry *entry = Own(id);
    if (entry != nullptr && entry->personality.empty()) {
        registry_.terminator_.Discard(id);
    }
}

int32_t HostedReports::RegisterService(EntryId id) {
    RegistryEntry *entry = Own(id);
    if (entry == nullptr) {
        return channel::kIoNotPermitted;
    }
    if (!entry->started) {
        entry->registration_deferred = true;
    } else if (entry->active) {
        registry_.Publish(*entry);
    }
    return 0;
}

int32_t HostedReports::Terminate(EntryId id) {
    if (Own(id) == nullptr) {
        return channel::kIoNotPermitted;
    }
    registry_.terminator_.Terminate(id);
    return 0;
}

std::expected<PropertyValue, int32_t> HostedReports::CopyProperties(EntryId id) {
    const RegistryEntry *entry = Visible(id);
    if (entry == nullptr) {
        return std::unexpected(channel::kIoNotFound);
    }
    return PropertyValue(MergedProperties(*entry));
}

int32_t HostedReports::MergeProperties(EntryId id, const PropertyValue &properties) {
    const auto *dictionary = properties.IfDictionary();
    RegistryEntry *entry = Visible(id);
    if (entry == nullptr || dictionary == nullptr) {
        return channel::kIoUnsupported;
    }
    if (Own(id) == nullptr) {
        return SetProviderProperties(*entry, *dictionary);
    }
    for (const auto &[key, value] : *dictionary) {
        entry->user_properties.insert_or_assign(key, value);
    }
    return 0;
}

int32_t HostedReports::RemoveProperty(EntryId id, const std::string &key) {
    RegistryEntry *entry = Own(id);
    return entry != nullptr && entry->user_properties.erase(key) != 0 ? 0 : channel::kIoNotFound;
}

std::expected<PropertyValue, int32_t> HostedReports::SearchProperty(EntryId id,
                                                                    const std::string &key,
                                                                    const std::string & /*plane*/,
                                                                    bool parents) {
    if (Visible(id) == nullptr) {
        return std::unexpected(channel::kIoNotFound);
    }
    for (const RegistryEntry *entry : registry_.tree_.Ancestry(id)) {
        if (const PropertyValue *value = FindProperty(*entry, key)) {
            return *value;
        }
        if (!parents) {
            break;
        }
    }
    return std::unexpected(channel::kIoNotFound);
}

int32_t HostedReports::SetName(EntryId id, const std::string &name) {
    RegistryEntry *entry = Own(id);
    if (entry == nullptr) {
        return channel::kIoNotPermitted;
    }
    entry->name = name;
    return 0;
}

std::expected<std::string, int32_t> HostedReports::CopyName(EntryId id) {
    const RegistryEntry *entry = Visible(id);
    if (entry == nullptr) {
        return std::unexpected(channel::kIoNotFound);
    }
    return entry->name;
}

std::expected<std::vector<PropertyValue>, int32_t> HostedReports::CopyProviderProperties(
    EntryId id, const std::vector<std::string> &keys) {
    if (Visible(id) == nullptr) {
        return std::unexpected(channel::kIoNotFound);
    }
    std::vector<PropertyValue> result;
    for (const RegistryEntry *entry : registry_.tree_.Ancestry(id)) {
        PropertyValue::Dictionary properties = MergedProperties(*entry);
        if (!keys.empty()) {
            std::erase_if(properties, [&](const auto &pair) {
                return std::ranges::find(keys, pair.first) == keys.end();
            });
        }
        result.emplace_back(std::move(properties));
    }
    return result;
}

std::expected<RelatedEntry, int32_t> HostedReports::CopyParent(EntryId id) {
    const RegistryEntry *entry = Visible(id);
    const RegistryEntry *parent = entry == nullptr ? nullptr : registry_.tree_.Find(entry->parent);
    if (parent == nullptr) {
        return std::unexpected(channel::kIoNotFound);
    }
    return RelationTo(*parent);
}

std::expected<std::vector<RelatedEntry>, int32_t> HostedReports::CopyChildren(EntryId id) {
    const RegistryEntry *entry = Visible(id);
    if (entry == nullptr) {
        return std::unexpected(channel::kIoNotFound);
    }
    std::vector<RelatedEntry> children;
    for (const EntryId child : entry->children) {
        const RegistryEntry *seen = Visible(child);
        if (seen != nullptr && seen->active) {
            children.push_back(RelationTo(*seen));
        }
    }
    return children;
}

std::expected<UniqueFd, int32_t> HostedReports::OpenDevice(EntryId id) {
    const RegistryEntry *entry = Visible(id);
    if (entry == nullptr) {
        return std::unexpected(channel::kIoNotFound);
    }
    return registry_.devices_.OpenSession(id);
}

int32_t HostedReports::JoinPowerTree(EntryId id) {
    if (Own(id) == nullptr) {
        return channel::kIoNotPermitted;
    }
    registry_.power_.Join(id);
    return 0;
}

int32_t HostedReports::ChangePowerState(EntryId id, uint32_t flags) {
    if (Own(id) == nullptr) {
        return channel::kIoNotPermitted;
    }
    if (flags != PowerTree::kOff && flags != PowerTree::kLow && flags != PowerTree::kOn) {
        return channel::kIoBadArgument;
    }
    registry_.power_.Change(id, flags);
    return 0;
}

int32_t HostedReports::SetPowerOverride(EntryId id, bool enable) {
    if (Own(id) == nullptr) {
        return channel::kIoNotPermitted;
    }
    registry_.power_.SetOverride(id, enable);
    return 0;
}

int32_t HostedReports::AdjustBusy(EntryId id, int32_t delta) {
    RegistryEntry *entry = Own(id);
    if (entry == nullptr) {
        return channel::kIoNotPermitted;
    }
    const int64_t busy = int64_t{entry->busy} + delta;
    if (busy < 0 || busy > std::numeric_limits<uint32_t>::max()) {
        return channel::kIoBadArgument;
    }
    entry->busy = static_cast<uint32_t>(busy);
    return 0;
}

std::expected<uint32_t, int32_t> HostedReports::GetBusyState(EntryId id) {
    if (Visible(id) == nullptr) {
        return std::unexpected(channel::kIoNotFound);
    }
    return registry_.BusyState(id);
}

int32_t HostedReports::WatchServices(uint64_t watch, const PropertyValue &matching) {
    return registry_.notices_.Watch(host_, watch, matching);
}

bool HostedReports::MayChangeStates(EntryId id) {
    return Own(id) != nullptr || registry_.states_.IsSystem(id);
}

bool HostedReports::MayReadStates(EntryId id) {
    return Visible(id) != nullptr || registry_.states_.IsSystem(id);
}

std::expected<EntryId, int32_t> HostedReports::SystemStateService() {
    return registry_.states_.SystemService();
}

int32_t HostedReports::CreateStateItem(EntryId id, const std::string &name,
                                       const PropertyValue &value) {
    return MayChangeStates(id) ? registry_.states_.Create(id, name, value)
                               : channel::kIoNotPermitted;
}

int32_t HostedReports::SetStateItem(EntryId id, const std::string &name,
                                    const PropertyValue &value) {
    return MayChangeStates(id) ? registry_.states_.Set(id, name, value) : channel::kIoNotPermitted;
}

std::expected<PropertyValue, int32_t> HostedReports::CopyStateItem(EntryId id,
                                                                   const std::string &name) {
    if (!MayReadStates(id)) {
        return std::unexpected(channel::kIoNotPermitted);
    }
    return registry_.states_.Copy(id, name);
}

int32_t HostedReports::WatchStates(uint64_t watch, EntryId id,
                                   const std::vector<std::string> &names) {
    return MayReadStates(id) ? registry_.states_.Watch(host_, watch, id, names)
                             : channel::kIoNotPermitted;
}

void HostedReports::StopWatch(uint64_t watch) {
    registry_.notices_.Stop(host_, watch);
    registry_.states_.Stop(host_, watch);
}

void HostedReports::ServiceStopped(EntryId id) {
    // Out of a termination: a service that stops itself is over all the same. The runtime reports only services
    // whose Start has succeeded, though the answer that says so may still be under way.
    const RegistryEntry *entry = Own(id);
    if (entry != nullptr && entry->active) {
        registry_.terminator_.Terminate(id);
    }
}

void HostedReports::LogLine(uint32_t level, const std::string &text) {
    const DriverHost *host = registry_.hosts_.Find(host_);
    if (host != nullptr) {
        registry_.LogLine(host->label, level, text);
    }
}

}  // namespace opendext::registry
