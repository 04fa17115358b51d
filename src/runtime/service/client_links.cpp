// SPDX-License-Identifier: Apache-2.0
#include "runtime/service/client_links.h"

#include <DriverKit/OSString.h>

#include "runtime/service/user_client_state.h"

namespace opendext::service {

kern_return_t ClientLink::Give(std::shared_ptr<EventLink> link) {
    const std::lock_guard lock(mutex_);
    if (has_ended_) {
        return kIOReturnNotFound;
    }
    if (link_ != nullptr && !link_->is_cancelled()) {
        return kIOReturnExclusiveAccess;
    }
    link_ = std::move(link);
    return kIOReturnSuccess;
}

std::shared_ptr<EventLink> ClientLink::Get() const {
    const std::lock_guard lock(mutex_);
    return link_;
}

void ClientLink::End() {
    const std::lock_guard lock(mutex_);
    has_ended_ = true;
    if (kind_ == LinkKind::kWorkGroup) {
        link_ = nullptr;
    } else if (link_ != nullptr) {
        link_->Cancel();
    }
}

std::shared_ptr<ClientLink> ClientLinks::Make(LinkKind kind, std::string_view name) {
    const std::lock_guard lock(mutex_);
    std::erase_if(links_, [](const auto &entry) { return entry.second.expired(); });
    auto [entry, is_new] = links_.try_emplace(Key(kind, name));
    if (!is_new) {
        return nullptr;
    }
    auto made = std::make_shared<ClientLink>(kind);
    if (has_ended_) {
        made->End();
    }
    entry->second = made;
    return made;
}

kern_return_t ClientLinks::Give(LinkKind kind, std::string_view name,
                                std::shared_ptr<EventLink> link) {
    std::shared_ptr<ClientLink> known;
    {
        const std::lock_guard lock(mutex_);
        const auto entry = links_.find(Key(kind, name));
        known = entry == links_.end() ? nullptr : entry->second.lock();
    }
    return known == nullptr ? kIOReturnNotFound : known->Give(std::move(link));
}

void ClientLinks::EndAll() {
    const std::lock_guard lock(mutex_);
    has_ended_ = true;
    for (const auto &[key, known] : links_) {
        if (const std::shared_ptr<ClientLink> link = known.lock()) {
            link->End();
        }
    }
}

std::expected<std::shared_ptr<ClientLink>, kern_return_t> MakeLink(IOUserClient *client,
                                                                   LinkKind kind, OSString *name) {
    if (client == nullptr || name == nullptr || name->getLength() == 0 ||
        name->getLength() >= kMaxLinkName) {
        return std::unexpected(kIOReturnBadArgument);
    }
    ClientLinks *const links = LinksOf(client);
    if (links == nullptr) {
        return std::unexpected(kIOReturnBadArgument);
    }
    std::shared_ptr<ClientLink> made =
        links->Make(kind, {name->getCStringNoCopy(), name->getLength()});
    if (made == nullptr) {
        return std::unexpected(kIOReturnExclusiveAccess);
    }
    return made;
}

ClientLinks *LinksOf(IOUserClient *client) {
    return client->ivars == nullptr ? nullptr : &client->ivars->links;
}

}  // namespace opendext::service
