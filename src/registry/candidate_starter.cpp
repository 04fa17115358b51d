// SPDX-License-Identifier: Apache-2.0
#include "registry/candidate_starter.h"

#include <algorithm>
#include <csignal>
#include <utility>

#include <fmt/format.h>

#include "base/io_result_name.h"
#include "base/log.h"
#include "channel/wire/io_result.h"
#include "registry/access.h"
#include "registry/kernel_classes.h"
#include "registry/matching.h"
#include "registry/usb_match.h"

namespace opendext::registry {

namespace {

std::string CrashKey(const std::string &bundle, const std::string &personality) {
    return bundle + "/" + personality;
}

// The crash counted last may not be made good any more (semantics.md 3.8).
bool IsExcluded(uint64_t num_crashes, uint64_t limit) {
    return limit == 0 ? num_crashes > 0 : num_crashes > limit + 1;
}

// What the personality scores on the provider, or nothing. The class first: it rules most personalities out, and a
// mismatch costs the text that explains it.
std::optional<int64_t> ScoreOn(const RegistryTree &tree, const RegistryEntry &provider,
                               const Personality &personality) {
    if (!KernelClassConforms(provider.class_name, personality.provider_class)) {
        return std::nullopt;
    }
    const auto family = MatchPersonality(tree, provider, personality.properties);
    return family ? std::optional(personality.probe_score + *family) : std::nullopt;
}

// Interfaces are not there before their device is configured (semantics.md 3.4).
std::string ExplainAbsence(const RegistryTree &tree, std::string_view provider_class) {
    if (provider_class == "IOUSBHostInterface") {
        for (const RegistryEntry *entry : tree.All()) {
            if (entry->active && entry->class_name == "IOUSBHostDevice") {
                return fmt::format(
                    "'{}' has none until a driver of the device calls SetConfiguration, which is "
                    "left to drivers for devices of its class",
                    entry->name);
            }
        }
    }
    return "attach one with --device";
}

channel::ProviderDescription Describe(const RegistryEntry &provider) {
    return {.entry = provider.id,
            .class_name = provider.class_name,
            .name = provider.name,
            .device = provider.device,
            .part = provider.part};
}

}  // namespace

CandidateStarter::CandidateStarter(RegistryTree &tree, HostTable &hosts, Scheduler &scheduler,
                                   Options options)
    : tree_(tree), hosts_(hosts), scheduler_(scheduler), options_(options) {}

void CandidateStarter::AddBundle(const Bundle &bundle) {
    bundles_.push_back(&bundle);
    std::vector<EntryId> due;
    for (const RegistryEntry *entry : tree_.All()) {
        const bool matches =
            std::ranges::any_of(bundle.personalities, [&](const Personality &personality) {
                return entry->registered && ScoreOn(tree_, *entry, personality).has_value();
            });
        if (matches) {
            due.push_back(entry->id);
        }
    }
    for (const EntryId entry : due) {
        MatchThose(
            entry,
            [&bundle](const Bundle &candidate, const Personality &) {
                return &candidate == &bundle;
            },
            true);
    }
}

bool CandidateStarter::CategoryTaken(const RegistryEntry &provider,
                                     const std::string &category) const {
    for (const auto &[id, attempt] : attempts_) {
        if (attempt.provider == provider.id && attempt.category == category) {
            return true;
        }
    }
    return std::ranges::any_of(provider.children, [&](EntryId child) {
        const RegistryEntry *service = tree_.Find(child);
        return service->active && !service->personality.empty() &&
               StringProperty(service->properties, "IOMatchCategory") == category;
    });
}

void CandidateStarter::Match(EntryId provider) {
    MatchThose(provider, [](const Bundle &, const Personality &) { return true; }, false);
}

// Candidates that came while others of their category are being tried are tried after those of their
// score.
bool CandidateStarter::JoinAttempt(EntryId provider, const std::string &category,
                                   const Ranking &candidates) {
    for (auto &[id, attempt] : attempts_) {
        if (attempt.provider != provider || attempt.category != category) {
            continue;
        }
        for (const auto &[score, candidate] : candidates) {
            const auto behind = std::ranges::find_if(
                attempt.candidates,
                [wanted = score](const Candidate &present) { return present.score < wanted; });
            attempt.candidates.insert(behind, candidate);
        }
        return true;
    }
    return false;
}

void CandidateStarter::MatchThose(EntryId provider_id, const Accepts &accepts,
                                  bool joins_attempts) {
    const RegistryEntry *provider = tree_.Find(provider_id);
    if (provider == nullptr || !provider->registered || !provider->active) {
        return;
    }
    // Best score first; equal ones stay in the order the bundles came.
    std::map<std::string, Ranking> by_category;
    for (const Bundle *bundle : bundles_) {
        for (const Personality &personality : bundle->personalities) {
            const auto crashes =
                provider->crashes.find(CrashKey(bundle->identifier, personality.name));
            const bool excluded = crashes != provider->crashes.end() &&
                                  IsExcluded(crashes->second, options_.relaunch_limit);
            if (excluded || !accepts(*bundle, personality)) {
                continue;
            }
            if (const auto score = ScoreOn(tree_, *provider, personality)) {
                by_category[personality.category].emplace(
                    *score,
                    Candidate{.bundle = bundle, .personality = &personality, .score = *score});
            }
        }
    }
    std::vector<uint64_t> begun;
    for (const auto &[category, candidates] : by_category) {
        if ((joins_attempts && JoinAttempt(provider_id, category, candidates)) ||
            CategoryTaken(*provider, category)) {
            continue;
        }
        Attempt attempt;
        attempt.id = next_attempt_++;
        attempt.provider = provider_id;
        attempt.category = category;
        for (const auto &[score, candidate] : candidates) {
            attempt.candidates.push_back(candidate);
        }
        begun.push_back(attempt.id);
        attempts_.emplace(attempt.id, std::move(attempt));
    }
    for (const uint64_t attempt : begun) {
        TryNext(attempt);
    }
}

void CandidateStarter::Rematch(EntryId provider, const std::string &bundle_identifier,
                               const std::string &personality) {
    RegistryEntry *entry = tree_.Find(provider);
    if (entry == nullptr || !entry->active) {
        return;
    }
    const uint32_t num_crashes = ++entry->crashes[CrashKey(bundle_identifier, personality)];
    entry->properties.insert_or_assign("IORematchCount",
                                       PropertyValue::FromInteger(num_crashes - 1, 32));
    if (IsExcluded(num_crashes, options_.relaunch_limit)) {
        LogWarning("'{}' of {} has crashed {} times on '{}' and is not started there again",
                   personality, bundle_identifier, num_crashes, entry->name);
        Match(provider);
        return;
    }
    MatchThose(
        provider,
        [&](const Bundle &candidate, const Personality &crashed) {
            return candidate.identifier == bundle_identifier && crashed.name == personality;
        },
        false);
}

void CandidateStarter::HostGone(HostId host) {
    std::vector<std::pair<uint64_t, EntryId>> lost;
    for (const auto &[id, attempt] : attempts_) {
        const RegistryEntry *service = tree_.Find(attempt.service);
        if (service != nullptr && service->host == host) {
            lost.emplace_back(id, service->id);
        }
    }
    for (const auto &[attempt, service] : lost) {
        Answered(attempt, service, channel::kHostGone);
    }
}

void CandidateStarter::TryNext(uint64_t attempt_id) {
    const auto found = attempts_.find(attempt_id);
    if (found == attempts_.end()) {
        return;
    }
    Attempt &attempt = found->second;
    const RegistryEntry *provider = tree_.Find(attempt.provider);
    while (provider != nullptr && provider->active && !attempt.candidates.empty()) {
        const Candidate candidate = attempt.candidates.front();
        attempt.candidates.pop_front();
        if (Begin(attempt, candidate)) {
            return;
        }
    }
    End(attempt_id);
}

bool CandidateStarter::Begin(Attempt &attempt, const Candidate &candidate) {
    const RegistryEntry *provider = tree_.Find(attempt.provider);
    if (candidate.bundle->entitlements) {
        const auto access = CheckDextAccess(tree_, *provider, candidate.personality->properties,
                                            *candidate.bundle->entitlements);
        if (!access) {
            LogError("{} may not drive '{}': {}", candidate.bundle->identifier, provider->name,
                     access.error());
            return false;
        }
        if (access->warning) {
            LogWarning("{}: {}", candidate.bundle->identifier, *access->warning);
        }
    }
    const HostId provider_host = provider->host;
    RegistryEntry &service = AddService(*provider, candidate);
    const DriverHost *host =
        hosts_.Acquire(*candidate.bundle, *candidate.personality, provider_host, service.id);
    if (host == nullptr) {
        tree_.Remove(service.id);
        return false;
    }
    service.host = host->id;
    attempt.service = service.id;
    // This may answer from within, and end the attempt.
    hosts_.WhenReady(host->id, lifetime_.Guard([this, attempt_id = attempt.id, host_id = host->id,
                                                service_id = service.id](int32_t status) {
        if (status == 0) {
            Launch(attempt_id, host_id, service_id);
        } else {
            Answered(attempt_id, service_id, status);
        }
    }));
    return true;
}

RegistryEntry &CandidateStarter::AddService(const RegistryEntry &provider,
                                            const Candidate &candidate) {
    const Personality &personality = *candidate.personality;
    RegistryEntry &service =
        tree_.Add(provider.id, personality.kernel_class, personality.user_class);
    service.properties = personality.properties;
    service.properties.insert_or_assign("CFBundleIdentifier", candidate.bundle->identifier);
    service.properties.insert_or_assign("IOMatchCategory", personality.category);
    service.properties.insert_or_assign(
        "IOProbeScore", PropertyValue::FromInteger(static_cast<uint64_t>(candidate.score), 32));
    service.personality = personality.name;
    service.starting = true;
    return service;
}

void CandidateStarter::Launch(uint64_t attempt_id, HostId host_id, EntryId service_id) {
    const auto found = attempts_.find(attempt_id);
    if (found == attempts_.end() || found->second.service != service_id) {
        return;
    }
    DriverHost *host = hosts_.Find(host_id);
    const RegistryEntry *service = tree_.Find(service_id);
    const RegistryEntry *provider = service == nullptr ? nullptr : tree_.Find(service->parent);
    // A termination may have overtaken the launch.
    if (host == nullptr || provider == nullptr || !service->active) {
        Answered(attempt_id, service_id, channel::kHostGone);
        return;
    }
    const channel::ServiceStart start{
        .entry = service_id,
        .user_class = StringProperty(service->properties, "IOUserClass"),
        .provider = Describe(*provider)};
    ArmTimeout(found->second, host_id);
    host->port->StartService(start, lifetime_.Guard([this, attempt_id, service_id](int32_t status) {
        Answered(attempt_id, service_id, status);
    }));
}

void CandidateStarter::ArmTimeout(Attempt &attempt, HostId host_id) {
    if (options_.start_timeout.count() == 0) {
        return;
    }
    attempt.timer = scheduler_.After(options_.start_timeout,
                                     lifetime_.Guard([this, attempt_id = attempt.id, host_id] {
                                         const auto found = attempts_.find(attempt_id);
                                         DriverHost *host = hosts_.Find(host_id);
                                         if (found == attempts_.end() || host == nullptr) {
                                             return;
                                         }
                                         found->second.timer = 0;
                                         LogError(
                                             "{}: Start has not returned after {} ms; its process "
                                             "is ended (--start-timeout sets the limit)",
                                             host->label, options_.start_timeout.count());
                                         const EntryId service = found->second.service;
                                         host->port->Kill(SIGABRT);
                                         Answered(attempt_id, service, channel::kIoTimeout);
                                     }));
}

void CandidateStarter::Answered(uint64_t attempt_id, EntryId service_id, int32_t status) {
    const auto found = attempts_.find(attempt_id);
    if (found == attempts_.end() || found->second.service != service_id) {
        return;  // answered before: a timeout, or the process's end
    }
    Attempt &attempt = found->second;
    attempt.service = EntryId::kNone;
    if (attempt.timer != 0) {
        scheduler_.Cancel(std::exchange(attempt.timer, 0));
    }
    RegistryEntry *service = tree_.Find(service_id);
    if (status == 0 && service != nullptr) {
        service->starting = false;
        service->started = true;
        End(attempt_id);
        started_(service_id);
        return;
    }
    if (service != nullptr) {
        if (status != channel::kHostGone) {  // of that there is a line already
            LogError("{}: Start of '{}' failed with {}",
                     StringProperty(service->properties, "CFBundleIdentifier"), service->name,
                     DescribeIoResult(status));
        }
        failed_(service_id);
    }
    // Later: a process that fails at once must not make the stack deeper with each candidate.
    scheduler_.Post(lifetime_.Guard([this, attempt_id] { TryNext(attempt_id); }));
}

void CandidateStarter::End(uint64_t attempt_id) {
    const auto ended = attempts_.extract(attempt_id);
    if (!ended.empty() && tried_) {
        tried_(ended.mapped().provider);
    }
    TellQuiet();
}

void CandidateStarter::Release() {
    --num_holds_;
    TellQuiet();
}

void CandidateStarter::TellQuiet() {
    if (!quiet() || waiting_for_quiet_.empty()) {
        return;
    }
    // Later, so that what a start has set off (a registration that matches others) counts too.
    scheduler_.Post(lifetime_.Guard([this] {
        if (quiet()) {
            for (auto &then : std::exchange(waiting_for_quiet_, {})) {
                then();
            }
        }
    }));
}

void CandidateStarter::WhenQuiet(Quiet then) {
    if (quiet()) {
        then();
    } else {
        waiting_for_quiet_.push_back(std::move(then));
    }
}

uint32_t CandidateStarter::BusyCount(EntryId provider) const {
    uint32_t count = 0;
    for (const auto &[id, attempt] : attempts_) {
        const auto ancestry = tree_.Ancestry(attempt.provider);
        count += std::ranges::any_of(
            ancestry, [provider](const RegistryEntry *entry) { return entry->id == provider; });
    }
    return count;
}

void CandidateStarter::ExplainMismatch(const Personality &personality,
                                       std::vector<std::string> &lines) const {
    bool has_provider = false;
    for (const RegistryEntry *entry : tree_.All()) {
        if (!entry->registered || !entry->active ||
            !KernelClassConforms(entry->class_name, personality.provider_class)) {
            continue;
        }
        has_provider = true;
        const auto matches = MatchPersonality(tree_, *entry, personality.properties);
        lines.push_back(
            !matches ? fmt::format("personality '{}': {} {}", personality.name, matches.error().key,
                                   matches.error().reason)
                     : fmt::format(
                           "personality '{}' matches {}: it failed there, see above, or category "
                           "'{}' is taken",
                           personality.name, UsbEntryText(*entry), personality.category));
    }
    if (!has_provider) {
        lines.push_back(fmt::format("personality '{}': there is no {} here; {}", personality.name,
                                    personality.provider_class,
                                    ExplainAbsence(tree_, personality.provider_class)));
    }
}

std::vector<std::string> CandidateStarter::ExplainMismatches(const std::string &identifier) const {
    std::vector<std::string> lines;
    for (const Bundle *bundle : bundles_) {
        if (bundle->identifier == identifier) {
            for (const Personality &personality : bundle->personalities) {
                ExplainMismatch(personality, lines);
            }
        }
    }
    return lines;
}

}  // namespace opendext::registry
