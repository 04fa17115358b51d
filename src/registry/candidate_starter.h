// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "registry/bundle.h"
#include "registry/host_table.h"
#include "registry/lifetime.h"
#include "registry/registry_tree.h"
#include "registry/scheduler.h"

namespace opendext::registry {

/// Matches personalities to providers and starts the best of each category (semantics.md 3.1, 3.5, 3.6). On
/// the registry's thread.
class CandidateStarter {
public:
    struct Options {
        /// A Start that has not returned by then is taken to hang: its process is ended. 0: wait for ever.
        std::chrono::milliseconds start_timeout{20000};
        /// A crashed personality is started again on its provider while the count of its crashes there, the first
        /// being 0, is not above this; 0: never (semantics.md 3.8).
        uint32_t relaunch_limit = 10;
    };
    /// A service is up.
    using Started = std::function<void(EntryId)>;
    /// A start has failed: the service's object is gone, its entry is still there.
    using Failed = std::function<void(EntryId)>;
    /// All candidates of a category have been tried on a provider, or one of them has started.
    using Tried = std::function<void(EntryId provider)>;
    /// Nothing is being matched or started any more.
    using Quiet = std::function<void()>;

    CandidateStarter(RegistryTree &tree, HostTable &hosts, Scheduler &scheduler, Options options);

    void OnStarted(Started started) { started_ = std::move(started); }
    void OnFailed(Failed failed) { failed_ = std::move(failed); }
    void OnTried(Tried tried) { tried_ = std::move(tried); }

    /// Makes the personalities of `bundle` candidates and tries them on all that is registered. It must live as
    /// long as this object.
    void AddBundle(const Bundle &bundle);

    /// Tries all personalities on `provider`, which is registered.
    void Match(EntryId provider);

    /// A started service of that personality has crashed: tries it, and no other, on its provider again while
    /// the limit allows, then all others (semantics.md 3.8).
    void Rematch(EntryId provider, const std::string &bundle_identifier,
                 const std::string &personality);

    /// The process of `host` is gone: what was being started in it has failed.
    void HostGone(HostId host);

    /// Something is under way that is going to register more: there is no quiet until Release.
    void Hold() { ++num_holds_; }
    void Release();

    [[nodiscard]] bool quiet() const { return attempts_.empty() && num_holds_ == 0; }
    /// Calls `then` once, when nothing is being started; at once if that is so.
    void WhenQuiet(Quiet then);

    /// How many services are being started on `provider`.
    [[nodiscard]] uint32_t BusyCount(EntryId provider) const;

    /// Why the personalities of the bundle `identifier` have not started anything: one line for each
    /// personality and provider of its class. For a user who wonders.
    [[nodiscard]] std::vector<std::string> ExplainMismatches(const std::string &identifier) const;

private:
    struct Candidate {
        const Bundle *bundle;
        const Personality *personality;
        int64_t score;  ///< IOProbeScore and what the provider's family adds.
    };
    using Accepts = std::function<bool(const Bundle &, const Personality &)>;
    using Ranking = std::multimap<int64_t, Candidate, std::greater<>>;  ///< By score, best first.
    /// One category on one provider, its candidates in the order to try.
    struct Attempt {
        uint64_t id = 0;
        EntryId provider = EntryId::kNone;
        std::string category;
        std::deque<Candidate> candidates;
        EntryId service = EntryId::kNone;  ///< Being started.
        uint64_t timer = 0;
    };

    [[nodiscard]] bool CategoryTaken(const RegistryEntry &provider,
                                     const std::string &category) const;
    void MatchThose(EntryId provider, const Accepts &accepts, bool joins_attempts);
    [[nodiscard]] bool JoinAttempt(EntryId provider, const std::string &category,
                                   const Ranking &candidates);
    void TryNext(uint64_t attempt_id);
    bool Begin(Attempt &attempt, const Candidate &candidate);
    void Launch(uint64_t attempt_id, HostId host, EntryId service);
    void ArmTimeout(Attempt &attempt, HostId host);
    void Answered(uint64_t attempt_id, EntryId service, int32_t status);
    void End(uint64_t attempt_id);
    void TellQuiet();
    RegistryEntry &AddService(const RegistryEntry &provider, const Candidate &candidate);
    void ExplainMismatch(const Personality &personality, std::vector<std::string> &lines) const;

    RegistryTree &tree_;
    HostTable &hosts_;
    Scheduler &scheduler_;
    const Options options_;
    Started started_;
    Failed failed_;
    Tried tried_;
    std::vector<const Bundle *> bundles_;
    uint64_t next_attempt_ = 1;
    std::map<uint64_t, Attempt> attempts_;
    uint32_t num_holds_ = 0;
    std::vector<Quiet> waiting_for_quiet_;
    Lifetime lifetime_;
};

}  // namespace opendext::registry
