// SPDX-License-Identifier: Apache-2.0
#include "runtime/memory/read_only_mappings.h"

#include <array>
#include <atomic>
#include <optional>

#include <fmt/format.h>

#include "base/mapping.h"
#include "runtime/diagnostics/diagnostic.h"

namespace opendext::memory {

namespace {

constexpr size_t kMostMappings = 4096;

/// Read without a lock: `state` is looked at before and after.
struct Slot {
    enum class State : uint32_t { kFree, kBeingFilled, kFilled };
    std::atomic<State> state = State::kFree;
    ReadOnlyMapping mapping;
};

std::array<Slot, kMostMappings> slots;
/// A mapping that finds no slot soon does without.
constexpr size_t kMostAttempts = 16;

std::atomic<size_t> next_slot = 0;
std::atomic<size_t> num_used = 0;  // slots that have ever been filled

std::optional<ReadOnlyMapping> Find(uintptr_t address) {
    const size_t count = num_used.load(std::memory_order_acquire);
    for (size_t i = 0; i < count; ++i) {
        const Slot &slot = slots[i];
        if (slot.state.load(std::memory_order_acquire) != Slot::State::kFilled) {
            continue;
        }
        const ReadOnlyMapping mapping = slot.mapping;
        const uintptr_t in_page = PageSize() - 1;
        if (address >= (mapping.start & ~in_page) &&
            address < ((mapping.start + mapping.num_bytes + in_page) & ~in_page)) {
            return mapping;
        }
    }
    return std::nullopt;
}

std::string_view WhatItIs(ReadOnlyReason reason) {
    return reason == ReadOnlyReason::kOption
               ? "was asked for with kIOMemoryMapReadOnly"
               : "is of a descriptor of direction kIOMemoryDirectionOut that the driver has not "
                 "created (memory of its client, or a part of a descriptor)";
}

std::string_view WhatToDo(ReadOnlyReason reason) {
    return reason == ReadOnlyReason::kOption
               ? "map it without kIOMemoryMapReadOnly"
               : "do not write what the device or the driver is only to read: make the descriptor "
                 "with kIOMemoryDirectionIn or InOut, or copy the bytes into a buffer of your own";
}

}  // namespace

ReadOnlyMappingEntry::ReadOnlyMappingEntry(const ReadOnlyMapping &mapping) {
    for (size_t attempt = 0; attempt < kMostAttempts; ++attempt) {
        const size_t i = next_slot.fetch_add(1, std::memory_order_relaxed) % kMostMappings;
        Slot::State free = Slot::State::kFree;
        if (slots[i].state.compare_exchange_strong(free, Slot::State::kBeingFilled)) {
            slots[i].mapping = mapping;
            slots[i].state.store(Slot::State::kFilled, std::memory_order_release);
            slot_ = i;
            break;
        }
    }
    size_t used = num_used.load();
    while (slot_ != SIZE_MAX && used < slot_ + 1 &&
           !num_used.compare_exchange_weak(used, slot_ + 1)) {}
}

ReadOnlyMappingEntry::~ReadOnlyMappingEntry() {
    if (slot_ != SIZE_MAX) {
        slots[slot_].state.store(Slot::State::kFree, std::memory_order_release);
    }
}

bool ReportReadOnlyFault(uintptr_t address, const diagnostics::CallSite &place) {
    const std::optional<ReadOnlyMapping> mapping = Find(address);
    if (!mapping) {
        return false;
    }
    const std::string mapped_at = mapping->mapped_at.DescribeWithLines();
    diagnostics::Report(
        {.id = diagnostics::DiagnosticId::kOutMappingWritten,
         .class_name = "IOMemoryMap",
         .object = nullptr,
         .method = {},
         .place = place,
         .level = LogLevel::kError},
        fmt::format("a write to {:#x}, at byte {} of a read-only mapping of {} bytes{}{}, which {}",
                    address, static_cast<int64_t>(address - mapping->start), mapping->num_bytes,
                    mapped_at.empty() ? "" : " made in ", mapped_at, WhatItIs(mapping->reason)),
        WhatToDo(mapping->reason));
    return true;
}

}  // namespace opendext::memory
