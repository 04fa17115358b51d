// SPDX-License-Identifier: Apache-2.0
#include "base/shared_region.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "base/checked.h"

namespace opendext {

namespace {

constexpr uint64_t kLargestRegion = 1ULL << 46;

/// Memory that is there when it is touched. Of huge pages there may be none left then: SIGBUS.
bool IsOrdinaryMemory(int fd) {
    struct statfs status = {};
    return fstatfs(fd, &status) == 0 && status.f_type == TMPFS_MAGIC;
}

/// A file whose pages come from this machine. One of another process (FUSE) or machine may let who touches it wait for
/// ever.
bool IsLocalFile(int fd, const struct stat &status) {
    struct statfs system = {};
    if (!S_ISREG(status.st_mode) || fstatfs(fd, &system) != 0) {
        return false;
    }
    constexpr std::array<int64_t, 5> kLocal = {TMPFS_MAGIC, EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC,
                                               BTRFS_SUPER_MAGIC, OVERLAYFS_SUPER_MAGIC};
    return std::ranges::find(kLocal, system.f_type) != kLocal.end();
}

/// Views that a region keeps although nobody uses them.
constexpr size_t kNumKeptViews = 8;

}  // namespace

RegionView::~RegionView() {
    watch_.reset();
    const uint64_t guard = PageSize();
    munmap(address_ - guard, num_bytes_ + 2 * guard);
}

SharedRegion::SharedRegion(UniqueFd fd, uint64_t num_bytes, bool may_be_cut)
    : fd_(std::move(fd)), num_bytes_(num_bytes), may_be_cut_(may_be_cut) {}

SharedRegion::~SharedRegion() {
    for (const auto &each : end_listeners_) {
        if (const auto listener = each.lock()) {
            listener->OnRegionEnd(this);
        }
    }
}

void SharedRegion::AddEndListener(const std::weak_ptr<RegionEndListener> &listener) {
    const std::lock_guard lock(views_mutex_);
    std::erase_if(end_listeners_, [&](const auto &each) {
        const bool is_same = !each.owner_before(listener) && !listener.owner_before(each);
        return is_same || each.expired();
    });
    end_listeners_.push_back(listener);
}

std::expected<std::unique_ptr<SharedRegion>, int> SharedRegion::Make(uint64_t num_bytes,
                                                                     const char *name) {
    if (num_bytes == 0 || num_bytes > kLargestRegion) {
        return std::unexpected(num_bytes == 0 ? EINVAL : ENOMEM);
    }
    const uint64_t page = PageSize();
    const uint64_t rounded = (num_bytes + page - 1) & ~(page - 1);
    UniqueFd fd(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!fd) {
        return std::unexpected(errno);
    }
    if (ftruncate(fd.get(), static_cast<off_t>(rounded)) != 0 ||
        fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) != 0) {
        return std::unexpected(errno);
    }
    return std::unique_ptr<SharedRegion>(new SharedRegion(std::move(fd), rounded, false));
}

std::expected<std::shared_ptr<SharedRegion>, int> SharedRegion::Create(uint64_t num_bytes,
                                                                       const char *name) {
    return Make(num_bytes, name);
}

std::expected<std::shared_ptr<SharedRegion>, int> SharedRegion::Adopt(UniqueFd fd,
                                                                      uint64_t num_bytes,
                                                                      CutShort allowed) {
    struct stat status = {};
    if (num_bytes == 0 || num_bytes > kLargestRegion || !fd || fstat(fd.get(), &status) != 0) {
        return std::unexpected(EINVAL);
    }
    const int seals = fcntl(fd.get(), F_GET_SEALS);
    const bool is_sealed = seals >= 0 && (seals & F_SEAL_SHRINK) != 0 && IsOrdinaryMemory(fd.get());
    if (std::cmp_less(status.st_size, num_bytes) ||
        (!is_sealed && (allowed == CutShort::kNever || !IsLocalFile(fd.get(), status)))) {
        return std::unexpected(EINVAL);
    }
    return std::shared_ptr<SharedRegion>(new SharedRegion(std::move(fd), num_bytes, !is_sealed));
}

std::byte *SharedRegion::Whole(MapAccess access, std::atomic<std::byte *> &address,
                               ViewPointer &view) {
    if (std::byte *known = address.load(std::memory_order_acquire)) {
        return known;
    }
    auto whole = View(0, num_bytes_, access);
    if (!whole) {
        return nullptr;
    }
    const std::lock_guard lock(views_mutex_);
    if (view == nullptr) {
        view = *whole;
        address.store(view->address(), std::memory_order_release);
    }
    return view->address();
}

std::byte *SharedRegion::Writable() {
    return Whole(MapAccess::kReadWrite, writable_, whole_writable_);
}

const std::byte *SharedRegion::ReadOnly() {
    return Whole(MapAccess::kReadOnly, read_only_, whole_read_only_);
}

std::expected<SharedRegion::PageRange, int> SharedRegion::PagesOf(uint64_t offset,
                                                                  uint64_t num_bytes) const {
    if (num_bytes == 0 || !RangeIsWithin(offset, num_bytes, num_bytes_)) {
        return std::unexpected(EINVAL);
    }
    const uint64_t in_page = PageSize() - 1;
    const uint64_t first = offset & ~in_page;
    return PageRange{first, ((offset + num_bytes + in_page) & ~in_page) - first};
}

