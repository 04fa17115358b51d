// SPDX-License-Identifier: Apache-2.0
#include "backends/remote/registered_regions.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "backends/remote/session_wire.h"

namespace opendext::backends::remote {

namespace {

/// For a server that is behind with regions.
constexpr std::chrono::milliseconds kMostPatience{1000};

}  // namespace

std::shared_ptr<RegisteredRegions> RegisteredRegions::Create(
    std::shared_ptr<const SessionSocket> socket) {
    return std::shared_ptr<RegisteredRegions>(new RegisteredRegions(std::move(socket)));
}

RegisteredRegions::Use RegisteredRegions::Begin(SharedRegion &region) {
    bool is_new = false;
    Use use = {.region = &region};
    {
        const std::lock_guard lock(mutex_);
        const auto found = table_.find(&region);
        is_new = found == table_.end();
        Known *const known = is_new ? SendLocked(region) : &found->second;
        if (known == nullptr) {
            return use;
        }
        ++known->num_uses;
        known->last_use = ++num_uses_so_far_;
        use.region_id = known->id;
    }
    if (is_new) {
        region.AddEndListener(weak_from_this());
    }
    return use;
}

void RegisteredRegions::End(const Use &use) {
    const std::lock_guard lock(mutex_);
    // A region that ended while it was used is not there any more.
    const auto found = table_.find(use.region);
    if (found != table_.end() && found->second.id == use.region_id) {
        --found->second.num_uses;
    }
}

size_t RegisteredRegions::size() {
    const std::lock_guard lock(mutex_);
    return table_.size();
}

void RegisteredRegions::OnRegionEnd(const SharedRegion *region) {
    const std::lock_guard lock(mutex_);
    if (const auto found = table_.find(region); found != table_.end()) {
        (void)DropLocked(found, std::chrono::milliseconds(0));
    }
}

RegisteredRegions::Known *RegisteredRegions::SendLocked(SharedRegion &region) {
    if (!SendDropsLocked(kMostPatience) || !MakeRoomLocked(region.num_bytes())) {
        return nullptr;
    }
    const SessionMessage message = {.kind = static_cast<uint32_t>(MessageKind::kRegion),
                                    .reserved = 0,
                                    .id = ++last_id_,
                                    .num_bytes = region.num_bytes()};
    if (!socket_->SendWithin(kMostPatience, message, region.ExportFd())) {
        return nullptr;
    }
    num_bytes_ += region.num_bytes();
    const Known known = {.id = message.id, .num_bytes = message.num_bytes};
    return &table_.emplace(&region, known).first->second;
}

bool RegisteredRegions::MakeRoomLocked(uint64_t num_bytes) {
    const auto has_room = [&] {
        return table_.size() + to_drop_.size() < kMostRegions &&
               num_bytes <= kMostRegionBytes - num_bytes_;
    };
    while (!has_room()) {
        const auto oldest = std::ranges::min_element(table_, {}, [](const auto &entry) {
            const Known &known = entry.second;
            return std::pair(known.num_uses != 0, known.last_use);
        });
        if (oldest == table_.end() || oldest->second.num_uses != 0 ||
            !DropLocked(oldest, kMostPatience)) {
            return false;
        }
    }
    return true;
}

bool RegisteredRegions::DropLocked(Table::iterator entry, std::chrono::milliseconds patience) {
    to_drop_.push_back(entry->second);
    table_.erase(entry);
    return SendDropsLocked(patience);
}

bool RegisteredRegions::SendDropsLocked(std::chrono::milliseconds patience) {
    while (!to_drop_.empty()) {
        const SessionMessage message = {.kind = static_cast<uint32_t>(MessageKind::kDropRegion),
                                        .reserved = 0,
                                        .id = to_drop_.back().id,
                                        .num_bytes = 0};
        if (!socket_->SendWithin(patience, message)) {
            return false;
        }
        num_bytes_ -= to_drop_.back().num_bytes;
        to_drop_.pop_back();
    }
    return true;
}

}  // namespace opendext::backends::remote
