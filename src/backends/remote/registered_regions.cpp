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
    {
        const std::lock_guard lock(mutex_);
        if (const Use use = UseLocked(region); use.region_id != 0) {
            return use;
        }
    }
    Use use;
    {
        const std::lock_guard sending(sending_);
        Lock lock(mutex_);
        use = UseLocked(region);
        if (use.region_id != 0) {
            return use;  // another thread has sent it meanwhile
        }
        const uint64_t id = Send(lock, region);
        if (id == 0) {
            return use;
        }
        table_.emplace(&region, Known{.id = id, .num_bytes = region.num_bytes()});
        use = UseLocked(region);
    }
    region.AddEndListener(weak_from_this());
    return use;
}

RegisteredRegions::Use RegisteredRegions::UseLocked(SharedRegion &region) {
    Use use = {.region = &region};
    if (const auto found = table_.find(&region); found != table_.end()) {
        ++found->second.num_uses;
        found->second.last_use = ++num_uses_so_far_;
        use.region_id = found->second.id;
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
        to_drop_.push_back(found->second);
        table_.erase(found);
        TellOfDropsLocked();
    }
}

uint64_t RegisteredRegions::Send(Lock &lock, SharedRegion &region) {
    if (!SendDrops(lock) || !MakeRoom(lock, region.num_bytes())) {
        return 0;
    }
    num_bytes_ += region.num_bytes();
    const SessionMessage message = {.kind = static_cast<uint32_t>(MessageKind::kRegion),
                                    .reserved = 0,
                                    .id = ++last_id_,
                                    .num_bytes = region.num_bytes()};
    lock.unlock();
    const bool is_sent = socket_->SendWithin(kMostPatience, message, region.ExportFd());
    lock.lock();
    if (!is_sent) {
        num_bytes_ -= region.num_bytes();
        return 0;
    }
    return message.id;
}

bool RegisteredRegions::MakeRoom(Lock &lock, uint64_t num_bytes) {
    const auto has_room = [&] {
        return table_.size() + to_drop_.size() < kMostRegions &&
               num_bytes <= kMostRegionBytes - num_bytes_;
    };
    while (!has_room()) {
        const auto oldest = std::ranges::min_element(table_, {}, [](const auto &entry) {
            const Known &known = entry.second;
            return std::pair(known.num_uses != 0, known.last_use);
        });
        if (oldest == table_.end() || oldest->second.num_uses != 0) {
            return false;
        }
        to_drop_.push_back(oldest->second);
        table_.erase(oldest);
        if (!SendDrops(lock)) {
            return false;
        }
    }
    return true;
}

bool RegisteredRegions::SendDrops(Lock &lock) {
    while (!to_drop_.empty()) {
        const Known known = to_drop_.back();
        to_drop_.pop_back();
        lock.unlock();
        const bool is_sent = socket_->SendWithin(kMostPatience, DropOf(known));
        lock.lock();
        if (!is_sent) {
            to_drop_.push_back(known);
            return false;
        }
        num_bytes_ -= known.num_bytes;
    }
    return true;
}

// Waits for nobody: what cannot be sent now is sent before the next region.
void RegisteredRegions::TellOfDropsLocked() {
    while (!to_drop_.empty() && socket_->Send(DropOf(to_drop_.back()))) {
        num_bytes_ -= to_drop_.back().num_bytes;
        to_drop_.pop_back();
    }
}

SessionMessage RegisteredRegions::DropOf(const Known &known) {
    return {.kind = static_cast<uint32_t>(MessageKind::kDropRegion),
            .reserved = 0,
            .id = known.id,
            .num_bytes = 0};
}

}  // namespace opendext::backends::remote
