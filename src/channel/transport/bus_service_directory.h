// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "channel/transport/bus_peer.h"
#include "channel/transport/bus_thread.h"
#include "channel/wire/service_directory.h"

namespace opendext::channel {

/// The registry of another process. Every call fails with kIOReturnNotResponding once that is gone, and with
/// kIOReturnIPCError when it answers what no registry answers. Listeners and completion sinks are called on the
/// bus thread. Any thread but the bus thread may call.
class BusServiceDirectory final : public ServiceDirectory {
public:
    /// Connects to the registry's socket, with a bus thread of its own: for a process that has none.
    /// @return one line that says what is wrong.
    [[nodiscard]] static std::expected<std::shared_ptr<BusServiceDirectory>, std::string> Connect(
        const std::string &socket_path);

    /// Over a connected socket. `bus_thread` outlives the directory and its connections. @return errno.
    [[nodiscard]] static std::expected<std::shared_ptr<BusServiceDirectory>, int> Attach(
        BusThread &bus_thread, UniqueFd socket);

    ~BusServiceDirectory() override;

    std::expected<std::vector<EntryId>, int32_t> Find(const PropertyValue &matching) override;
    std::expected<EntryDescription, int32_t> Describe(EntryId entry) override;
    std::expected<PropertyValue, int32_t> Properties(EntryId entry) override;
    std::expected<PropertyValue, int32_t> Property(EntryId entry, const std::string &key) override;
    std::expected<std::vector<uint8_t>, int32_t> ReadReports(EntryId service) override;
    std::expected<std::vector<EntryId>, int32_t> Children(EntryId entry) override;
    /// kNone when the registry is gone.
    EntryId Root() override;
    std::expected<std::shared_ptr<ClientConnection>, int32_t> Open(EntryId service, uint32_t type,
                                                                   CompletionSink *sink) override;
    std::expected<Watch, int32_t> WatchServices(NotificationKind kind,
                                                const PropertyValue &matching,
                                                DirectoryListener *listener) override;
    std::expected<uint64_t, int32_t> WatchInterest(EntryId service,
                                                   DirectoryListener *listener) override;
    void StopWatch(uint64_t watch) override;

    /// Calls `listener` on the bus thread, once, when the registry is gone; at once if it is already. The last one
    /// given counts.
    void WhenGone(std::function<void()> listener);

    /// For what else is asked of the registry on the same socket (LogFeedClient).
    [[nodiscard]] BusPeer &peer() { return *peer_; }

private:
    explicit BusServiceDirectory(BusThread &bus_thread) : bus_thread_(bus_thread) {}

    void SetUpPeer(BusPeer &peer);
    void Gone();
    /// Sends a call whose answer starts with a result; `read` takes the rest when that is 0.
    [[nodiscard]] int32_t Ask(const char *member, BusPeer::Write write,
                              std::move_only_function<void(MessageReader &)> read);
    [[nodiscard]] std::expected<std::vector<EntryId>, int32_t> AskEntries(const char *member,
                                                                          BusPeer::Write write);
    [[nodiscard]] std::expected<PropertyValue, int32_t> AskProperty(const char *member,
                                                                    BusPeer::Write write);

    std::unique_ptr<BusThread> own_thread_;  // only after Connect
    BusThread &bus_thread_;
    std::map<uint64_t, DirectoryListener *> listeners_;  // used on the bus thread only; by watch
    std::function<void()> when_gone_;                    // used on the bus thread only
    std::unique_ptr<BusPeer> peer_;
};

}  // namespace opendext::channel
