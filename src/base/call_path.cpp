// SPDX-License-Identifier: Apache-2.0
#include "base/call_path.h"

#include <array>
#include <atomic>
#include <cstddef>

namespace opendext {

namespace {

constexpr size_t kLineBytes = 64;

struct Section {
    std::atomic<const char *> begin = nullptr;
    std::atomic<size_t> num_bytes = 0;
};
// The images of ours that a process has: three libraries and the program.
using Sections = std::array<Section, 4>;
constinit std::array<Sections, 2> g_sections;

Sections &SectionsOf(CallSide side) {
    return g_sections[static_cast<size_t>(side)];
}

const CallPathSections g_call_path;

}  // namespace

namespace internal {

void AddCallPath(CallSide side, const char *begin, const char *end) {
    if (begin == nullptr) {
        return;
    }
    for (Section &section : SectionsOf(side)) {
        const char *present = nullptr;
        if (section.begin.compare_exchange_strong(present, begin)) {
            section.num_bytes.store(static_cast<size_t>(end - begin), std::memory_order_release);
            return;
        }
        if (present == begin) {
            return;  // another library of the same image
        }
    }
}

}  // namespace internal

void FetchCallPath(CallSide side) {
    for (const Section &section : SectionsOf(side)) {
        const size_t num_bytes = section.num_bytes.load(std::memory_order_acquire);
        const char *begin = section.begin.load(std::memory_order_relaxed);
        for (size_t offset = 0; offset < num_bytes; offset += kLineBytes) {
            __builtin_prefetch(begin + offset);
        }
    }
}

}  // namespace opendext
