// SPDX-License-Identifier: Apache-2.0
#include "runtime/memory/memory_census.h"

#include <malloc.h>

#include <atomic>

namespace opendext::memory {

namespace {

std::atomic<int64_t> g_num_descriptors = 0;
std::atomic<int64_t> g_num_mappings = 0;
std::atomic<int64_t> g_num_prepared = 0;

// Since memory was given back last.
std::atomic<int64_t> g_most_descriptors = 0;

/// The allocator keeps what thousands of objects took. When they are as good as gone, the system gets it back.
void NoteGone(int64_t num_left) {
    constexpr int64_t kMany = 4096;
    constexpr int64_t kFew = 64;  // as a part of the most
    int64_t most = g_most_descriptors.load(std::memory_order_relaxed);
    if (most >= kMany && num_left < most / kFew &&
        g_most_descriptors.compare_exchange_strong(most, num_left)) {
        malloc_trim(0);
    }
}

void NoteMade(int64_t num_now) {
    int64_t most = g_most_descriptors.load(std::memory_order_relaxed);
    while (most < num_now && !g_most_descriptors.compare_exchange_weak(most, num_now)) {}
}

}  // namespace

MemoryCensus TakeMemoryCensus() {
    return {static_cast<uint64_t>(g_num_descriptors.load(std::memory_order_relaxed)),
            static_cast<uint64_t>(g_num_mappings.load(std::memory_order_relaxed)),
            static_cast<uint64_t>(g_num_prepared.load(std::memory_order_relaxed))};
}

void CountDescriptor(int change) {
    const int64_t now = g_num_descriptors.fetch_add(change, std::memory_order_relaxed) + change;
    if (change > 0) {
        NoteMade(now);
    } else {
        NoteGone(now);
    }
}

void CountMapping(int change) {
    g_num_mappings.fetch_add(change, std::memory_order_relaxed);
}

void CountPrepared(int change) {
    g_num_prepared.fetch_add(change, std::memory_order_relaxed);
}

}  // namespace opendext::memory
