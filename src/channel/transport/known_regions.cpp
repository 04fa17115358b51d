// SPDX-License-Identifier: Apache-2.0
#include "channel/transport/known_regions.h"

namespace opendext::channel {

KnownRegions::Use::~Use() {
    if (owner_ != nullptr) {
        owner_->End(known_);
    }
}

KnownRegions::Use KnownRegions::Begin(const std::shared_ptr<SharedRegion> &region) {
    {
        const std::lock_guard lock(mutex_);
        if (Known *const known = FindLocked(region)) {
            return {this, known};
        }
    }
    const std::lock_guard registering(registering_);
    {
        const std::lock_guard lock(mutex_);
        if (Known *const known = FindLocked(region)) {
            return {this, known};
        }
    }
    const uint64_t region_id = peer_.RegisterRegion(*region);
    if (region_id == 0) {
        return {};
    }
    const std::lock_guard lock(mutex_);
    Known *const known = AddLocked(region, region_id);
    ++known->num_uses;
    return {this, known};
}

void KnownRegions::Add(const std::shared_ptr<SharedRegion> &region, uint64_t region_id) {
    const std::lock_guard lock(mutex_);
    (void)AddLocked(region, region_id);
}

void KnownRegions::Forget(const SharedRegion &region) {
    const std::lock_guard lock(mutex_);
    const auto found = table_.find(&region);
    if (found == table_.end() || found->second->region.expired()) {
        return;
    }
    found->second->is_gone = true;
    if (found->second->num_uses == 0) {
        EraseLocked(found);
    }
}

size_t KnownRegions::size() {
    const std::lock_guard lock(mutex_);
    return table_.size();
}

void KnownRegions::End(Known *known) {
    const std::lock_guard lock(mutex_);
    // The application may have dropped the region before it was registered: then nobody says that it is gone.
    if (--known->num_uses == 0 && (known->is_gone || known->region.expired())) {
        for (auto entry = table_.begin(); entry != table_.end(); ++entry) {
            if (entry->second.get() == known) {
                EraseLocked(entry);
                return;
            }
        }
    }
}

KnownRegions::Known *KnownRegions::FindLocked(const std::shared_ptr<SharedRegion> &region) {
    const auto found = table_.find(region.get());
    // Another region may have been at the same address.
    if (found == table_.end() || found->second->region.lock() != region) {
        return nullptr;
    }
    ++found->second->num_uses;
    found->second->last_use = ++num_uses_;
    return found->second.get();
}

KnownRegions::Known *KnownRegions::AddLocked(const std::shared_ptr<SharedRegion> &region,
                                             uint64_t region_id) {
    if (const auto stale = table_.find(region.get()); stale != table_.end()) {
        EraseLocked(stale);
    }
    MakeRoomLocked();
    auto known = std::make_unique<Known>();
    known->region = region;
    known->id = region_id;
    known->last_use = ++num_uses_;
    return table_.emplace(region.get(), std::move(known)).first->second.get();
}

void KnownRegions::EraseLocked(Table::iterator entry) {
    peer_.DropRegion(entry->second->id);
    table_.erase(entry);
}

void KnownRegions::MakeRoomLocked() {
    auto oldest = table_.end();
    for (auto entry = table_.begin(); entry != table_.end();) {
        const auto next = std::next(entry);
        const Known &known = *entry->second;
        if (known.num_uses == 0 && known.region.expired()) {
            EraseLocked(entry);
        } else if (known.num_uses == 0 &&
                   (oldest == table_.end() || known.last_use < oldest->second->last_use)) {
            oldest = entry;
        }
        entry = next;
    }
    if (table_.size() >= kMaxRegions && oldest != table_.end()) {
        EraseLocked(oldest);
    }
}

}  // namespace opendext::channel
