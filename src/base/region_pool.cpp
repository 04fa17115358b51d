// SPDX-License-Identifier: Apache-2.0
#include "base/region_pool.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <utility>

#include "base/mapping.h"
#include "base/unique_fd.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#define OPENDEXT_POISONS_IDLE_MEMORY 1
#endif
#endif

namespace opendext {

namespace {

/// Whether touching the bytes is reported by AddressSanitizer; elsewhere it does nothing.
void SetPoisoned(const RegionView &view, bool is_poisoned) {
#ifdef OPENDEXT_POISONS_IDLE_MEMORY
    if (is_poisoned) {
        __asan_poison_memory_region(view.address(), view.num_bytes());
    } else {
        __asan_unpoison_memory_region(view.address(), view.num_bytes());
    }
#else
    static_cast<void>(view);
    static_cast<void>(is_poisoned);
#endif
}

}  // namespace

/// What the last owner of a region does with it.
class RegionPool::LetGo {
public:
    explicit LetGo(std::weak_ptr<RegionPool> pool) : pool_(std::move(pool)) {}

    void operator()(SharedRegion *region) const {
        OwnedRegion owned(region);
        if (const auto pool = pool_.lock()) {
            pool->TakeBack(std::move(owned));
        }
    }

private:
    std::weak_ptr<RegionPool> pool_;
};

std::shared_ptr<RegionPool> RegionPool::Create(const char *name) {
    return std::shared_ptr<RegionPool>(new RegionPool(name));
}

RegionPool::~RegionPool() {
    static_cast<void>(EmptyLocked());
}

std::expected<std::shared_ptr<SharedRegion>, int> RegionPool::Take(uint64_t num_bytes) {
    OwnedRegion region;
    const uint64_t page = PageSize();
    if (num_bytes != 0 && num_bytes <= kLargestKeptPages * page) {
        region = TakeKept((num_bytes + page - 1) / page);
    }
    if (region != nullptr) {
        const RegionView &view = *region->OnlyIdleView();
        SetPoisoned(view, false);
        std::memset(view.address(), 0, view.num_bytes());
    } else {
        auto made = Make(num_bytes);
        if (!made) {
            return std::unexpected(made.error());
        }
        region = std::move(*made);
    }
    return std::shared_ptr<SharedRegion>(region.release(), LetGo(weak_from_this()));
}

RegionPool::OwnedRegion RegionPool::TakeKept(uint64_t num_pages) {
    const std::lock_guard lock(mutex_);
    num_let_go_in_a_row_ = 0;
    Shelf &shelf = shelves_[num_pages - 1];
    if (shelf.kept.empty()) {
        if (shelf.num_turned_away != 0) {
            --shelf.num_turned_away;
            shelf.room = std::min(shelf.room + 1, kMostKept);
        }
        return nullptr;
    }
    OwnedRegion region = std::move(shelf.kept.back());
    shelf.kept.pop_back();
    --num_kept_;
    num_kept_pages_ -= num_pages;
    return region;
}

std::expected<RegionPool::OwnedRegion, int> RegionPool::Make(uint64_t num_bytes) {
    auto made = SharedRegion::Make(num_bytes, name_);
    if (made || made.error() != EMFILE) {
        return made;
    }
    std::vector<OwnedRegion> given_up;
    {
        const std::lock_guard lock(mutex_);
        given_up = EmptyLocked();
    }
    given_up.clear();
    RaiseDescriptorLimit();
    return SharedRegion::Make(num_bytes, name_);
}

void RegionPool::TakeBack(OwnedRegion region) {
    std::vector<OwnedRegion> given_up;  // destroyed after the lock, as is what is not kept
    const uint64_t num_pages = region->num_bytes() / PageSize();
    if (num_pages > kLargestKeptPages || region->exported_.load(std::memory_order_relaxed)) {
        return;
    }
    const RegionView *view = region->OnlyIdleView();
    if (view == nullptr || view->num_bytes() != region->num_bytes()) {
        return;
    }
    const std::lock_guard lock(mutex_);
    Shelf &shelf = shelves_[num_pages - 1];
    if (++num_let_go_in_a_row_ > kMostKept) {
        given_up = EmptyLocked();
    } else if (shelf.kept.size() < shelf.room && num_kept_ < kMostKept &&
               num_kept_pages_ + num_pages <= kMostKeptPages) {
        SetPoisoned(*view, true);
        shelf.kept.push_back(std::move(region));
        ++num_kept_;
        num_kept_pages_ += num_pages;
    } else {
        ++shelf.num_turned_away;
    }
}

std::vector<RegionPool::OwnedRegion> RegionPool::EmptyLocked() {
    std::vector<OwnedRegion> all;
    for (Shelf &shelf : shelves_) {
        for (const OwnedRegion &region : shelf.kept) {
            SetPoisoned(*region->OnlyIdleView(), false);
        }
        std::ranges::move(shelf.kept, std::back_inserter(all));
        shelf = Shelf{};
    }
    num_kept_ = 0;
    num_kept_pages_ = 0;
    return all;
}

size_t RegionPool::num_kept() const {
    const std::lock_guard lock(mutex_);
    return num_kept_;
}

}  // namespace opendext
