// SPDX-License-Identifier: Apache-2.0
#include "base/cut_file.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <utility>

#include "base/fault_handler.h"
#include "base/log.h"
#include "base/mapping.h"

namespace opendext {

namespace {

/// Free when `end` is 0. The handler reads them while others come and go: a range is there from the store of `end` on.
struct Range {
    std::atomic<bool> is_taken = false;
    std::atomic<uint64_t> start = 0;
    std::atomic<uint64_t> end = 0;
    std::atomic<bool> was_cut = false;
};
std::array<Range, WatchedPages::kMaxRanges> ranges;
std::atomic<bool> has_told = false;

bool PutZeroPage(int signal, const siginfo_t &info, void * /*context*/) {
    if (signal != SIGBUS || info.si_code != BUS_ADRERR) {
        return false;
    }
    const auto address = reinterpret_cast<uint64_t>(info.si_addr);
    for (Range &range : ranges) {
        if (address >= range.end.load(std::memory_order_acquire) || address < range.start.load()) {
            continue;
        }
        range.was_cut.store(true);
        // Without the sanitizers' wrapper: this is a handler.
        return syscall(SYS_mmap, address & ~(uint64_t{PageSize()} - 1), PageSize(),
                       PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
                       uint64_t{0}) != -1;
    }
    return false;
}

}  // namespace

std::optional<WatchedPages> WatchedPages::Watch(const std::byte *start, uint64_t num_bytes) {
    LookAtFaults(FaultLooker::kCutFile, &PutZeroPage);
    for (size_t slot = 0; slot < kMaxRanges; ++slot) {
        Range &range = ranges[slot];
        if (range.is_taken.load(std::memory_order_relaxed) || range.is_taken.exchange(true)) {
            continue;
        }
        range.was_cut.store(false);
        range.start.store(reinterpret_cast<uint64_t>(start));
        range.end.store(reinterpret_cast<uint64_t>(start) + num_bytes, std::memory_order_release);
        return WatchedPages(slot);
    }
    return std::nullopt;
}

WatchedPages::WatchedPages(WatchedPages &&other) noexcept
    : slot_(std::exchange(other.slot_, kMaxRanges)) {}

WatchedPages::~WatchedPages() {
    if (slot_ == kMaxRanges) {
        return;
    }
    Range &range = ranges[slot_];
    range.end.store(0);
    const bool was_cut = range.was_cut.load();
    range.is_taken.store(false);
    if (was_cut && !has_told.exchange(true)) {
        LogWarning(
            "a file whose pages an application has shared with its driver was cut short meanwhile: "
            "the driver found zeros there");
    }
}

}  // namespace opendext
