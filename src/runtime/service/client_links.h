// SPDX-License-Identifier: Apache-2.0
/// @file client_links.h
/// The event links and work groups of a user client, until and after its application gives the other end of each.
#pragma once

#include <expected>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include <DriverKit/IOReturn.h>

#include "base/event_link.h"

class IOUserClient;
class OSString;

namespace opendext::service {

/// What an IOEventLink or IOWorkGroup stands on. Thread-safe.
class ClientLink {
public:
    explicit ClientLink(LinkKind kind) : kind_(kind) {}

    /// @return kIOReturnExclusiveAccess when there is one that is not cancelled; kIOReturnNotFound once it is ended.
    [[nodiscard]] kern_return_t Give(std::shared_ptr<EventLink> link);

    /// The driver's end, or NULL when the application has not given it.
    [[nodiscard]] std::shared_ptr<EventLink> Get() const;

    /// Gives up the link, and takes no other. An event link is cancelled; a work group is the application's.
    void End();

private:
    const LinkKind kind_;
    mutable std::mutex mutex_;
    std::shared_ptr<EventLink> link_;  // guarded by mutex_
    bool has_ended_ = false;           // guarded by mutex_
};

/// Those of one user client by name, as long as the objects that made them. Thread-safe.
class ClientLinks {
public:
    /// @return NULL when the name is taken; after EndAll one that is ended.
    [[nodiscard]] std::shared_ptr<ClientLink> Make(LinkKind kind, std::string_view name);

    /// @return kIOReturnNotFound when there is none of that kind and name, else as ClientLink::Give.
    [[nodiscard]] kern_return_t Give(LinkKind kind, std::string_view name,
                                     std::shared_ptr<EventLink> link);

    /// The client is to stop: no wait of its driver or application holds that up.
    void EndAll();

private:
    using Key = std::pair<LinkKind, std::string>;

    std::mutex mutex_;
    std::map<Key, std::weak_ptr<ClientLink>> links_;  // guarded by mutex_
    bool has_ended_ = false;                          // guarded by mutex_
};

/// A link of that kind for an object that its driver makes under `name` for `client`.
/// @return kIOReturnBadArgument for NULL, an empty name or one above kMaxLinkName with its end, and for a client that is
/// not initialised; kIOReturnExclusiveAccess when the name is taken.
[[nodiscard]] std::expected<std::shared_ptr<ClientLink>, kern_return_t> MakeLink(
    IOUserClient *client, LinkKind kind, OSString *name);

/// The links of `client`, as long as the client; NULL for one that is not initialised.
[[nodiscard]] ClientLinks *LinksOf(IOUserClient *client);

}  // namespace opendext::service
