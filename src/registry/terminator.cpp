// SPDX-License-Identifier: Apache-2.0
#include "registry/terminator.h"

#include <algorithm>
#include <utility>

namespace opendext::registry {

using channel::StopMode;

Terminator::Terminator(RegistryTree &tree, Watches &watches, HostTable &hosts,
                       std::function<void(HostId)> host_idle, std::function<void()> removed)
    : tree_(tree),
      watches_(watches),
      hosts_(hosts),
      host_idle_(std::move(host_idle)),
      removed_(std::move(removed)) {}

void Terminator::Deactivate(const std::vector<EntryId> &subtree) {
    for (const EntryId id : subtree) {
        RegistryEntry *entry = tree_.Find(id);
        if (entry != nullptr && std::exchange(entry->active, false)) {
            watches_.ServiceTerminated(*entry);
        }
    }
}

void Terminator::Terminate(EntryId root) {
    const RegistryEntry *entry = tree_.Find(root);
    if (entry == nullptr || !entry->active || root == tree_.root()) {
        return;
    }
    Termination termination;
    for (const EntryId id : tree_.Subtree(root)) {
        const RegistryEntry *below = tree_.Find(id);
        if (!below->active) {
            continue;  // an earlier termination ends it
        }
        termination.order.push_back(id);
        if (below->host != 0) {
            termination.unsent.insert(id);
        }
    }
    const std::vector<EntryId> order = termination.order;
    terminations_.emplace(root, std::move(termination));
    Deactivate(order);
    SendStops(root);
}

void Terminator::SendStops(EntryId root) {
    const auto found = terminations_.find(root);
    if (found == terminations_.end()) {
        return;
    }
    Termination &termination = found->second;
    std::set<EntryId> held;
    std::vector<EntryId> due;
    for (const EntryId id : termination.order) {
        const RegistryEntry *entry = tree_.Find(id);
        if (entry != nullptr && (entry->starting || held.contains(entry->parent))) {
            held.insert(id);
        } else if (termination.unsent.erase(id) != 0) {
            termination.unanswered.insert(id);
            due.push_back(id);
        }
    }
    // An answer may come from within: `termination` can be gone after the first.
    for (const EntryId id : due) {
        SendStop(root, id);
    }
    FinishIfDone(root);
}

void Terminator::SendStop(EntryId root, EntryId id) {
    const RegistryEntry *entry = tree_.Find(id);
    DriverHost *host = entry == nullptr ? nullptr : hosts_.Find(entry->host);
    if (host == nullptr || !entry->started) {
        Stopped(root, id);
        return;
    }
    const RegistryEntry *provider = tree_.Find(entry->parent);
    const bool provider_active = provider != nullptr && provider->active;
    host->port->StopService(
        id, provider_active ? StopMode::kAwaitReturn : StopMode::kOneWay,
        lifetime_.Guard([this, root, id](int32_t /*status*/) { Stopped(root, id); }));
}

void Terminator::StartFinished(EntryId entry) {
    SendStops(TerminationOf(entry));
}

void Terminator::Stopped(EntryId root, EntryId entry) {
    const auto found = terminations_.find(root);
    if (found != terminations_.end() && found->second.unanswered.erase(entry) != 0) {
        FinishIfDone(root);
    }
}

EntryId Terminator::TerminationOf(EntryId entry) const {
    for (const auto &[root, termination] : terminations_) {
        if (std::ranges::find(termination.order, entry) != termination.order.end()) {
            return root;
        }
    }
    return EntryId::kNone;
}

void Terminator::CountAsStopped(EntryId entry) {
    const EntryId root = TerminationOf(entry);
    if (const auto found = terminations_.find(root); found != terminations_.end()) {
        found->second.unsent.erase(entry);
        found->second.unanswered.erase(entry);
        SendStops(root);
    }
}

void Terminator::Discard(EntryId id) {
    RegistryEntry *entry = tree_.Find(id);
    if (entry == nullptr) {
        return;
    }
    entry->starting = false;
    entry->started = false;
    if (entry->active) {
        Terminate(id);
    } else {
        CountAsStopped(id);
    }
}

void Terminator::FinishIfDone(EntryId root) {
    const auto found = terminations_.find(root);
    if (found == terminations_.end() || !found->second.unsent.empty() ||
        !found->second.unanswered.empty()) {
        return;
    }
    // An inner termination that began earlier ends first; its entries leave with it.
    for (const EntryId id : tree_.Subtree(root)) {
        if (id != root && terminations_.contains(id)) {
            return;
        }
    }
    terminations_.erase(found);
    const RegistryEntry *entry = tree_.Find(root);
    std::vector<EntryId> outer;
    for (const RegistryEntry *ancestor :
         tree_.Ancestry(entry == nullptr ? EntryId::kNone : entry->parent)) {
        outer.push_back(ancestor->id);
    }
    RemoveSubtree(root);
    for (const EntryId id : outer) {
        FinishIfDone(id);
    }
}

void Terminator::RemoveSubtree(EntryId root) {
    std::set<HostId> touched;
    for (const EntryId id : tree_.Subtree(root)) {
        touched.insert(tree_.Find(id)->host);
    }
    tree_.Remove(root);
    for (const RegistryEntry *entry : tree_.All()) {
        touched.erase(entry->host);
    }
    for (const HostId host : touched) {
        if (host != 0) {
            host_idle_(host);
        }
    }
    removed_();
}

void Terminator::HostGone(HostId host) {
    std::vector<EntryId> hosted;
    for (const RegistryEntry *entry : tree_.All()) {
        if (entry->host == host) {
            hosted.push_back(entry->id);
        }
    }
    for (const EntryId id : hosted) {
        RegistryEntry *entry = tree_.Find(id);
        entry->host = 0;  // no Stop can reach it
        entry->starting = false;
    }
    for (const EntryId id : hosted) {
        CountAsStopped(id);  // where a termination had begun
        Terminate(id);
    }
}

}  // namespace opendext::registry
