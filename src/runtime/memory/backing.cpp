// SPDX-License-Identifier: Apache-2.0
#include "runtime/memory/backing.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/checked.h"
#include "runtime/memory/descriptor_state.h"

namespace opendext::memory {

namespace {

/// `length` bytes of `run` from `offset` on; they are within it.
Extent PartOf(const Extent &run, uint64_t offset, uint64_t length) {
    Extent part = run;
    part.slice.offset += offset;
    part.slice.length = length;
    if (part.device_address != nullptr) {
        part.device_address += offset;
    }
    return part;
}

class RunBacking final : public Backing {
public:
    explicit RunBacking(Extent extent) : extent_(std::move(extent)) {}

    bool Collect(Use /*use*/, uint64_t offset, uint64_t length,
                 std::vector<Extent> &extents) const override {
        if (!extent_.is_there() || !RangeIsWithin(offset, length, extent_.length())) {
            return false;
        }
        if (length != 0) {
            extents.push_back(PartOf(extent_, offset, length));
        }
        return true;
    }

    bool IsThere() const override { return extent_.is_there(); }

private:
    const Extent extent_;
};

class InputBacking final : public Backing {
public:
    InputBacking(Extent extent, std::shared_ptr<InputPages> pages)
        : copy_(std::move(extent)), pages_(std::move(pages)) {}

    void Fetch(Use use) const override {
        if (use == Use::kDma) {
            pages_->Fetch();
        }
    }

    bool Collect(Use use, uint64_t offset, uint64_t length,
                 std::vector<Extent> &extents) const override {
        if (use == Use::kMapping) {
            return copy_.Collect(use, offset, length, extents);
        }
        const SharedSlice *const pages = pages_->pages();
        const size_t num_before = extents.size();
        const bool is_there = pages != nullptr ? RunBacking({*pages, nullptr, nullptr, false})
                                                     .Collect(use, offset, length, extents)
                                               : copy_.Collect(use, offset, length, extents);
        for (size_t i = num_before; i < extents.size(); ++i) {
            extents[i].keeper = pages_;
        }
        return is_there;
    }

    bool IsThere() const override { return copy_.IsThere(); }

private:
    const RunBacking copy_;
    const std::shared_ptr<InputPages> pages_;
};

class RunsBacking final : public Backing {
public:
    explicit RunsBacking(std::vector<Extent> runs) {
        for (Extent &run : runs) {
            is_there_ = is_there_ && run.is_there();
            const uint64_t length = run.length();
            runs_.push_back({total_, std::move(run)});
            total_ += length;
        }
    }

    bool Collect(Use /*use*/, uint64_t offset, uint64_t length,
                 std::vector<Extent> &extents) const override {
        if (!is_there_ || !RangeIsWithin(offset, length, total_)) {
            return false;
        }
        if (length == 0) {
            return true;
        }
        const size_t num_before = extents.size();
        auto run = std::prev(std::ranges::upper_bound(runs_, offset, {}, &Run::offset));
        for (; length != 0; ++run) {
            const uint64_t in_run = offset - run->offset;
            const uint64_t here = std::min(length, run->extent.length() - in_run);
            if (extents.size() != num_before && Continues(extents.back(), run->extent)) {
                extents.back().slice.length += here;
            } else {
                extents.push_back(PartOf(run->extent, in_run, here));
            }
            offset += here;
            length -= here;
        }
        return true;
    }

    bool IsThere() const override { return is_there_; }
    bool MayHaveGaps() const override { return true; }

private:
    struct Run {
        uint64_t offset = 0;
        Extent extent;
    };

    static bool Continues(const Extent &before, const Extent &after) {
        return before.slice.region != nullptr && before.slice.region == after.slice.region &&
               before.slice.offset + before.slice.length == after.slice.offset;
    }

    std::vector<Run> runs_;  // by offset; none is empty
    uint64_t total_ = 0;
    bool is_there_ = true;
};

class PartBacking final : public Backing {
public:
    PartBacking(IOMemoryDescriptor *parent, uint64_t offset)
        : parent_(Retain(parent)), offset_(offset) {}

    void Fetch(Use use) const override { FetchMemory(*parent_, use); }

    bool Collect(Use use, uint64_t offset, uint64_t length,
                 std::vector<Extent> &extents) const override {
        const auto in_parent = CheckedAdd(offset_, offset);
        return in_parent && CollectExtents(*parent_, use, *in_parent, length, extents);
    }

    bool IsThere() const override { return MemoryIsThere(*parent_); }

private:
    const Retained<IOMemoryDescriptor> parent_;
    const uint64_t offset_;
};

class ConcatenationBacking final : public Backing {
public:
    explicit ConcatenationBacking(std::vector<ConcatenatedPart> parts) : parts_(std::move(parts)) {}

    void Fetch(Use use) const override {
        for (const ConcatenatedPart &part : parts_) {
            FetchMemory(*part.descriptor, use);
        }
    }

    bool Collect(Use use, uint64_t offset, uint64_t length,
                 std::vector<Extent> &extents) const override {
        for (const ConcatenatedPart &part : parts_) {
            if (offset >= part.length) {
                offset -= part.length;
                continue;
            }
            const uint64_t here = std::min(length, part.length - offset);
            if (here != 0 && !CollectExtents(*part.descriptor, use, offset, here, extents)) {
                return false;
            }
            length -= here;
            offset = 0;
        }
        return length == 0;
    }

    bool IsThere() const override {
        return std::ranges::all_of(
            parts_, [](const ConcatenatedPart &part) { return MemoryIsThere(*part.descriptor); });
    }

private:
    const std::vector<ConcatenatedPart> parts_;
};

}  // namespace

std::unique_ptr<Backing> MakeRunBacking(Extent extent) {
    return std::make_unique<RunBacking>(std::move(extent));
}

std::unique_ptr<Backing> MakeInputBacking(Extent extent, std::shared_ptr<InputPages> pages) {
    return std::make_unique<InputBacking>(std::move(extent), std::move(pages));
}

std::unique_ptr<Backing> MakeRunsBacking(std::vector<Extent> extents) {
    return std::make_unique<RunsBacking>(std::move(extents));
}

std::unique_ptr<Backing> MakePartBacking(IOMemoryDescriptor *parent, uint64_t offset) {
    return std::make_unique<PartBacking>(parent, offset);
}

std::unique_ptr<Backing> MakeConcatenationBacking(std::vector<ConcatenatedPart> parts) {
    return std::make_unique<ConcatenationBacking>(std::move(parts));
}

std::expected<Window, int> OpenWindow(const Extent &extent, MapAccess access) {
    const SharedSlice &slice = extent.slice;
    if (slice.region == nullptr) {
        return Window{extent.device_address, extent.length(), extent.keeper};
    }
    auto view = slice.region->CoveringView(slice.offset, slice.length, access);
    if (!view) {
        return std::unexpected(view.error());
    }
    std::byte *address = (*view)->address() + (slice.offset - (*view)->offset());
    return Window{address, extent.length(), std::move(*view)};
}

}  // namespace opendext::memory
