// SPDX-License-Identifier: Apache-2.0
// Sequences of what an application may do with its memory between what AppMemory does with it, against a model: the
// application sees its own bytes at any time, and a slice shows the bytes of the range that was asked for.
#include <sys/mman.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "base/mapping.h"
#include "channel/memory/app_memory.h"

namespace {

using namespace opendext;           // NOLINT(google-build-using-namespace)
using namespace opendext::channel;  // NOLINT(google-build-using-namespace)

constexpr uint64_t kNumPages = 24;
constexpr size_t kMaxSteps = 200;

void Require(bool condition) {
    if (!condition) {
        std::abort();
    }
}

/// The next bytes of the input; zeros at its end.
class Input {
public:
    Input(const uint8_t *data, size_t size) : data_(data), size_(size) {}
    uint64_t Below(uint64_t limit) {
        const uint64_t high = Next();
        return (high << 8 | Next()) % limit;
    }
    [[nodiscard]] bool is_empty() const { return at_ >= size_; }

private:
    uint64_t Next() { return at_ < size_ ? data_[at_++] : 0; }

    const uint8_t *const data_;
    const size_t size_;
    size_t at_ = 0;
};

class Sequence {
public:
    explicit Sequence(Input &input)
        : input_(input), page_(PageSize()), bytes_(kNumPages * page_), protection_(kNumPages, -1) {
        base_ = static_cast<std::byte *>(mmap(nullptr, bytes_.size(), PROT_NONE,
                                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
        Require(base_ != MAP_FAILED);
    }
    ~Sequence() {
        munmap(base_, bytes_.size());
        memory_.Sweep();
    }
    Sequence(const Sequence &) = delete;
    Sequence &operator=(const Sequence &) = delete;

    void Step() {
        const uint64_t start = input_.Below(kNumPages);
        const uint64_t end = start + 1 + input_.Below(kNumPages - start);
        switch (input_.Below(9)) {
            case 0:
                return Map(start, end);
            case 1:
                return Unmap(start, end);
            case 2:
                return Protect(start, end);
            case 3:
                return Write(start, end);
            case 4:
                return Leave(start, end);
            case 5:
                return Discard(start, end);
            case 6:
                return Replace(start, end);
            default:
                return Share(start, end);
        }
    }

    void Check() const {
        for (uint64_t page = 0; page < kNumPages; ++page) {
            if (protection_[page] > PROT_NONE) {
                Require(std::memcmp(base_ + page * page_, bytes_.data() + page * page_, page_) ==
                        0);
            }
        }
    }

private:
    template <typename Predicate>
    [[nodiscard]] bool All(uint64_t start, uint64_t end, Predicate predicate) const {
        return std::all_of(protection_.begin() + static_cast<ptrdiff_t>(start),
                           protection_.begin() + static_cast<ptrdiff_t>(end), predicate);
    }
    [[nodiscard]] bool IsReadable(uint64_t start, uint64_t end) const {
        return All(start, end, [](int protection) { return protection > PROT_NONE; });
    }
    [[nodiscard]] bool IsWritable(uint64_t start, uint64_t end) const {
        return All(start, end, [](int protection) { return protection > PROT_READ; });
    }
    [[nodiscard]] bool IsMapped(uint64_t start, uint64_t end) const {
        return All(start, end, [](int protection) { return protection >= PROT_NONE; });
    }
    /// A part of the pages, from somewhere in the first to somewhere in the last.
    [[nodiscard]] AppRange RangeIn(uint64_t start, uint64_t end) {
        const uint64_t skipped = input_.Below(page_);
        const uint64_t left_out = input_.Below(page_ - (end - start == 1 ? skipped : 0));
        return {reinterpret_cast<uint64_t>(base_) + start * page_ + skipped,
                (end - start) * page_ - skipped - left_out};
    }
    [[nodiscard]] const std::byte *Expected(const AppRange &range) const {
        return bytes_.data() + (range.address - reinterpret_cast<uint64_t>(base_));
    }
    void Fill(uint64_t start, uint64_t end, std::byte value) {
        std::fill(bytes_.begin() + static_cast<ptrdiff_t>(start * page_),
                  bytes_.begin() + static_cast<ptrdiff_t>(end * page_), value);
    }

    void Map(uint64_t start, uint64_t end) {
        Require(mmap(base_ + start * page_, (end - start) * page_, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED);
        std::fill(protection_.begin() + static_cast<ptrdiff_t>(start),
                  protection_.begin() + static_cast<ptrdiff_t>(end), PROT_READ | PROT_WRITE);
        Fill(start, end, std::byte{0});
    }
    void Unmap(uint64_t start, uint64_t end) {
        // Nothing of anybody else's gets there meanwhile.
        Require(mmap(base_ + start * page_, (end - start) * page_, PROT_NONE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) != MAP_FAILED);
        std::fill(protection_.begin() + static_cast<ptrdiff_t>(start),
                  protection_.begin() + static_cast<ptrdiff_t>(end), -1);
    }
    void Protect(uint64_t start, uint64_t end) {
        const uint64_t choice = input_.Below(3);
        const int protection =
            choice == 0 ? PROT_NONE : (choice == 1 ? PROT_READ : PROT_READ | PROT_WRITE);
        if (IsMapped(start, end)) {
            Require(mprotect(base_ + start * page_, (end - start) * page_, protection) == 0);
            std::fill(protection_.begin() + static_cast<ptrdiff_t>(start),
                      protection_.begin() + static_cast<ptrdiff_t>(end), protection);
        }
    }
    void Write(uint64_t start, uint64_t end) {
        if (IsWritable(start, end)) {
            const auto value = static_cast<std::byte>(input_.Below(256));
            std::memset(base_ + start * page_, static_cast<int>(value), (end - start) * page_);
            Fill(start, end, value);
        }
    }
    void Share(uint64_t start, uint64_t end) {
        const AppRange range = RangeIn(start, end);
        const bool writes = input_.Below(2) == 1;
        const MapAccess access = writes ? MapAccess::kReadWrite : MapAccess::kReadOnly;
        const auto slices = memory_.Share(range, access);
        const bool is_allowed = writes ? IsWritable(start, end) : IsReadable(start, end);
        Require(slices.has_value() == is_allowed);
        if (slices) {
            CheckSlices(*slices, range, writes);
            const auto found = memory_.Find(range, access);
            Require(found.has_value() == (slices->size() == 1));
            Require(!found || (found->region == slices->front().region &&
                               found->offset == slices->front().offset));
        }
    }
    void CheckSlices(const std::vector<SharedSlice> &slices, const AppRange &range, bool writes) {
        const std::byte *expected = Expected(range);
        for (const SharedSlice &slice : slices) {
            Require(std::memcmp(slice.region->ReadOnly() + slice.offset, expected, slice.length) ==
                    0);
            expected += slice.length;
        }
        Require(expected == Expected(range) + range.length);
        if (writes) {
            // As a driver would.
            std::byte *const first = slices.front().region->Writable() + slices.front().offset;
            *first = static_cast<std::byte>(input_.Below(256));
            bytes_[range.address - reinterpret_cast<uint64_t>(base_)] = *first;
        }
    }
    void Leave(uint64_t start, uint64_t end) {
        const AppRange range = RangeIn(start, end);
        const auto before = memory_.Find(range, MapAccess::kReadOnly);
        if (memory_.Leave(range) && before && IsWritable(start, end)) {
            const auto after = memory_.Find(range, MapAccess::kReadOnly);
            // Pinned by Replace, or moved.
            Require(after.has_value());
        }
    }
    void Discard(uint64_t start, uint64_t end) {
        if (IsWritable(start, end)) {
            Require(madvise(base_ + start * page_, (end - start) * page_, MADV_DONTNEED) == 0);
            memory_.Discard(
                {reinterpret_cast<uint64_t>(base_) + start * page_, (end - start) * page_});
            Fill(start, end, std::byte{0});
        }
    }
    void Replace(uint64_t start, uint64_t end) {
        const AppRange range = RangeIn(start, end);
        auto region = SharedRegion::Create((end - start) * page_, "fuzz");
        Require(region.has_value());
        const auto value = static_cast<std::byte>(input_.Below(256));
        std::memset((*region)->Writable(), static_cast<int>(value), (end - start) * page_);
        const auto contents = input_.Below(2) == 0 ? AppMemory::Contents::kOfTheSlice
                                                   : AppMemory::Contents::kOfTheRange;
        const SharedSlice slice{*region, range.address % page_, range.length};
        if (memory_.Replace(range, slice, contents) &&
            contents == AppMemory::Contents::kOfTheSlice) {
            Require(IsWritable(start, end));
            std::fill_n(bytes_.begin() + (Expected(range) - bytes_.data()), range.length, value);
        }
    }

    Input &input_;
    AppMemory &memory_ = AppMemory::OfThisProcess();
    const uint64_t page_;
    std::vector<std::byte> bytes_;
    std::vector<int> protection_;  // of each page; -1: not mapped
    std::byte *base_ = nullptr;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Input input(data, size);
    Sequence sequence(input);
    for (size_t step = 0; step < kMaxSteps && !input.is_empty(); ++step) {
        sequence.Step();
        sequence.Check();
    }
    return 0;
}
