// SPDX-License-Identifier: Apache-2.0
#include "channel/memory/app_memory.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <utility>

#include "base/checked.h"
#include "base/log.h"
#include "channel/memory/mapped_file.h"
#include "channel/memory/page_range.h"
#include "channel/memory/safe_copy.h"

namespace opendext::channel {

namespace {

constexpr const char *kRegionName = "opendext-client-memory";

/// Mappings that one Find looks at: a range in more pieces is not worth it.
constexpr int kMaxAreas = 64;

/// How far below the lowest page that is moved the main stack is made to reach: what grows it is the mapping
/// that has its lowest page.
constexpr uint64_t kStackReserve = uint64_t{256} << 10;

bool Allows(const MappedArea &area, MapAccess access) {
    return area.is_readable && (access == MapAccess::kReadOnly || area.is_writable);
}

/// What of the mapping is between the two; it holds `start`.
void CutTo(MappedArea &area, uint64_t start, uint64_t end) {
    area.offset += start - area.start;
    area.start = start;
    area.end = std::min(area.end, end);
}

ShareFailure FailureOf(int error) {
    switch (error) {
        case EFAULT:
            return ShareFailure::kUnmapped;
        case ENOMEM:
        case ENOSPC:
            return ShareFailure::kNoMemory;
        default:
            return ShareFailure::kNotMovable;
    }
}

/// Makes the main stack, if this thread runs on it, reach below this function's frame before pages above become
/// another mapping.
void GrowStack() {
    if (gettid() != getpid()) {
        return;
    }
    volatile std::byte *const reserve =
        static_cast<volatile std::byte *>(__builtin_alloca(kStackReserve));
    *reserve = std::byte{0};
}

}  // namespace

AppMemory &AppMemory::OfThisProcess() {
    // Never destroyed: threads may use it until the process is gone.
    alignas(AppMemory) static std::array<std::byte, sizeof(AppMemory)> storage;
    static AppMemory *const memory = [] {
        auto *const made = new (storage.data()) AppMemory();
        instance_.store(made);
        return made;
    }();
    return *memory;
}

template <typename RegionOf>
std::optional<SharedSlice> AppMemory::SliceOf(const AppRange &range, MapAccess access,
                                              RegionOf region_of) {
    const auto end = CheckedAdd(range.address, range.length);
    if (range.length == 0 || !end) {
        return std::nullopt;
    }
    SharedSlice slice{.region = nullptr, .offset = 0, .length = range.length};
    FileIdentity file;
    uint64_t at = range.address;
    for (int i = 0; i < kMaxAreas; ++i) {
        const auto area = space_.AreaAt(at);
        if (!area || !area->is_shared || !Allows(*area, access)) {
            return std::nullopt;
        }
        const uint64_t offset = area->offset + (at - area->start);
        if (slice.region == nullptr) {
            file = area->file;
            slice.region = region_of(*area);
            slice.offset = offset;
            if (slice.region == nullptr) {
                return std::nullopt;
            }
        } else if (area->file != file || offset != slice.offset + (at - range.address)) {
            return std::nullopt;
        }
        if (*end <= area->end) {
            return slice;
        }
        at = area->end;
    }
    return std::nullopt;
}

std::optional<SharedSlice> AppMemory::Find(const AppRange &range, MapAccess access) {
    if (!IsInUse()) {
        return std::nullopt;
    }
    return SliceOf(range, access,
                   [this](const MappedArea &area) { return table_.Find(area.file); });
}

std::optional<SharedSlice> AppMemory::FindPinned(const AppRange &range, MapAccess access) {
    while (true) {
        const uint64_t before = fork_phase_.load();
        auto slice = Find(range, access);
        if (!slice) {
            return std::nullopt;
        }
        Pin(*slice->region);
        // A fork that began later has seen the pin.
        if (before % 2 == 0 && fork_phase_.load() == before) {
            return slice;
        }
        Unpin(*slice->region);
        const std::lock_guard until_it_is_over(move_mutex_);
    }
}

std::optional<SharedSlice> AppMemory::FindFile(const AppRange &range, MapAccess access) {
    const auto file_of = [this](const MappedArea &area) -> std::shared_ptr<SharedRegion> {
        if (table_.IsOurs(area.file)) {
            return nullptr;
        }
        const std::lock_guard lock(move_mutex_);
        return FileOf(area);
    };
    auto slice = SliceOf(range, access, file_of);
    const bool is_whole =
        slice && RangeIsWithin(slice->offset, slice->length, slice->region->num_bytes());
    return is_whole ? slice : std::nullopt;
}

std::shared_ptr<SharedRegion> AppMemory::FileOf(const MappedArea &area) {
    if (!area.is_shared || area.is_executable || area.file.inode == 0 || table_.IsOurs(area.file)) {
        return nullptr;
    }
    auto known = table_.FindFile(area.file);
    if (known != nullptr && known->num_bytes() >= area.offset + (area.end - area.start)) {
        return known;
    }
    auto opened = OpenMappedFile(area);
    if (!opened) {
        return known;
    }
    if (known != nullptr) {
        if ((*opened)->num_bytes() <= known->num_bytes()) {
            return known;
        }
        outgrown_.push_back({.region = std::move(known), .file = area.file});
    }
    table_.AddFile(*opened, area.file, area.start - area.offset);
    StartSweeping();
    return *std::move(opened);
}

std::expected<std::vector<AppMemory::Run>, ShareFailure> AppMemory::Survey(uint64_t start,
                                                                           uint64_t end,
                                                                           MapAccess access,
                                                                           Files files) {
    std::vector<Run> runs;
    for (uint64_t at = start; at < end;) {
        auto area = space_.AreaAt(at);
        if (!area || !area->is_readable) {
            return std::unexpected(ShareFailure::kUnmapped);
        }
        if (!Allows(*area, access)) {
            return std::unexpected(ShareFailure::kProtected);
        }
        const uint64_t offset = area->offset + (at - area->start);
        auto region = area->is_shared ? table_.Find(area->file) : nullptr;
        if (region == nullptr && files == Files::kIncluded) {
            region = FileOf(*area);
        }
        CutTo(*area, at, end);
        at = area->end;
        if (region != nullptr) {
            if (!RangeIsWithin(offset, area->end - area->start,
                               (region->num_bytes() + PageSize() - 1) & ~(PageSize() - 1))) {
                return std::unexpected(ShareFailure::kUnmapped);
            }
            runs.push_back({area->start, area->end, std::move(region), offset, {}});
            continue;
        }
        if (area->is_executable || (area->is_shared && !table_.IsOurs(area->file))) {
            return std::unexpected(ShareFailure::kNotMovable);
        }
        if (runs.empty() || runs.back().region != nullptr) {
            runs.push_back({area->start, area->end, nullptr, 0, {}});
        }
        runs.back().end = area->end;
        runs.back().areas.push_back(*area);
    }
    return runs;
}

PageMover &AppMemory::Mover() {
    if (mover_ == nullptr) {
        mover_ = new PageMover(space_);
    }
    return *mover_;
}

void AppMemory::CallBeforeMappingForTest(PageMover::Hook hook) {
    const std::lock_guard lock(move_mutex_);
    Mover().CallBeforeMappingForTest(hook);
}

bool AppMemory::HasUserfault() {
    return Mover().IsAllowed() && !moves_are_forbidden_.load();
}

void AppMemory::Complain(const char *what, const char *remedy) {
    if (!std::exchange(has_complained_, true)) {
        LogWarning(
            "this process may not {}: memory of the application is copied, and cannot be shared "
            "with "
            "kIOMemoryDisableCopyOnWrite unless mach_vm_allocate made it; {}",
            what, remedy);
    }
}

std::expected<void, ShareFailure> AppMemory::CheckMovable(const Run &run) {
    // What is shared already is a buffer, and mostly alone on its pages. Elsewhere a thread that blocks SIGSEGV could
    // write at the wrong moment.
    const bool is_shared =
        std::ranges::all_of(run.areas, [](const MappedArea &area) { return area.is_shared; });
    if (!is_shared && !HasUserfault()) {
        if (Mover().lacks_descriptors()) {
            return std::unexpected(ShareFailure::kNoMemory);
        }
        Complain("use userfaultfd", "set vm.unprivileged_userfaultfd to 1");
        return std::unexpected(ShareFailure::kNotAllowed);
    }
    if (Mover().StandsOn(run.start, run.end - run.start)) {
        return std::unexpected(ShareFailure::kNotMovable);
    }
    return {};
}

std::expected<void, ShareFailure> AppMemory::MoveAreas(const Run &run, PageMove move) {
    GrowStack();
    move.lacks_userfault = !HasUserfault();
    const uint64_t file_start = move.offset;
    for (const MappedArea &area : run.areas) {
        move.area = area;
        move.offset = file_start + (area.start - run.start);
        if (const int error = Mover().Move(move); error != 0) {
            return std::unexpected(FailureOf(error));
        }
    }
    KeepFromGrowing(run.start, run.end);
    return {};
}

std::expected<void, ShareFailure> AppMemory::MoveRun(Run &run) {
    if (auto movable = CheckMovable(run); !movable) {
        return movable;
    }
    auto region = SharedRegion::Create(run.end - run.start, kRegionName);
    if (!region) {
        return std::unexpected(ShareFailure::kNoMemory);
    }
    run.region = std::move(*region);
    run.offset = 0;
    // Known before it is mapped: what a failing move has mapped already must be found again.
    if (!table_.Add(run.region, run.start)) {
        return std::unexpected(ShareFailure::kNoMemory);
    }
    StartSweeping();
    PageMove move;
    move.fd = run.region->ExportFd();
    return MoveAreas(run, move);
}

std::expected<std::vector<SharedSlice>, ShareFailure> AppMemory::Share(const AppRange &range,
                                                                       MapAccess access,
                                                                       Files files, Pins pins) {
    const auto pages = PagesOf(range);
    if (!pages) {
        return std::unexpected(ShareFailure::kUnmapped);
    }
    const std::lock_guard lock(move_mutex_);
    if (!space_.is_readable()) {
        Complain("read /proc/self/maps", "give it the privileges later, or make it dumpable");
        return std::unexpected(ShareFailure::kNotAllowed);
    }
    auto runs = Survey(pages->first, pages->second, access, files);
    if (!runs) {
        return std::unexpected(runs.error());
    }
    std::vector<SharedSlice> slices;
    const uint64_t range_end = range.address + range.length;
    for (Run &run : *runs) {
        if (run.region == nullptr) {
            if (const auto moved = MoveRun(run); !moved) {
                return std::unexpected(moved.error());
            }
        }
        const uint64_t first = std::max(run.start, range.address);
        const uint64_t last = std::min(run.end, range_end);
        const uint64_t offset = run.offset + (first - run.start);
        const bool continues = !slices.empty() && slices.back().region == run.region &&
                               slices.back().offset + slices.back().length == offset;
        if (continues) {
            slices.back().length += last - first;
        } else {
            slices.push_back({run.region, offset, last - first});
        }
    }
    for (size_t i = 0; pins == Pins::kOneEach && i < slices.size(); ++i) {
        Pin(*slices[i].region);
    }
    return slices;
}

std::expected<void, ShareFailure> AppMemory::Leave(const AppRange &range) {
    const auto pages = PagesOf(range);
    if (!pages) {
        return std::unexpected(ShareFailure::kUnmapped);
    }
    const std::lock_guard lock(move_mutex_);
    std::vector<Run> runs;
    for (uint64_t at = pages->first; at < pages->second;) {
        auto area = space_.AreaAt(at);
        if (!area) {
            return std::unexpected(ShareFailure::kUnmapped);
        }
        CutTo(*area, at, pages->second);
        at = area->end;
        const bool is_given = area->is_shared && table_.Find(area->file) != nullptr;
        if (!is_given || table_.IsPinned(area->file)) {
            continue;
        }
        if (runs.empty() || runs.back().end != area->start) {
            runs.push_back({area->start, area->end, nullptr, 0, {}});
        }
        runs.back().end = area->end;
        runs.back().areas.push_back(*area);
    }
    for (Run &run : runs) {
        if (const auto moved = MoveRun(run); !moved) {
            return moved;
        }
    }
    return {};
}

std::optional<AppMemory::Run> AppMemory::WholeOf(const std::vector<Run> &runs) {
    Run whole{runs.front().start, runs.back().end, nullptr, 0, {}};
    for (const Run &run : runs) {
        whole.areas.insert(whole.areas.end(), run.areas.begin(), run.areas.end());
        for (uint64_t at = run.start; run.region != nullptr && at < run.end;) {
            auto area = space_.AreaAt(at);
            if (!area || table_.IsPinned(area->file)) {
                return std::nullopt;
            }
            CutTo(*area, at, run.end);
            at = area->end;
            whole.areas.push_back(*area);
        }
    }
    return whole;
}

std::expected<void, ShareFailure> AppMemory::Replace(const AppRange &range,
                                                     const SharedSlice &slice, Contents contents) {
    const auto pages = PagesOf(range);
    const uint64_t in_page = range.address % PageSize();
    if (!pages || slice.region == nullptr || slice.length != range.length ||
        slice.offset % PageSize() != in_page) {
        return std::unexpected(ShareFailure::kNotMovable);
    }
    const std::lock_guard lock(move_mutex_);
    const bool is_written = contents == Contents::kOfTheSlice;
    auto runs = Survey(pages->first, pages->second,
                       is_written ? MapAccess::kReadWrite : MapAccess::kReadOnly, Files::kExcluded);
    if (!runs) {
        return std::unexpected(runs.error());
    }
    const auto whole = WholeOf(*runs);
    if (!whole) {
        return std::unexpected(ShareFailure::kNotMovable);
    }
    if (auto movable = CheckMovable(*whole); !movable) {
        return movable;
    }
    if (!table_.Add(slice.region, pages->first)) {
        return std::unexpected(ShareFailure::kNotMovable);
    }
    table_.Pin(*slice.region);
    StartSweeping();
    PageMove move;
    move.fd = slice.region->ExportFd();
    move.offset = slice.offset - in_page;
    if (is_written) {
        move.kept_start = range.address;
        move.kept_end = range.address + range.length;
    }
    return MoveAreas(*whole, move);
}

std::expected<uint64_t, ShareFailure> AppMemory::Allocate(uint64_t length, uint64_t fixed_address) {
    auto region = SharedRegion::Create(length, kRegionName);
    if (!region) {
        return std::unexpected(ShareFailure::kNoMemory);
    }
    void *const wanted = reinterpret_cast<void *>(fixed_address);
    const int flags = MAP_SHARED | (fixed_address == 0 ? 0 : MAP_FIXED_NOREPLACE);
    void *const address = mmap(wanted, (*region)->num_bytes(), PROT_READ | PROT_WRITE, flags,
                               (*region)->ExportFd(), 0);
    if (address == MAP_FAILED) {
        return std::unexpected(ShareFailure::kNoMemory);
    }
    const uint64_t num_bytes = (*region)->num_bytes();
    const bool is_elsewhere = fixed_address != 0 && address != wanted;
    if (is_elsewhere ||
        !table_.Add(std::move(*region), reinterpret_cast<uint64_t>(address), Origin::kAllocated)) {
        munmap(address, num_bytes);
        return std::unexpected(ShareFailure::kNoMemory);
    }
    StartSweeping();
    return reinterpret_cast<uint64_t>(address);
}

}  // namespace opendext::channel
