// SPDX-License-Identifier: Apache-2.0
#include "registry/power_tree.h"

#include <algorithm>
#include <ranges>
#include <utility>
#include <vector>

#include "base/log.h"

namespace opendext::registry {

uint32_t PowerTree::FlagsOf(Level level) {
    return level == Level::kOn ? kOn : level == Level::kLow ? kLow : kOff;
}

PowerTree::Level PowerTree::LevelOf(uint32_t flags) {
    return flags == kOn ? Level::kOn : flags == kLow ? Level::kLow : Level::kOff;
}

void PowerTree::Join(EntryId service) {
    const std::vector<const RegistryEntry *> ancestry = tree_.Ancestry(service);
    const bool stays_out = std::ranges::any_of(ancestry, [](const RegistryEntry *entry) {
        const PropertyValue *value = FindProperty(*entry, "non-removable");
        return value != nullptr && *value == PropertyValue("yes");
    });
    if (!ancestry.empty() && ancestry.front()->active && !stays_out) {
        nodes_[service].has_joined = true;
        Update();
    }
}

void PowerTree::Change(EntryId service, uint32_t flags) {
    nodes_[service].desire = LevelOf(flags);
    Update();
}

void PowerTree::SetOverride(EntryId service, bool enable) {
    nodes_[service].ignores_children = enable;
    Update();
}

void PowerTree::SetAsleep(bool asleep, std::function<void()> done) {
    is_asleep_ = asleep;
    awaiting_settled_.push_back(std::move(done));
    Update();
}

void PowerTree::EntriesChanged() {
    if (!nodes_.empty()) {
        Update();
    }
}

EntryId PowerTree::ParentOf(EntryId service) const {
    for (const RegistryEntry *entry : tree_.Ancestry(service)) {
        const auto found = nodes_.find(entry->id);
        if (entry->id != service && found != nodes_.end() && found->second.has_joined) {
            return entry->id;
        }
    }
    return EntryId::kNone;
}

void PowerTree::ForgetEnded() {
    for (auto node = nodes_.begin(); node != nodes_.end();) {
        const RegistryEntry *entry = tree_.Find(node->first);
        if (entry != nullptr && entry->active) {
            ++node;
            continue;
        }
        if (node->second.timer != 0) {
            scheduler_.Cancel(node->second.timer);
        }
        node = nodes_.erase(node);
    }
}

std::map<EntryId, PowerTree::Level> PowerTree::Targets() const {
    // Entries are younger than what they stand on, and ids grow: backwards, those on a service come before it.
    std::map<EntryId, Level> targets;
    std::map<EntryId, Level> needed;
    for (const auto &[service, node] : nodes_ | std::views::reverse) {
        if (!node.has_joined) {
            continue;
        }
        const auto children = needed.find(service);
        const bool counts = children != needed.end() && !node.ignores_children;
        // Nobody has said anything: it stays on.
        Level level = node.desire.value_or(counts ? Level::kOff : Level::kOn);
        if (counts) {
            level = std::max(level, children->second);
        }
        if (is_asleep_) {
            level = Level::kOff;
        }
        targets[service] = level;
        if (const EntryId parent = ParentOf(service); parent != EntryId::kNone) {
            Level &need = needed.try_emplace(parent, Level::kOff).first->second;
            need = std::max(need, level);
        }
    }
    for (auto &[service, level] : targets) {
        if (const EntryId parent = ParentOf(service); parent != EntryId::kNone) {
            level = std::min(level, targets.at(parent));
        }
    }
    return targets;
}

bool PowerTree::MayChange(EntryId service, const Node &node, Level target) const {
    if (target > node.current) {
        const auto parent = nodes_.find(ParentOf(service));
        return parent == nodes_.end() ||
               (parent->second.current >= target && !parent->second.changing_to);
    }
    return std::ranges::all_of(nodes_, [&](const auto &other) {
        return !other.second.has_joined || ParentOf(other.first) != service ||
               (other.second.current <= target && !other.second.changing_to);
    });
}

void PowerTree::Update() {
    must_update_ = true;
    if (is_updating_) {
        return;  // An acknowledgement inside the order: the loop below goes on.
    }
    is_updating_ = true;
    while (std::exchange(must_update_, false)) {
        ForgetEnded();
        for (const auto &[service, target] : Targets()) {
            const auto node = nodes_.find(service);
            if (node != nodes_.end() && !node->second.changing_to &&
                node->second.current != target && MayChange(service, node->second, target)) {
                Begin(service, node->second, target);
            }
        }
    }
    is_updating_ = false;
    TellSettled();
}

void PowerTree::TellSettled() {
    if (std::ranges::any_of(nodes_,
                            [](const auto &node) { return node.second.changing_to.has_value(); })) {
        return;
    }
    for (const std::function<void()> &done : std::exchange(awaiting_settled_, {})) {
        done();
    }
}

void PowerTree::Begin(EntryId service, Node &node, Level target) {
    node.changing_to = target;
    const uint64_t transition = ++node.transition;
    node.timer = scheduler_.After(kPatience, lifetime_.Guard([this, service, transition] {
        const RegistryEntry *entry = tree_.Find(service);
        LogWarning(
            "'{}' has not acknowledged its power state for {} s; call SetPowerState(powerFlags, "
            "SUPERDISPATCH) when the device is ready for it",
            entry != nullptr ? entry->name : "", kPatience.count());
        Finish(service, transition);
    }));
    send_(service, FlagsOf(target),
          lifetime_.Guard([this, service, transition] { Finish(service, transition); }));
}

void PowerTree::Finish(EntryId service, uint64_t transition) {
    const auto found = nodes_.find(service);
    if (found == nodes_.end() || found->second.transition != transition ||
        !found->second.changing_to) {
        return;
    }
    Node &node = found->second;
    scheduler_.Cancel(std::exchange(node.timer, 0));
    node.current = *std::exchange(node.changing_to, std::nullopt);
    Update();
}

}  // namespace opendext::registry
