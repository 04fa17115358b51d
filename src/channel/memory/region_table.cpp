// SPDX-License-Identifier: Apache-2.0
#include "channel/memory/region_table.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <utility>

namespace opendext::channel {

bool RegionTable::Add(std::shared_ptr<SharedRegion> region, uint64_t address, Origin origin) {
    struct stat status = {};
    if (fstat(region->ExportFd(), &status) != 0) {
        return false;
    }
    const FileIdentity file{major(status.st_dev), minor(status.st_dev), status.st_ino};
    AddEntry(std::move(region), file, address, origin);
    return true;
}

void RegionTable::AddFile(std::shared_ptr<SharedRegion> region, const FileIdentity &file,
                          uint64_t address) {
    AddEntry(std::move(region), file, address, Origin::kFile);
}

void RegionTable::AddEntry(std::shared_ptr<SharedRegion> region, const FileIdentity &file,
                           uint64_t address, Origin origin) {
    const std::lock_guard lock(mutex_);
    MakeRoomLocked();
    files_.insert_or_assign(region.get(), file);
    entries_.insert_or_assign(file, Entry{.region = std::move(region),
                                          .address = address,
                                          .origin = origin,
                                          .num_pins = 0,
                                          .last_use = ++num_uses_});
}

void RegionTable::MakeRoomLocked() {
    if (entries_.size() < kMaxRegions) {
        return;
    }
    auto oldest = entries_.end();
    for (auto it = entries_.begin(); it != entries_.end(); ++it) {
        if (it->second.num_pins == 0 &&
            (oldest == entries_.end() || it->second.last_use < oldest->second.last_use)) {
            oldest = it;
        }
    }
    if (oldest != entries_.end()) {
        if (oldest->second.origin != Origin::kFile) {
            forgotten_.insert(oldest->first);
        }
        files_.erase(oldest->second.region.get());
        entries_.erase(oldest);
    }
}

std::shared_ptr<SharedRegion> RegionTable::FindLocked(const FileIdentity &file, bool is_file) {
    const auto found = entries_.find(file);
    if (found == entries_.end() || (found->second.origin == Origin::kFile) != is_file) {
        return nullptr;
    }
    found->second.last_use = ++num_uses_;
    return found->second.region;
}

std::shared_ptr<SharedRegion> RegionTable::Find(const FileIdentity &file) {
    const std::lock_guard lock(mutex_);
    return FindLocked(file, false);
}

std::shared_ptr<SharedRegion> RegionTable::FindFile(const FileIdentity &file) {
    const std::lock_guard lock(mutex_);
    return FindLocked(file, true);
}

bool RegionTable::IsOurs(const FileIdentity &file) {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(file);
    return (found != entries_.end() && found->second.origin != Origin::kFile) ||
           forgotten_.contains(file);
}

RegionTable::Entry *RegionTable::EntryOfLocked(const SharedRegion &region) {
    const auto file = files_.find(&region);
    return file == files_.end() ? nullptr : &entries_.at(file->second);
}

void RegionTable::Pin(const SharedRegion &region) {
    const std::lock_guard lock(mutex_);
    if (Entry *const entry = EntryOfLocked(region)) {
        ++entry->num_pins;
    }
}

void RegionTable::Unpin(const SharedRegion &region) {
    const std::lock_guard lock(mutex_);
    Entry *const entry = EntryOfLocked(region);
    if (entry != nullptr && entry->num_pins != 0) {
        --entry->num_pins;
    }
}

bool RegionTable::IsPinned(const FileIdentity &file) {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(file);
    return found != entries_.end() && found->second.num_pins != 0;
}

std::optional<PlacedRegion> RegionTable::Of(const FileIdentity &file) {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(file);
    if (found == entries_.end() || found->second.origin == Origin::kFile) {
        return forgotten_.contains(file)
                   ? std::optional(PlacedRegion{.region = nullptr, .file = file})
                   : std::nullopt;
    }
    const Entry &entry = found->second;
    return PlacedRegion{entry.region, file, entry.address, entry.num_pins != 0,
                        entry.origin != Origin::kMoved};
}

void RegionTable::Place(const FileIdentity &file, uint64_t address) {
    const std::lock_guard lock(mutex_);
    if (const auto found = entries_.find(file); found != entries_.end()) {
        found->second.address = address;
    }
}

std::vector<PlacedRegion> RegionTable::All() {
    const std::lock_guard lock(mutex_);
    std::vector<PlacedRegion> all;
    all.reserve(entries_.size());
    for (const auto &[file, entry] : entries_) {
        all.push_back({entry.region, file, entry.address, entry.num_pins != 0,
                       entry.origin != Origin::kMoved});
    }
    return all;
}

RegionTable::FileSet RegionTable::Forgotten() {
    const std::lock_guard lock(mutex_);
    return forgotten_;
}

void RegionTable::Remove(const FileIdentity &file) {
    std::shared_ptr<SharedRegion> removed;  // closed after the lock
    const std::lock_guard lock(mutex_);
    forgotten_.erase(file);
    const auto found = entries_.find(file);
    if (found != entries_.end()) {
        removed = std::move(found->second.region);
        files_.erase(removed.get());
        entries_.erase(found);
    }
}

void RegionTable::Clear() {
    entries_.clear();
    files_.clear();
    forgotten_.clear();
}

size_t RegionTable::size() {
    const std::lock_guard lock(mutex_);
    return entries_.size();
}

}  // namespace opendext::channel
