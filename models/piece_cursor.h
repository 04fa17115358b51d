// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace opendext::models {

/// A place in the pieces of a request's buffer, from the beginning to the end. Borrows them.
class PieceCursor {
public:
    explicit PieceCursor(std::span<const std::span<std::byte>> pieces) : pieces_(pieces) {
        SkipEmpty();
    }

    [[nodiscard]] bool AtEnd() const { return pieces_.empty(); }

    /// The next bytes that lie together: at most `most`, none at the end.
    [[nodiscard]] std::span<std::byte> Peek(size_t most) const {
        return AtEnd() ? std::span<std::byte>()
                       : pieces_[0].subspan(offset_, std::min(most, pieces_[0].size() - offset_));
    }

    /// Goes on by no more than Peek has given.
    void Advance(size_t num_bytes) {
        offset_ += num_bytes;
        SkipEmpty();
    }

private:
    void SkipEmpty() {
        while (!pieces_.empty() && offset_ == pieces_[0].size()) {
            pieces_ = pieces_.subspan(1);
            offset_ = 0;
        }
    }

    std::span<const std::span<std::byte>> pieces_;
    size_t offset_ = 0;
};

/// Copies until either is at its end. @return how many bytes.
inline uint64_t CopyPieces(PieceCursor &from, PieceCursor &to) {
    uint64_t num_bytes = 0;
    while (!from.AtEnd() && !to.AtEnd()) {
        const std::span<std::byte> room = to.Peek(SIZE_MAX);
        const std::span<std::byte> bytes = from.Peek(room.size());
        std::copy(bytes.begin(), bytes.end(), room.begin());
        from.Advance(bytes.size());
        to.Advance(bytes.size());
        num_bytes += bytes.size();
    }
    return num_bytes;
}

}  // namespace opendext::models
