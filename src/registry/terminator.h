// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <set>
#include <vector>

#include "registry/host_table.h"
#include "registry/lifetime.h"
#include "registry/registry_tree.h"
#include "registry/watches.h"

namespace opendext::registry {

/// Ends services with all that stands on them (semantics.md 3.7): the subtree becomes inactive and is
/// reported, Stop goes out from the root to the leaves, and entries leave the tree when every Stop is done.
/// On the registry's thread. Each call may remove entries before it returns.
class Terminator {
public:
    /// `host_idle` is called for a process that has lost its last service, `removed` when entries have left the tree.
    Terminator(RegistryTree &tree, Watches &watches, HostTable &hosts,
               std::function<void(HostId)> host_idle, std::function<void()> removed);

    /// Begins the termination of `entry`; a second one of the same entry does nothing.
    void Terminate(EntryId entry);

    /// The object of `entry` is gone and was never stopped, as after a failed Start: it ends without a Stop, what
    /// stands on it as in any termination.
    void Discard(EntryId entry);

    /// The process of `host` is gone: its services end without a Stop, with what stands on them.
    void HostGone(HostId host);

    /// A service has started: a termination that waited for that goes on.
    void StartFinished(EntryId entry);

private:
    struct Termination {
        std::vector<EntryId> order;  ///< All that it ends, every entry before its children.
        std::set<EntryId> unsent;    ///< To be stopped; their Start, or one above them, still runs.
        std::set<EntryId> unanswered;  ///< Stop has been sent.
    };

    void Deactivate(const std::vector<EntryId> &subtree);
    void SendStops(EntryId root);
    void SendStop(EntryId root, EntryId entry);
    void Stopped(EntryId root, EntryId entry);
    void CountAsStopped(EntryId entry);
    [[nodiscard]] EntryId TerminationOf(EntryId entry) const;
    void FinishIfDone(EntryId root);
    void RemoveSubtree(EntryId root);

    RegistryTree &tree_;
    Watches &watches_;
    HostTable &hosts_;
    const std::function<void(HostId)> host_idle_;
    const std::function<void()> removed_;
    std::map<EntryId, Termination> terminations_;  ///< By the entry that was terminated.
    Lifetime lifetime_;
};

}  // namespace opendext::registry
