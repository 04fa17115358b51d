// SPDX-License-Identifier: Apache-2.0
#include "embedded/reports_on_thread.h"

#include <optional>
#include <type_traits>
#include <utility>

#include "channel/wire/io_result.h"

namespace opendext::embedded {

using channel::EntryId;

namespace {

template <typename Result>
Result NotReady() {
    if constexpr (std::is_same_v<Result, int32_t>) {
        return channel::kIoNotReady;
    } else {
        return std::unexpected(channel::kIoNotReady);
    }
}

}  // namespace

bool ReportsGate::Enter() {
    const std::lock_guard lock(mutex_);
    num_inside_ += is_closed_ ? 0 : 1;
    return !is_closed_;
}

void ReportsGate::Leave() {
    const std::lock_guard lock(mutex_);
    if (--num_inside_ == 0) {
        left_.notify_all();
    }
}

void ReportsGate::Close() {
    std::unique_lock lock(mutex_);
    is_closed_ = true;
    left_.wait(lock, [this] { return num_inside_ == 0; });
}

template <typename Operation>
auto ReportsOnThread::Ask(Operation operation) {
    using Result = decltype(operation(**reports_));
    if (!gate_->Enter()) {
        return NotReady<Result>();
    }
    std::optional<Result> result;
    thread_.RunAndWait(
        [&] { result = *reports_ == nullptr ? NotReady<Result>() : operation(**reports_); });
    gate_->Leave();
    return *std::move(result);
}

void ReportsOnThread::Tell(std::function<void(channel::HostReports &)> operation) {
    if (gate_->Enter()) {
        thread_.Post([reports = reports_, operation = std::move(operation)] {
            if (*reports != nullptr) {
                operation(**reports);
            }
        });
        gate_->Leave();
    }
}

std::expected<EntryId, int32_t> ReportsOnThread::CreateChild(EntryId creator,
                                                             const PropertyValue &properties) {
    return Ask(
        [&](channel::HostReports &reports) { return reports.CreateChild(creator, properties); });
}

void ReportsOnThread::ChildFailed(EntryId entry) {
    // Waited for: the creator goes on as if the child had never been.
    if (gate_->Enter()) {
        thread_.RunAndWait([&] {
            if (*reports_ != nullptr) {
                (*reports_)->ChildFailed(entry);
            }
        });
        gate_->Leave();
    }
}

int32_t ReportsOnThread::RegisterService(EntryId entry) {
    return Ask([&](channel::HostReports &reports) { return reports.RegisterService(entry); });
}

int32_t ReportsOnThread::Terminate(EntryId entry) {
    return Ask([&](channel::HostReports &reports) { return reports.Terminate(entry); });
}

std::expected<PropertyValue, int32_t> ReportsOnThread::CopyProperties(EntryId entry) {
    return Ask([&](channel::HostReports &reports) { return reports.CopyProperties(entry); });
}

int32_t ReportsOnThread::MergeProperties(EntryId entry, const PropertyValue &properties) {
    return Ask(
        [&](channel::HostReports &reports) { return reports.MergeProperties(entry, properties); });
}

int32_t ReportsOnThread::RemoveProperty(EntryId entry, const std::string &key) {
    return Ask([&](channel::HostReports &reports) { return reports.RemoveProperty(entry, key); });
}

std::expected<PropertyValue, int32_t> ReportsOnThread::SearchProperty(EntryId entry,
                                                                      const std::string &key,
                                                                      const std::string &plane,
                                                                      bool parents) {
    return Ask([&](channel::HostReports &reports) {
        return reports.SearchProperty(entry, key, plane, parents);
    });
}

int32_t ReportsOnThread::SetName(EntryId entry, const std::string &name) {
    return Ask([&](channel::HostReports &reports) { return reports.SetName(entry, name); });
}

std::expected<std::string, int32_t> ReportsOnThread::CopyName(EntryId entry) {
    return Ask([&](channel::HostReports &reports) { return reports.CopyName(entry); });
}

std::expected<std::vector<PropertyValue>, int32_t> ReportsOnThread::CopyProviderProperties(
    EntryId entry, const std::vector<std::string> &keys) {
    return Ask(
        [&](channel::HostReports &reports) { return reports.CopyProviderProperties(entry, keys); });
}

std::expected<RelatedEntry, int32_t> ReportsOnThread::CopyParent(EntryId entry) {
    return Ask([&](channel::HostReports &reports) { return reports.CopyParent(entry); });
}

std::expected<std::vector<RelatedEntry>, int32_t> ReportsOnThread::CopyChildren(EntryId entry) {
    return Ask([&](channel::HostReports &reports) { return reports.CopyChildren(entry); });
}

// Sessions are opened at the ports themselves.
std::expected<UniqueFd, int32_t> ReportsOnThread::OpenDevice(EntryId /*entry*/) {
    return std::unexpected(channel::kIoUnsupported);
}

int32_t ReportsOnThread::JoinPowerTree(EntryId entry) {
    return Ask([&](channel::HostReports &reports) { return reports.JoinPowerTree(entry); });
}

int32_t ReportsOnThread::ChangePowerState(EntryId entry, uint32_t flags) {
    return Ask(
        [&](channel::HostReports &reports) { return reports.ChangePowerState(entry, flags); });
}

int32_t ReportsOnThread::SetPowerOverride(EntryId entry, bool enable) {
    return Ask(
        [&](channel::HostReports &reports) { return reports.SetPowerOverride(entry, enable); });
}

int32_t ReportsOnThread::AdjustBusy(EntryId entry, int32_t delta) {
    return Ask([&](channel::HostReports &reports) { return reports.AdjustBusy(entry, delta); });
}

std::expected<uint32_t, int32_t> ReportsOnThread::GetBusyState(EntryId entry) {
    return Ask([&](channel::HostReports &reports) { return reports.GetBusyState(entry); });
}

int32_t ReportsOnThread::WatchServices(uint64_t watch, const PropertyValue &matching) {
    return Ask(
        [&](channel::HostReports &reports) { return reports.WatchServices(watch, matching); });
}

std::expected<EntryId, int32_t> ReportsOnThread::SystemStateService() {
    return Ask([](channel::HostReports &reports) { return reports.SystemStateService(); });
}

int32_t ReportsOnThread::CreateStateItem(EntryId entry, const std::string &name,
                                         const PropertyValue &value) {
    return Ask(
        [&](channel::HostReports &reports) { return reports.CreateStateItem(entry, name, value); });
}

int32_t ReportsOnThread::SetStateItem(EntryId entry, const std::string &name,
                                      const PropertyValue &value) {
    return Ask(
        [&](channel::HostReports &reports) { return reports.SetStateItem(entry, name, value); });
}

std::expected<PropertyValue, int32_t> ReportsOnThread::CopyStateItem(EntryId entry,
                                                                     const std::string &name) {
    return Ask([&](channel::HostReports &reports) { return reports.CopyStateItem(entry, name); });
}

int32_t ReportsOnThread::WatchStates(uint64_t watch, EntryId service,
                                     const std::vector<std::string> &names) {
    return Ask(
        [&](channel::HostReports &reports) { return reports.WatchStates(watch, service, names); });
}

void ReportsOnThread::StopWatch(uint64_t watch) {
    Tell([watch](channel::HostReports &reports) { reports.StopWatch(watch); });
}

// May come while the registry's thread waits for nobody but is busy: the caller need not wait for it.
void ReportsOnThread::ServiceStopped(EntryId entry) {
    Tell([entry](channel::HostReports &reports) { reports.ServiceStopped(entry); });
}

void ReportsOnThread::LogLine(uint32_t level, const std::string &text) {
    Tell([level, text](channel::HostReports &reports) { reports.LogLine(level, text); });
}

}  // namespace opendext::embedded
