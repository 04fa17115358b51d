// SPDX-License-Identifier: Apache-2.0
#include "runtime/diagnostics/driver_images.h"

#include <link.h>

#include <algorithm>
#include <array>
#include <mutex>

namespace opendext::diagnostics {

DriverCodeBounds driver_code_bounds;

namespace {

constexpr size_t kMostImages = 64;

/// Read without a lock. One that is being changed is empty meanwhile: its end is 0.
struct Slot {
    std::atomic<uintptr_t> start = 0;
    std::atomic<uintptr_t> end = 0;
};

std::array<Slot, kMostImages> slots;
std::atomic<size_t> num_slots = 0;  // that have ever been used
std::mutex changing;

struct Search {
    uintptr_t address;
    CodeRange found;
};

int LookAtImage(dl_phdr_info *info, size_t /*size*/, void *context) {
    auto &search = *static_cast<Search *>(context);
    CodeRange code{.start = UINTPTR_MAX, .end = 0};
    bool is_it = false;
    for (size_t i = 0; i < info->dlpi_phnum; ++i) {
        const auto &segment = info->dlpi_phdr[i];
        const uintptr_t start = info->dlpi_addr + segment.p_vaddr;
        const uintptr_t end = start + segment.p_memsz;
        if (segment.p_type != PT_LOAD) {
            continue;
        }
        is_it = is_it || (search.address >= start && search.address < end);
        if ((segment.p_flags & PF_X) != 0) {
            code = {.start = std::min(code.start, start), .end = std::max(code.end, end)};
        }
    }
    if (is_it && code.end != 0) {
        search.found = code;
    }
    return is_it ? 1 : 0;
}

// With the lock held.
void UpdateBounds() {
    uintptr_t start = UINTPTR_MAX;
    uintptr_t end = 0;
    for (const Slot &slot : slots) {
        if (slot.end.load() != 0) {
            start = std::min(start, slot.start.load());
            end = std::max(end, slot.end.load());
        }
    }
    driver_code_bounds.start = end == 0 ? 0 : start;
    driver_code_bounds.end = end;
}

}  // namespace

CodeRange CodeOfImage(const void *address) {
    Search search{.address = reinterpret_cast<uintptr_t>(address), .found = {}};
    dl_iterate_phdr(&LookAtImage, &search);
    return search.found;
}

void AddDriverImage(const void *address) {
    const CodeRange code = CodeOfImage(address);
    if (code.end == 0) {
        return;
    }
    const std::lock_guard lock(changing);
    const auto same = [&](const Slot &slot) {
        return slot.start.load() == code.start && slot.end.load() == code.end;
    };
    if (std::ranges::any_of(slots, same)) {
        return;
    }
    const auto free = std::ranges::find_if(slots, [](const Slot &slot) { return slot.end == 0; });
    if (free == slots.end()) {
        return;
    }
    free->start = code.start;
    free->end = code.end;
    const auto used = static_cast<size_t>(free - slots.begin()) + 1;
    num_slots = std::max(num_slots.load(), used);
    UpdateBounds();
}

void RemoveDriverImage(const void *address) {
    const CodeRange code = CodeOfImage(address);
    const std::lock_guard lock(changing);
    for (Slot &slot : slots) {
        if (code.end != 0 && slot.start.load() == code.start) {
            slot.end = 0;
        }
    }
    UpdateBounds();
}

bool IsInDriverImage(uintptr_t address) {
    const size_t count = num_slots.load(std::memory_order_relaxed);
    for (size_t i = 0; i < count; ++i) {
        if (address < slots[i].end.load(std::memory_order_relaxed) &&
            address >= slots[i].start.load(std::memory_order_relaxed)) {
            return true;
        }
    }
    return false;
}

}  // namespace opendext::diagnostics
