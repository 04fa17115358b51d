// SPDX-License-Identifier: Apache-2.0
#include "registry/testing/fake_hosts.h"

#include <stdexcept>
#include <utility>

namespace opendext::registry::testing {

using channel::kHostGone;

void FakeHost::BecomeReady(int32_t status) {
    std::exchange(ready, nullptr)(status);
}

void FakeHost::AnswerStart(const std::string &user_class, int32_t status) {
    for (Start &start : starts) {
        if (start.order.user_class == user_class && start.answer) {
            std::exchange(start.answer, nullptr)(status);
            return;
        }
    }
    throw std::logic_error("no Start is under way for " + user_class);
}

void FakeHost::AnswerStop(EntryId entry, int32_t status) {
    for (Stop &stop : stops) {
        if (stop.entry == entry && stop.answer) {
            std::exchange(stop.answer, nullptr)(status);
            return;
        }
    }
    throw std::logic_error("no Stop is under way for that entry");
}

void FakeHost::Die(int signal) {
    // NOLINTNEXTLINE(modernize-loop-convert): an answer may bring the next order
    for (size_t i = 0; i < starts.size(); ++i) {
        if (const auto answer = std::exchange(starts[i].answer, nullptr)) {
            answer(kHostGone);
        }
    }
    // NOLINTNEXTLINE(modernize-loop-convert): an answer may bring the next order
    for (size_t i = 0; i < stops.size(); ++i) {
        if (const auto answer = std::exchange(stops[i].answer, nullptr)) {
            answer(kHostGone);
        }
    }
    // NOLINTNEXTLINE(modernize-loop-convert): an answer may bring the next order
    for (size_t i = 0; i < opens.size(); ++i) {
        if (const auto answer = std::exchange(opens[i].answer, nullptr)) {
            answer(std::unexpected(kHostGone));
        }
    }
    DieSilently(signal);
}

void FakeHost::DieSilently(int signal) {
    request.on_exit({.pid = 42, .signal = signal, .exit_code = 0, .backtrace = {}});
}

EntryId FakeHost::EntryOf(const std::string &user_class) const {
    for (const Start &start : starts) {
        if (start.order.user_class == user_class) {
            return start.order.entry;
        }
    }
    return EntryId::kNone;
}

class FakeLauncher::Port final : public channel::DextHostPort {
public:
    Port(FakeLauncher &launcher, std::shared_ptr<FakeHost> host)
        : launcher_(launcher), host_(std::move(host)) {}
    ~Port() override { host_->is_dropped = true; }

    void StartService(const channel::ServiceStart &start,
                      std::function<void(int32_t)> answer) override {
        host_->starts.push_back({start, std::move(answer)});
        if (launcher_.on_start) {
            launcher_.on_start(*host_, start);
        }
        if (launcher_.answers_at_once) {
            const auto status = launcher_.start_status.find(start.user_class);
            host_->AnswerStart(start.user_class,
                               status == launcher_.start_status.end() ? 0 : status->second);
        }
    }
    void OpenClient(
        const channel::ClientOpen &open,
        std::function<void(std::expected<channel::OpenedClient, int32_t>)> answer) override {
        host_->opens.push_back({open, std::move(answer)});
    }
    void StopService(EntryId entry, channel::StopMode mode,
                     std::function<void(int32_t)> answer) override {
        host_->stops.push_back({entry, mode, std::move(answer)});
        if (launcher_.answers_at_once || mode == channel::StopMode::kOneWay) {
            host_->AnswerStop(entry);
        }
    }
    void SetPowerState(EntryId entry, uint32_t flags,
                       std::function<void(int32_t)> answer) override {
        host_->powers.push_back({entry, flags, std::move(answer)});
        if (launcher_.answers_at_once) {
            std::exchange(host_->powers.back().answer, nullptr)(0);
        }
    }
    void NotifyService(uint64_t watch, channel::ServiceEvent event,
                       const channel::ProviderDescription &service) override {
        host_->notices.push_back({watch, event, service.entry});
    }
    void NotifyState(uint64_t watch) override { host_->state_notices.push_back(watch); }
    void ReadReports(
        EntryId service, const std::vector<uint64_t> &channels,
        std::function<void(std::expected<std::vector<uint8_t>, int32_t>)> answer) override {
        host_->reads.push_back(
            {.service = service, .channels = channels, .answer = std::move(answer)});
    }
    void Exit() override {
        ++host_->num_exits;
        if (launcher_.answers_at_once) {
            host_->DieSilently(0);
        }
    }
    void Kill(int signal) override {
        host_->kills.push_back(signal);
        host_->Die(signal);
    }

private:
    FakeLauncher &launcher_;
    const std::shared_ptr<FakeHost> host_;
};

std::unique_ptr<channel::DextHostPort> FakeLauncher::Launch(const Request &request,
                                                            std::function<void(int32_t)> ready) {
    hosts.push_back(std::make_shared<FakeHost>());
    const std::shared_ptr<FakeHost> host = hosts.back();
    host->request = request;
    host->ready = std::move(ready);
    if (fails_to_launch) {
        host->BecomeReady(kHostGone);
        host->DieSilently(0);
    } else if (answers_at_once) {
        host->BecomeReady();
    }
    return std::make_unique<Port>(*this, host);
}

}  // namespace opendext::registry::testing
