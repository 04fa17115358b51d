// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "base/property_value.h"
#include "base/registry_port.h"
#include "channel/wire/call.h"

namespace opendext::channel {

using opendext::EntryId;

enum class NotificationKind : uint32_t {
    kPublish = 1,
    kFirstPublish = 2,
    kMatched = 3,
    kFirstMatch = 4,
    kTerminate = 5,
    kWillTerminate = 6,
};

/// One entry of the registry as an application sees it (semantics.md 7.4).
struct EntryDescription {
    EntryId id = EntryId::kNone;
    EntryId parent = EntryId::kNone;
    std::string name;        ///< IOUserClass unless the driver set another.
    std::string location;    ///< Place among its siblings; may be empty.
    std::string class_name;  ///< The kernel class: IOUserService, IOPCIDevice, ...
    std::vector<std::string>
        class_ancestry;  ///< The class and its bases, nearest first, for ConformsTo.
    uint32_t busy_state = 0;
    bool registered = false;
    bool active = true;
};

/// Told of services that appear or go. Called on the directory's own thread, which must not be blocked and
/// must not call back into the directory.
class DirectoryListener {
public:
    /// New arrivals for the watch `watch`, in order of arrival.
    virtual void OnServices(uint64_t watch, const std::vector<EntryId> &services) = 0;
    /// kIOGeneralInterest: `message_type` is a kIOMessage value.
    virtual void OnInterest(uint64_t watch, EntryId service, uint32_t message_type) = 0;

protected:
    ~DirectoryListener() = default;
};

/// The registry as an application uses it. iokit holds one; transport implements it over the bus, embedded
/// mode directly. Any thread; every call waits for the answer, and fails with an IOReturn (int32_t) when the
/// registry is gone (kIOReturnNotResponding... see each implementation) instead of hanging.
class ServiceDirectory {
public:
    virtual ~ServiceDirectory() = default;

    /// Registered, active services that the matching dictionary selects (semantics.md 3.2, 7.1).
    virtual std::expected<std::vector<EntryId>, int32_t> Find(const PropertyValue &matching) = 0;

    virtual std::expected<EntryDescription, int32_t> Describe(EntryId entry) = 0;

    /// All properties, the driver's own winning over the kernel's of the same name, or one of them with the
    /// kernel's winning (semantics.md 7.4). NotFound: kIOReturnNotFound.
    virtual std::expected<PropertyValue, int32_t> Properties(EntryId entry) = 0;
    virtual std::expected<PropertyValue, int32_t> Property(EntryId entry,
                                                           const std::string &key) = 0;

    /// The IOReportElements of all channels that the service's legend names, as its driver gives them: to be checked.
    /// kIOReturnNotFound: there is no legend. Waits for the driver.
    virtual std::expected<std::vector<uint8_t>, int32_t> ReadReports(EntryId service) = 0;

    virtual std::expected<std::vector<EntryId>, int32_t> Children(EntryId entry) = 0;
    virtual EntryId Root() = 0;

    /// IOServiceOpen: the driver's NewUserClient and the access checks (semantics.md 2.1). `sink` receives
    /// the connection's completions and must outlive the connection.
    virtual std::expected<std::shared_ptr<ClientConnection>, int32_t> Open(
        EntryId service, uint32_t type, CompletionSink *sink) = 0;

    /// Starts a watch (semantics.md 7.3). The services that match already are returned and not reported
    /// again. The listener must outlive the watch.
    struct Watch {
        uint64_t id = 0;
        std::vector<EntryId> existing;
    };
    virtual std::expected<Watch, int32_t> WatchServices(NotificationKind kind,
                                                        const PropertyValue &matching,
                                                        DirectoryListener *listener) = 0;
    virtual std::expected<uint64_t, int32_t> WatchInterest(EntryId service,
                                                           DirectoryListener *listener) = 0;

    /// After return the listener is not called for this watch any more.
    virtual void StopWatch(uint64_t watch) = 0;
};

}  // namespace opendext::channel
