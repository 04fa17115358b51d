// SPDX-License-Identifier: Apache-2.0
#include "runtime/memory/client_memory.h"

#include <array>
#include <atomic>
#include <mutex>
#include <optional>
#include <utility>

#include "base/checked.h"
#include "base/io_result_name.h"
#include "base/log.h"
#include "base/mapping.h"
#include "base/once_per_key.h"
#include "runtime/memory/descriptor_state.h"

namespace opendext::memory {

namespace {

struct CheckedSegments {
    std::vector<IOAddressSegment> segments;  ///< None empty; those that follow each other are one.
    uint64_t num_bytes = 0;
};

/// The pages that hold the segment, in bytes.
std::optional<uint64_t> PageBytes(const IOAddressSegment &segment) {
    const uint64_t in_page = PageSize() - 1;
    const auto end = CheckedAdd(segment.address, segment.length);
    const auto last = end ? CheckedAlignUp(*end, PageSize()) : std::nullopt;
    return last ? CheckedSubtract(*last, segment.address & ~in_page) : std::nullopt;
}

std::optional<CheckedSegments> Check(std::span<const IOAddressSegment> segments) {
    CheckedSegments checked;
    uint64_t page_bytes = 0;
    for (const IOAddressSegment &segment : segments) {
        if (segment.length == 0) {
            continue;
        }
        const auto pages = PageBytes(segment);
        const auto page_sum = pages ? CheckedAdd(page_bytes, *pages) : std::nullopt;
        const auto sum = CheckedAdd(checked.num_bytes, segment.length);
        if (!page_sum || !sum || *page_sum > MemoryOfTheMachine()) {
            return std::nullopt;
        }
        page_bytes = *page_sum;
        checked.num_bytes = *sum;
        IOAddressSegment *before = checked.segments.empty() ? nullptr : &checked.segments.back();
        if (before != nullptr && before->address + before->length == segment.address) {
            before->length += segment.length;
        } else {
            checked.segments.push_back(segment);
        }
    }
    return checked;
}

/// Remembers what the application gave, separately for the pages themselves and for what stands for them.
class ClientBacking final : public Backing {
public:
    ClientBacking(std::shared_ptr<ClientMemory> client, CheckedSegments ranges, uint64_t options)
        : client_(std::move(client)),
          ranges_(std::move(ranges)),
          is_written_((options & kIOMemoryDirectionInOut) != kIOMemoryDirectionOut),
          is_shared_((options & kIOMemoryDisableCopyOnWrite) != 0) {}

    void Fetch(Use use) const override {
        Memory &memory = MemoryFor(use);
        if (memory.runs.load(std::memory_order_acquire) != nullptr) {
            return;
        }
        // Whoever else wants this memory needs the same answer.
        const std::lock_guard lock(memory.fetching);
        if (memory.runs.load(std::memory_order_relaxed) != nullptr) {
            return;
        }
        memory.owned = Ask(is_shared_ || use == Use::kDma);
        if (memory.owned == nullptr && use == Use::kDma && !is_shared_ && !is_written_) {
            // A device that only reads can do without the pages themselves.
            memory.owned = Ask(false);
        }
        memory.runs.store(memory.owned.get(), std::memory_order_release);
    }

    bool Collect(Use use, uint64_t offset, uint64_t length,
                 std::vector<Extent> &extents) const override {
        const Backing *runs = MemoryFor(use).runs.load(std::memory_order_acquire);
        return runs != nullptr && runs->Collect(use, offset, length, extents);
    }

    bool IsThere() const override {
        return MemoryFor(Use::kDma).runs.load(std::memory_order_acquire) != nullptr;
    }

    bool MayHaveGaps() const override { return true; }

private:
    struct Memory {
        std::mutex fetching;
        std::unique_ptr<const Backing> owned;  // guarded by fetching; set once
        std::atomic<const Backing *> runs = nullptr;
    };

    Memory &MemoryFor(Use use) const { return memory_[is_shared_ || use == Use::kDma ? 1 : 0]; }

    /// @return NULL when not all of it can be had.
    std::unique_ptr<const Backing> Ask(bool is_shared) const {
        const auto slices = client_->Share({ranges_.segments, is_written_, is_shared});
        if (!slices) {
            LogWarning("{} bytes of an application's memory cannot be had: {}", ranges_.num_bytes,
                       DescribeIoResult(slices.error()));
            return nullptr;
        }
        uint64_t num_bytes = 0;
        for (const ClientSlice &slice : *slices) {
            num_bytes = CheckedAdd(num_bytes, slice.slice.length).value_or(0);
        }
        const auto writes =
            is_shared ? ClientWrites::kReachTheSlices : ClientWrites::kStayInTheMapping;
        auto runs = MakeSlicesBacking(*slices, writes);
        if (num_bytes != ranges_.num_bytes || !runs->IsThere()) {
            WarnOfMissing(is_shared);
            return nullptr;
        }
        return runs;
    }

    // Once for each kind: an application may try for ever.
    [[gnu::cold]] void WarnOfMissing(bool is_shared) const {
        static OncePerKey told;
        const char *wanted = is_written_ ? "read and written" : "read";
        const char *how = is_shared ? " in place" : "";
        if (told.IsFirst(std::string(wanted) + how)) {
            LogWarning(
                "an application's memory at {:#x} ({} bytes in {} segments) cannot be {}{}: it is "
                "not mapped there, or protected",
                ranges_.segments.front().address, ranges_.num_bytes, ranges_.segments.size(),
                wanted, how);
        }
    }

    const std::shared_ptr<ClientMemory> client_;
    const CheckedSegments ranges_;
    const bool is_written_;
    const bool is_shared_;
    mutable std::array<Memory, 2> memory_;  // what stands for the pages, and the pages themselves
};

}  // namespace

Retained<IOMemoryDescriptor> DescriptorFromClient(std::shared_ptr<ClientMemory> client,
                                                  std::span<const IOAddressSegment> segments,
                                                  uint64_t options) {
    auto checked = Check(segments);
    if (!checked) {
        return nullptr;
    }
    const uint64_t num_bytes = checked->num_bytes;
    if (num_bytes == 0) {
        return NewDescriptor(MakeRunsBacking({}), options, 0);
    }
    return NewDescriptor(
        std::make_unique<ClientBacking>(std::move(client), *std::move(checked), options), options,
        num_bytes);
}

}  // namespace opendext::memory
