// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "channel/transport/client_memory_lender.h"
#include "channel/wire/call.h"
#include "channel/wire/memory_question.h"

namespace opendext::channel {

/// One structure of one call that does not fit into a call slot (semantics.md 2.4): the application's own pages
/// while the call runs, or a copy of them. One thread.
class LentStructure {
public:
    explicit LentStructure(ClientMemoryLender &lender) : lender_(lender), copy_(lender.arena()) {}
    ~LentStructure();
    LentStructure(const LentStructure &) = delete;
    LentStructure &operator=(const LentStructure &) = delete;

    /// Lends an input. Where it cannot be read the slice has no region, the call goes on, and the driver's attempt
    /// to map it fails (semantics.md 2.9).
    /// @param is_written whether the driver may write to some of it during the call: then it gets a copy, which
    ///        stays as it is.
    /// @return 0, or kIOReturnNoMemory.
    [[nodiscard]] int32_t LendInput(const AppRange &range, bool is_written);

    /// As LendInput, for an output: what the driver does not write keeps the application's own bytes.
    [[nodiscard]] int32_t LendOutput(const AppRange &range);

    /// The driver has answered, and kept what it did. Brings back what it wrote.
    /// @return 0, or kIOReturnVMError where the application's memory is not writable.
    [[nodiscard]] int32_t TakeBack(Kept kept);

    [[nodiscard]] const AppRange &range() const { return range_; }
    [[nodiscard]] const SharedSlice &slice() const { return pages_ ? pages_->slice : copied_; }
    [[nodiscard]] WireSlice wire_slice() const;
    /// Whether the driver has a copy. One without a region, of what cannot be read, is none.
    [[nodiscard]] bool is_copy() const { return copied_.region != nullptr; }
    /// Of an input that is a copy: the application's pages, where they can be shared but not given up. Else NULL. Until
    /// TakeBack.
    [[nodiscard]] const LentPages *FindOwnPages();

private:
    [[nodiscard]] int32_t Copy();
    void TakeBackInputCopy(Kept kept);
    [[nodiscard]] int32_t TakeBackOutputCopy(bool is_kept);

    ClientMemoryLender &lender_;
    AppRange range_;
    bool is_output_ = false;
    std::optional<LentPages> pages_;
    std::optional<LentPages> own_pages_;
    ChunkLoan copy_;
    SharedSlice copied_;  // of the chunk
};

/// Whether two ranges have a byte in common. Neither overflows.
[[nodiscard]] bool RangesOverlap(const AppRange &a, const AppRange &b);

}  // namespace opendext::channel
