// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "registry/lifetime.h"
#include "registry/registry_tree.h"
#include "registry/scheduler.h"

namespace opendext::registry {

/// The power states of services (semantics.md 3.11). A service has the state that it wants itself or that one of the
/// services on it needs, whichever is higher, and never a higher one than what it stands on; none while the machine
/// sleeps. On its way down a service follows those on it, on its way up it goes ahead of them. On the registry's
/// thread.
class PowerTree {
public:
    /// kIOServicePowerCapability*.
    static constexpr uint32_t kOff = 0;
    static constexpr uint32_t kOn = 2;
    static constexpr uint32_t kLow = 0x10000;

    /// How long a service may take to acknowledge a transition; after that it counts as done, with a log line.
    static constexpr std::chrono::seconds kPatience{20};

    /// Tells the service of a transition; `done` is called once it has acknowledged it, or will never.
    using Send = std::function<void(EntryId service, uint32_t flags, std::function<void()> done)>;

    PowerTree(const RegistryTree &tree, Scheduler &scheduler, Send send)
        : tree_(tree), scheduler_(scheduler), send_(std::move(send)) {}
    PowerTree(const PowerTree &) = delete;
    PowerTree &operator=(const PowerTree &) = delete;

    /// The service takes part from now on; its state is On. Nothing changes for one that does already, or that stands
    /// on something whose property "non-removable" is "yes".
    void Join(EntryId service);

    /// What the service itself wants. Kept for one that has not joined yet.
    void Change(EntryId service, uint32_t flags);

    /// With `enable`, what the services on it need does not count.
    void SetOverride(EntryId service, bool enable);

    /// The machine sleeps, or is awake, as at first. While it sleeps no service is on, whatever it wants; awake again,
    /// each has the state that it wants by then. `done` is called once, when no transition is under way any more.
    void SetAsleep(bool asleep, std::function<void()> done);

    /// Services have ended: what they needed does not count any more.
    void EntriesChanged();

private:
    enum class Level : uint8_t { kOff, kLow, kOn };
    struct Node {
        bool has_joined = false;
        std::optional<Level> desire;
        bool ignores_children = false;
        Level current = Level::kOn;
        std::optional<Level> changing_to;
        uint64_t transition = 0;  ///< Number of the latest.
        uint64_t timer = 0;
    };

    [[nodiscard]] static uint32_t FlagsOf(Level level);
    [[nodiscard]] static Level LevelOf(uint32_t flags);
    [[nodiscard]] EntryId ParentOf(EntryId service) const;
    void ForgetEnded();
    void Update();
    void TellSettled();
    /// What each service that has joined should have, by what it and those on it want.
    [[nodiscard]] std::map<EntryId, Level> Targets() const;
    [[nodiscard]] bool MayChange(EntryId service, const Node &node, Level target) const;
    void Begin(EntryId service, Node &node, Level target);
    void Finish(EntryId service, uint64_t transition);

    const RegistryTree &tree_;
    Scheduler &scheduler_;
    const Send send_;
    std::map<EntryId, Node> nodes_;
    bool is_asleep_ = false;
    std::vector<std::function<void()>> awaiting_settled_;
    bool is_updating_ = false;
    bool must_update_ = false;
    Lifetime lifetime_;
};

}  // namespace opendext::registry
