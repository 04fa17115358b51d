// SPDX-License-Identifier: Apache-2.0
/// @file input_pages.h
/// What a device reaches of an application's large structure, where mappings show a copy of it (semantics.md 2.9).
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>

#include "base/shared_region.h"

namespace opendext::memory {

/// The application's own pages of one structure. Whoever has the application is asked when the structure is first prepared
/// for DMA, at the latest when its call ends and the driver keeps it; for most structures nobody is. Shared by the
/// call, the descriptor and its preparations. Any thread.
class InputPages {
public:
    /// Whom to ask. Implemented above this room.
    class Source {
    public:
        /// The pages, as many bytes as the structure. It may wait a moment for the application. One thread at a time.
        /// @return nullopt: the copy is all there is.
        virtual std::optional<SharedSlice> OwnPages() = 0;

    protected:
        ~Source() = default;
    };

    /// `source` may be NULL; it is used until Close.
    explicit InputPages(Source *source) : source_(source) {}
    InputPages(const InputPages &) = delete;
    InputPages &operator=(const InputPages &) = delete;

    /// Asks, once.
    void Fetch();

    /// The call ends: what was not asked for by now is the copy. Waits for who asks.
    void Close();

    /// NULL: the copy, as far as is known.
    [[nodiscard]] const SharedSlice *pages() const {
        return pages_.load(std::memory_order_acquire);
    }

private:
    std::mutex asking_;
    Source *source_;                    // guarded by asking_; NULL: not to be asked, or not again
    std::optional<SharedSlice> owned_;  // guarded by asking_; set once
    std::atomic<const SharedSlice *> pages_ = nullptr;
};

/// Whether memory that is held by a descriptor is prepared for DMA too: by it, by a part of it or by a concatenation with
/// it. @param pages what the descriptor was made with; the descriptor exists.
[[nodiscard]] bool IsPreparedForDma(const std::weak_ptr<InputPages> &pages);

}  // namespace opendext::memory
