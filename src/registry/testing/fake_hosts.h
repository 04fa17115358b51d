// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "channel/wire/host_seam.h"

namespace opendext::registry::testing {

using channel::EntryId;

/// What a fake driver process has been told to do and has not answered yet. It outlives the process's port, as
/// a real process outlives the registry's interest in it.
struct FakeHost {
    struct Start {
        channel::ServiceStart order;
        std::function<void(int32_t)> answer;
    };
    struct Stop {
        EntryId entry = EntryId::kNone;
        channel::StopMode mode = channel::StopMode::kAwaitReturn;
        std::function<void(int32_t)> answer;
    };
    struct Open {
        channel::ClientOpen order;
        std::function<void(std::expected<channel::OpenedClient, int32_t>)> answer;
    };

    struct Power {
        EntryId entry = EntryId::kNone;
        uint32_t flags = 0;
        std::function<void(int32_t)> answer;
    };
    struct Notice {
        uint64_t watch = 0;
        channel::ServiceEvent event = channel::ServiceEvent::kMatched;
        EntryId service = EntryId::kNone;

        bool operator==(const Notice &) const = default;
    };

    struct Read {
        EntryId service = EntryId::kNone;
        std::vector<uint64_t> channels;
        std::function<void(std::expected<std::vector<uint8_t>, int32_t>)> answer;
    };

    channel::HostLauncher::Request request;
    std::function<void(int32_t)> ready;
    std::vector<Start> starts;  ///< All, in order; `answer` is empty once given.
    std::vector<Stop> stops;
    std::vector<Open> opens;
    std::vector<Power> powers;
    std::vector<Notice> notices;
    std::vector<uint64_t> state_notices;  ///< Watches of NotifyState.
    std::vector<Read> reads;
    std::vector<int> kills;
    int num_exits = 0;        ///< How often Exit was ordered.
    bool is_dropped = false;  ///< The registry has destroyed the port.

    [[nodiscard]] channel::HostReports &reports() const { return *request.reports; }

    void BecomeReady(int32_t status = 0);
    /// Answers the order for the service of that class.
    void AnswerStart(const std::string &user_class, int32_t status = 0);
    void AnswerStop(EntryId entry, int32_t status = 0);
    /// The process is gone: every order is answered, then its exit reported.
    void Die(int signal);
    /// As above, and no order is answered: a process that broke the contract.
    void DieSilently(int signal);

    [[nodiscard]] EntryId EntryOf(const std::string &user_class) const;
};

/// Makes fake driver processes. `answers_at_once`: they are ready, start and stop within the order itself.
class FakeLauncher final : public channel::HostLauncher {
public:
    bool answers_at_once = false;
    std::map<std::string, int32_t>
        start_status;              ///< By class, when answering at once; others succeed.
    bool fails_to_launch = false;  ///< As a program that cannot be started.
    /// What a Start does, called before it is answered.
    std::function<void(FakeHost &, const channel::ServiceStart &)> on_start;
    std::vector<std::shared_ptr<FakeHost>> hosts;

    std::unique_ptr<channel::DextHostPort> Launch(const Request &request,
                                                  std::function<void(int32_t)> ready) override;

    /// The latest process.
    [[nodiscard]] FakeHost &last() { return *hosts.back(); }

private:
    class Port;
};

}  // namespace opendext::registry::testing
