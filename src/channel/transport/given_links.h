// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "base/event_link.h"
#include "channel/wire/call.h"

namespace opendext::channel {

/// Whether an application may give this link by this name. The end that stays must be the first.
[[nodiscard]] inline bool LinkIsValid(LinkKind kind, std::string_view name, EventLink::Side side) {
    return (kind == LinkKind::kEventLink || kind == LinkKind::kWorkGroup) && !name.empty() &&
           name.size() < kMaxLinkName && side == EventLink::Side::kFirst;
}

/// Links that have been given over one connection: the event links end with it. A work group is the application's own
/// and has nobody waiting. Thread-safe.
class GivenLinks {
public:
    /// Cancelled at once when the connection has ended.
    void Add(LinkKind kind, const std::shared_ptr<EventLink> &link);

    /// The connection ends: no wait of a link of it outlasts this.
    void CancelAll();

private:
    std::mutex mutex_;
    bool has_ended_ = false;                       // guarded by mutex_
    std::vector<std::weak_ptr<EventLink>> links_;  // guarded by mutex_
};

}  // namespace opendext::channel
