// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <string>
#include <vector>

#include "base/property_value.h"
#include "channel/wire/host_seam.h"
#include "channel/wire/service_directory.h"

namespace opendext::channel {

/// Who is at the other end of a Unix socket, from the kernel.
struct PeerIdentity {
    int pid = 0;
    unsigned uid = 0;
    unsigned gid = 0;
};

/// The registry as ServiceDirectoryServer asks it for applications; the operations are those of
/// ServiceDirectory. Called on the bus thread, which is the registry's; nothing may wait for a process.
class DirectoryBackend {
public:
    virtual std::expected<std::vector<EntryId>, int32_t> Find(const PropertyValue &matching) = 0;
    virtual std::expected<EntryDescription, int32_t> Describe(EntryId entry) = 0;
    virtual std::expected<PropertyValue, int32_t> Properties(EntryId entry) = 0;
    virtual std::expected<PropertyValue, int32_t> Property(EntryId entry,
                                                           const std::string &key) = 0;
    virtual std::expected<std::vector<EntryId>, int32_t> Children(EntryId entry) = 0;
    virtual EntryId Root() = 0;

    /// `answer` is called once, now or later, on the same thread.
    virtual void ReadReports(
        EntryId service,
        std::function<void(std::expected<std::vector<uint8_t>, int32_t>)> answer) = 0;

    /// `answer` is called once, now or later, on the same thread. The endpoint must be a TransportEndpoint.
    virtual void Open(EntryId service, uint32_t type, const PeerIdentity &app,
                      std::function<void(std::expected<OpenedClient, int32_t>)> answer) = 0;

    /// The listener is called on the same thread, not from within this call, until StopWatch.
    virtual std::expected<ServiceDirectory::Watch, int32_t> WatchServices(
        NotificationKind kind, const PropertyValue &matching, DirectoryListener *listener) = 0;
    virtual std::expected<uint64_t, int32_t> WatchInterest(EntryId service,
                                                           DirectoryListener *listener) = 0;
    virtual void StopWatch(uint64_t watch) = 0;

protected:
    ~DirectoryBackend() = default;
};

}  // namespace opendext::channel
