// SPDX-License-Identifier: Apache-2.0
#include "registry/registry_tree.h"

#include <algorithm>
#include <ranges>
#include <utility>

namespace opendext::registry {

RegistryTree::RegistryTree() {
    root_ = EntryId{next_id_++};
    auto entry = std::make_unique<RegistryEntry>();
    entry->id = root_;
    entry->name = "Root";
    entry->class_name = "IORegistryEntry";
    entry->started = true;
    entries_.emplace(root_, std::move(entry));
}

RegistryEntry &RegistryTree::Add(EntryId parent, std::string_view class_name,
                                 std::string_view name) {
    auto entry = std::make_unique<RegistryEntry>();
    entry->id = EntryId{next_id_++};
    entry->parent = parent;
    entry->class_name = class_name;
    entry->name = name;
    RegistryEntry &added = *entry;
    entries_.emplace(added.id, std::move(entry));
    Find(parent)->children.push_back(added.id);
    return added;
}

void RegistryTree::Remove(EntryId id) {
    const RegistryEntry *entry = Find(id);
    if (entry == nullptr || id == root_) {
        return;
    }
    if (RegistryEntry *parent = Find(entry->parent)) {
        std::erase(parent->children, id);
    }
    for (const EntryId below : Subtree(id)) {
        entries_.erase(below);
    }
}

RegistryEntry *RegistryTree::Find(EntryId id) {
    const auto found = entries_.find(id);
    return found == entries_.end() ? nullptr : found->second.get();
}

const RegistryEntry *RegistryTree::Find(EntryId id) const {
    const auto found = entries_.find(id);
    return found == entries_.end() ? nullptr : found->second.get();
}

std::vector<EntryId> RegistryTree::Subtree(EntryId id) const {
    std::vector<EntryId> order;
    if (Find(id) != nullptr) {
        order.push_back(id);
    }
    for (size_t i = 0; i < order.size(); ++i) {
        const RegistryEntry *entry = Find(order[i]);
        order.insert(order.end(), entry->children.begin(), entry->children.end());
    }
    return order;
}

std::vector<const RegistryEntry *> RegistryTree::Ancestry(EntryId id) const {
    std::vector<const RegistryEntry *> ancestry;
    for (const RegistryEntry *entry = Find(id); entry != nullptr; entry = Find(entry->parent)) {
        ancestry.push_back(entry);
    }
    return ancestry;
}

uint32_t RegistryTree::DriversBusy(EntryId id) const {
    // From the leaves up: every entry comes before its children in the list.
    std::map<EntryId, uint32_t> busy;
    const std::vector<EntryId> subtree = Subtree(id);
    for (const EntryId each : subtree | std::views::reverse) {
        const RegistryEntry *entry = Find(each);
        const uint32_t own = busy[each] += entry->busy;
        busy[entry->parent] += own != 0 ? 1 : 0;
    }
    return busy[id];
}

std::vector<const RegistryEntry *> RegistryTree::All() const {
    std::vector<const RegistryEntry *> all;
    all.reserve(entries_.size());
    for (const auto &[id, entry] : entries_) {
        all.push_back(entry.get());
    }
    return all;
}

std::string StringProperty(const PropertyValue::Dictionary &properties, std::string_view key) {
    const auto found = properties.find(key);
    const std::string *text = found == properties.end() ? nullptr : found->second.IfString();
    return text == nullptr ? std::string() : *text;
}

PropertyValue::Dictionary MergedProperties(const RegistryEntry &entry) {
    PropertyValue::Dictionary merged = entry.user_properties;
    for (const auto &[key, value] : entry.properties) {
        merged.try_emplace(key, value);
    }
    return merged;
}

const PropertyValue *FindProperty(const RegistryEntry &entry, std::string_view key) {
    if (const auto found = entry.properties.find(key); found != entry.properties.end()) {
        return &found->second;
    }
    const auto found = entry.user_properties.find(key);
    return found == entry.user_properties.end() ? nullptr : &found->second;
}

}  // namespace opendext::registry
