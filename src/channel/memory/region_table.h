// SPDX-License-Identifier: Apache-2.0
/// @file region_table.h
/// The regions that this process has mapped to share them, found by the file that a mapping shows.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/shared_region.h"
#include "channel/memory/address_space.h"

namespace opendext::channel {

/// A region and where it was mapped when it was looked for last: [address, address + region->num_bytes()).
struct PlacedRegion {
    std::shared_ptr<SharedRegion> region;  ///< NULL: it is forgotten, and mapped all the same.
    FileIdentity file;
    uint64_t address = 0;
    bool is_pinned = false;
    bool is_born_shared = false;  ///< Never was ordinary memory: nobody's stack.
};

/// How memory of this process came to stand on a region.
enum class Origin : uint8_t {
    kMoved,      ///< It was ordinary memory.
    kAllocated,  ///< It was made shareable.
    kFile,  ///< The application has mapped a file of its own, for others too: the region is lent, nothing else.
};

/// Thread-safe; no call blocks but for the moment of another.
class RegionTable {
    struct HashFile {
        size_t operator()(const FileIdentity &file) const {
            return std::hash<uint64_t>()(file.inode ^ (uint64_t{file.device_minor} << 48));
        }
    };

public:
    using FileSet = std::unordered_set<FileIdentity, HashFile>;

    /// Each costs a descriptor. Beyond it the one that was given out longest ago is forgotten; its memory stays
    /// what it is for the application.
    static constexpr size_t kMaxRegions = 512;

    /// @return false when the region's file cannot be told.
    [[nodiscard]] bool Add(std::shared_ptr<SharedRegion> region, uint64_t address,
                           Origin origin = Origin::kMoved);
    /// As Add, of Origin::kFile, with the identity that mappings have: on some file systems fstat tells another.
    void AddFile(std::shared_ptr<SharedRegion> region, const FileIdentity &file, uint64_t address);

    /// The region behind a mapping that was made by us, or NULL.
    [[nodiscard]] std::shared_ptr<SharedRegion> Find(const FileIdentity &file);
    /// The region of a file of the application's own, or NULL.
    [[nodiscard]] std::shared_ptr<SharedRegion> FindFile(const FileIdentity &file);

    /// Whether a mapping of that file was made by us, also when the region is forgotten.
    [[nodiscard]] bool IsOurs(const FileIdentity &file);

    void Pin(const SharedRegion &region);
    void Unpin(const SharedRegion &region);
    [[nodiscard]] bool IsPinned(const FileIdentity &file);

    /// What is known of a mapping of that file; nullopt: it is not ours.
    [[nodiscard]] std::optional<PlacedRegion> Of(const FileIdentity &file);

    /// The application has moved it.
    void Place(const FileIdentity &file, uint64_t address);

    /// Every region, for a sweep.
    [[nodiscard]] std::vector<PlacedRegion> All();
    /// The files of the regions that are forgotten, for the same.
    [[nodiscard]] FileSet Forgotten();
    /// It is not mapped any more.
    void Remove(const FileIdentity &file);
    /// Forgets everything, without a word to anybody: in a child after fork().
    void Clear();

    [[nodiscard]] size_t size();

    /// Around fork().
    std::mutex &mutex() { return mutex_; }

private:
    struct Entry {
        std::shared_ptr<SharedRegion> region;
        uint64_t address = 0;
        Origin origin = Origin::kMoved;
        uint64_t num_pins = 0;
        uint64_t last_use = 0;
    };
    void AddEntry(std::shared_ptr<SharedRegion> region, const FileIdentity &file, uint64_t address,
                  Origin origin);
    [[nodiscard]] std::shared_ptr<SharedRegion> FindLocked(const FileIdentity &file, bool is_file);
    [[nodiscard]] Entry *EntryOfLocked(const SharedRegion &region);
    void MakeRoomLocked();

    std::mutex mutex_;
    std::unordered_map<FileIdentity, Entry, HashFile> entries_;     // guarded by mutex_
    std::unordered_map<const SharedRegion *, FileIdentity> files_;  // guarded by mutex_
    FileSet forgotten_;                                             // guarded by mutex_
    uint64_t num_uses_ = 0;                                         // guarded by mutex_
};

}  // namespace opendext::channel
