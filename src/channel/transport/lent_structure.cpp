// SPDX-License-Identifier: Apache-2.0
#include "channel/transport/lent_structure.h"

#include <utility>

#include "base/mapping.h"
#include "channel/wire/io_result.h"

namespace opendext::channel {

LentStructure::~LentStructure() {
    if (pages_ && is_output_) {
        lender_.memory().Unpin(*pages_->slice.region);
    }
}

int32_t LentStructure::LendInput(const AppRange &range, bool is_written) {
    range_ = range;
    if (!is_written && (range.length >= RecentRanges::kSmallestShared || lender_.HasKeptInputs())) {
        pages_ = lender_.FindOrShare(range, MapAccess::kReadOnly, AppMemory::Pins::kNone);
    }
    return pages_ ? kSuccess : Copy();
}

const LentPages *LentStructure::FindOwnPages() {
    if (!own_pages_ && !is_output_ && copied_.region != nullptr) {
        own_pages_ = lender_.FindFile(range_, MapAccess::kReadOnly);
    }
    return own_pages_ ? &*own_pages_ : nullptr;
}

int32_t LentStructure::LendOutput(const AppRange &range) {
    range_ = range;
    is_output_ = true;
    pages_ = lender_.FindOrShare(range, MapAccess::kReadWrite, AppMemory::Pins::kOneEach);
    if (pages_) {
        return kSuccess;
    }
    pages_ = lender_.FindFile(range, MapAccess::kReadWrite);
    if (!pages_) {
        return Copy();
    }
    lender_.memory().Pin(*pages_->slice.region);  // a file: no fork takes it
    return kSuccess;
}

int32_t LentStructure::Copy() {
    copied_ = {.region = nullptr, .offset = 0, .length = range_.length};
    if (!copy_.Take(range_.length, is_output_ ? Passage::kThereAndBack : Passage::kThere)) {
        return kIoNoMemory;
    }
    // At the same place in its page: so it can take the place of the application's own pages.
    const uint64_t in_page = range_.address % PageSize();
    const auto *const source = reinterpret_cast<const std::byte *>(range_.address);
    const auto announce = [this] { lender_.ExpectCall(); };
    if (copy_.FillAndAnnounce(in_page, source, range_.length, announce) == range_.length) {
        copied_ = {.region = copy_.chunk().region, .offset = in_page, .length = range_.length};
    }
    return kSuccess;
}

WireSlice LentStructure::wire_slice() const {
    if (pages_) {
        return pages_->wire_slice();
    }
    const bool is_readable = copied_.region != nullptr;
    return {is_readable ? copy_.chunk().region_id : 0, copied_.offset, copied_.length};
}

int32_t LentStructure::TakeBack(Kept kept) {
    if (pages_) {
        if (kept == Kept::kPages) {
            // It stays: an output's own pin ends with the call.
            lender_.memory().Pin(*pages_->slice.region);
        } else if (kept == Kept::kBytes) {
            lender_.Leave(range_, *std::exchange(pages_, std::nullopt));
        }
        return kSuccess;
    }
    if (copied_.region == nullptr) {
        return kSuccess;  // the driver had nothing to read or write
    }
    if (is_output_) {
        return TakeBackOutputCopy(kept != Kept::kNothing);
    }
    TakeBackInputCopy(kept);
    return kSuccess;
}

void LentStructure::TakeBackInputCopy(Kept kept) {
    if (kept == Kept::kPages && !own_pages_ &&
        lender_.Replace(range_, copied_, copy_.chunk(), AppMemory::Contents::kOfTheRange)) {
        (void)copy_.Detach();
    } else if (kept != Kept::kNothing) {
        copy_.Abandon();
    }
}

int32_t LentStructure::TakeBackOutputCopy(bool is_kept) {
    if (is_kept &&
        lender_.Replace(range_, copied_, copy_.chunk(), AppMemory::Contents::kOfTheSlice)) {
        (void)copy_.Detach();
        return kSuccess;
    }
    void *const destination = reinterpret_cast<void *>(range_.address);
    const bool is_back =
        copy_.CopyBack(copied_.offset, destination, range_.length) == range_.length;
    if (is_kept) {
        copy_.Abandon();
    }
    return is_back ? kSuccess : kIoVmError;
}

bool RangesOverlap(const AppRange &a, const AppRange &b) {
    return a.address < b.address + b.length && b.address < a.address + a.length;
}

}  // namespace opendext::channel
