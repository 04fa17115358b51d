// SPDX-License-Identifier: Apache-2.0
#include "channel/transport/given_links.h"

namespace opendext::channel {

void GivenLinks::Add(LinkKind kind, const std::shared_ptr<EventLink> &link) {
    if (kind != LinkKind::kEventLink) {
        return;
    }
    const std::lock_guard lock(mutex_);
    if (has_ended_) {
        link->Cancel();
        return;
    }
    std::erase_if(links_, [](const std::weak_ptr<EventLink> &known) { return known.expired(); });
    links_.push_back(link);
}

void GivenLinks::CancelAll() {
    const std::lock_guard lock(mutex_);
    has_ended_ = true;
    for (const std::weak_ptr<EventLink> &known : links_) {
        if (const std::shared_ptr<EventLink> link = known.lock()) {
            link->Cancel();
        }
    }
    links_.clear();
}

}  // namespace opendext::channel