int SharedRegion::MapOver(std::byte *address, uint64_t offset, uint64_t num_bytes,
                          MapAccess access) {
    const uint64_t in_page = PageSize() - 1;
    // The last page of a region that another process sent may be partly beyond what is ours to use.
    const uint64_t limit = (num_bytes_ + in_page) & ~in_page;
    if (((offset | num_bytes) & in_page) != 0 || num_bytes == 0 ||
        !RangeIsWithin(offset, num_bytes, limit)) {
        return EINVAL;
    }
    const void *mapped =
        mmap(address, num_bytes, ProtectionFor(access), SharingFor(access) | MAP_FIXED, fd_.get(),
             static_cast<off_t>(offset));
    return mapped == MAP_FAILED ? errno : 0;
}

std::expected<SharedRegion::OwnedView, int> SharedRegion::MapPages(PageRange pages,
                                                                   MapAccess access) {
    const uint64_t guard = PageSize();
    const uint64_t reserved = pages.length + 2 * guard;
    void *base =
        mmap(nullptr, reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) {
        return std::unexpected(errno);
    }
    std::byte *address = static_cast<std::byte *>(base) + guard;
    if (const int error = MapOver(address, pages.first, pages.length, access)) {
        munmap(base, reserved);
        return std::unexpected(error);
    }
    std::optional<WatchedPages> watch;
    if (may_be_cut_) {
        watch = WatchedPages::Watch(address, pages.length);
        if (!watch) {
            munmap(base, reserved);
            return std::unexpected(ENOMEM);
        }
    }
    return OwnedView(new RegionView(address, pages.first, pages.length, access, std::move(watch)));
}

/// What the last owner of a view does with it. The region may be gone by then: its views are independent.
class SharedRegion::GiveBack {
public:
    GiveBack(std::weak_ptr<SharedRegion> region, ViewIndex::Node *node)
        : region_(std::move(region)), node_(node) {}

    void operator()(const RegionView *view) const {
        OwnedView owned(view);
        if (const auto region = region_.lock()) {
            region->TakeBack(node_, std::move(owned));
        }
    }

private:
    std::weak_ptr<SharedRegion> region_;
    ViewIndex::Node *node_;
};

SharedRegion::ViewPointer SharedRegion::UseLocked(ViewIndex::Node *node) {
    KnownView &known = node->value;
    if (known.idle == nullptr) {
        return known.active.lock();
    }
    idle_views_.erase(known.in_idle_order);
    ViewPointer view(known.idle.release(), GiveBack(weak_from_this(), node));
    known.active = view;
    return view;
}

void SharedRegion::TakeBack(ViewIndex::Node *node, OwnedView view) {
    OwnedView dropped;  // unmapped after the lock
    const std::lock_guard lock(views_mutex_);
    node->value.idle = std::move(view);
    node->value.in_idle_order = idle_views_.insert(idle_views_.end(), node);
    if (idle_views_.size() > kNumKeptViews) {
        ViewIndex::Node *oldest = idle_views_.front();
        idle_views_.pop_front();
        dropped = IndexOf(oldest->value.idle->access()).Erase(oldest).idle;
    }
}

std::expected<SharedRegion::ViewPointer, int> SharedRegion::View(uint64_t offset,
                                                                 uint64_t num_bytes,
                                                                 MapAccess access) {
    const auto pages = PagesOf(offset, num_bytes);
    if (!pages || access == MapAccess::kCopyOnWrite) {
        return std::unexpected(EINVAL);
    }
    const std::lock_guard lock(views_mutex_);
    ViewIndex &index = IndexOf(access);
    const uint64_t end = pages->first + pages->length;
    ViewPointer view;
    const auto use = [&](KnownView &known) {
        return known.idle != nullptr || (view = known.active.lock()) != nullptr;
    };
    if (ViewIndex::Node *node = index.FindSame(pages->first, end, 0, 0, use)) {
        return view != nullptr ? view : UseLocked(node);
    }
    auto made = MapPages(*pages, access);
    if (!made) {
        return std::unexpected(made.error());
    }
    ViewIndex::Node *node = index.Insert(pages->first, end, 0, KnownView{});
    node->value.idle = std::move(*made);
    node->value.in_idle_order = idle_views_.insert(idle_views_.end(), node);
    return UseLocked(node);
}

std::expected<SharedRegion::ViewPointer, int> SharedRegion::CoveringView(uint64_t offset,
                                                                         uint64_t num_bytes,
                                                                         MapAccess access) {
    const auto pages = PagesOf(offset, num_bytes);
    if (!pages) {
        return std::unexpected(pages.error());
    }
    {
        const std::lock_guard lock(views_mutex_);
        ViewIndex::Node *node =
            writable_views_.FindCovering(pages->first, pages->first + pages->length);
        if (ViewPointer known = node != nullptr ? UseLocked(node) : nullptr) {
            return known;
        }
    }
    return View(offset, num_bytes, access);
}

const RegionView *SharedRegion::OnlyIdleView() {
    const std::lock_guard lock(views_mutex_);
    const bool is_only = writable_views_.size() == 1 && read_only_views_.size() == 0 &&
                         idle_views_.size() == 1 && whole_writable_ == nullptr;
    return is_only ? idle_views_.front()->value.idle.get() : nullptr;
}

}  // namespace opendext
