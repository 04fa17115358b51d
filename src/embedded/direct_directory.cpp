// SPDX-License-Identifier: Apache-2.0
#include "embedded/direct_directory.h"

#include <unistd.h>
#include <future>
#include <optional>
#include <utility>
#include <variant>

#include "base/interleaver.h"
#include "channel/transport/direct_connection.h"
#include "channel/wire/io_result.h"

namespace opendext::embedded {

using channel::EntryId;

template <typename Operation>
auto DirectDirectory::Ask(Operation operation) {
    std::optional<decltype(operation())> result;
    thread_.RunAndWait([&] { result = operation(); });
    return *std::move(result);
}

std::expected<std::vector<EntryId>, int32_t> DirectDirectory::Find(const PropertyValue &matching) {
    return Ask([&] { return backend_.Find(matching); });
}

std::expected<channel::EntryDescription, int32_t> DirectDirectory::Describe(EntryId entry) {
    return Ask([&] { return backend_.Describe(entry); });
}

std::expected<PropertyValue, int32_t> DirectDirectory::Properties(EntryId entry) {
    return Ask([&] { return backend_.Properties(entry); });
}

std::expected<PropertyValue, int32_t> DirectDirectory::Property(EntryId entry,
                                                                const std::string &key) {
    return Ask([&] { return backend_.Property(entry, key); });
}

std::expected<std::vector<uint8_t>, int32_t> DirectDirectory::ReadReports(EntryId service) {
    using Answer = std::expected<std::vector<uint8_t>, int32_t>;
    auto answered = std::make_shared<std::promise<Answer>>();
    std::future<Answer> answer = answered->get_future();
    thread_.Post([this, service, answered = std::move(answered)] {
        backend_.ReadReports(
            service, [answered](Answer elements) { answered->set_value(std::move(elements)); });
    });
    try {
        return answer.get();
    } catch (const std::future_error &) {
        return std::unexpected(channel::kMachSendInvalidDest);  // the registry ended without a word
    }
}

int32_t DirectDirectory::SetAsleep(bool asleep) {
    auto answered = std::make_shared<std::promise<void>>();
    std::future<void> answer = answered->get_future();
    thread_.Post([this, asleep, answered = std::move(answered)] {
        backend_.SetAsleep(asleep, [answered] { answered->set_value(); });
    });
    try {
        answer.get();
    } catch (const std::future_error &) {
        return channel::kMachSendInvalidDest;  // the registry ended without a word
    }
    return channel::kSuccess;
}

std::expected<std::vector<EntryId>, int32_t> DirectDirectory::Children(EntryId entry) {
    return Ask([&] { return backend_.Children(entry); });
}

EntryId DirectDirectory::Root() {
    return Ask([&] { return backend_.Root(); });
}

std::expected<std::shared_ptr<channel::ClientConnection>, int32_t> DirectDirectory::Open(
    EntryId service, uint32_t type, channel::CompletionSink *sink) {
    std::promise<std::expected<channel::OpenedClient, int32_t>> answered;
    const channel::PeerIdentity self{.pid = getpid(), .uid = getuid(), .gid = getgid()};
    thread_.Post([&] {
        backend_.Open(service, type, self,
                      [&answered](std::expected<channel::OpenedClient, int32_t> opened) {
                          answered.set_value(std::move(opened));
                      });
    });
    auto opened = [&answered] {
        const Interleaver::OutsideScope outside;  // a driver answers
        return answered.get_future().get();
    }();
    if (!opened) {
        return std::unexpected(opened.error());
    }
    auto &port = std::get<std::shared_ptr<channel::UserClientPort>>(opened->endpoint);
    return std::make_shared<channel::DirectConnection>(std::move(port), sink);
}

std::expected<channel::ServiceDirectory::Watch, int32_t> DirectDirectory::WatchServices(
    channel::NotificationKind kind, const PropertyValue &matching,
    channel::DirectoryListener *listener) {
    return Ask([&] { return backend_.WatchServices(kind, matching, listener); });
}

std::expected<uint64_t, int32_t> DirectDirectory::WatchInterest(
    EntryId service, channel::DirectoryListener *listener) {
    return Ask([&] { return backend_.WatchInterest(service, listener); });
}

void DirectDirectory::StopWatch(uint64_t watch) {
    thread_.RunAndWait([&] { backend_.StopWatch(watch); });
}

}  // namespace opendext::embedded
