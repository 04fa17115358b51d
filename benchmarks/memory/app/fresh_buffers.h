// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace opendext::bench {

/// Anonymous memory in a mapping of its own, at an address that was not used before, not touched yet.
class FreshPages {
public:
    /// @return one line when there is no memory.
    [[nodiscard]] static std::expected<FreshPages, std::string> Map(size_t num_bytes);

    FreshPages() = default;
    FreshPages(FreshPages &&other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
    FreshPages &operator=(FreshPages &&other) noexcept {
        std::swap(bytes_, other.bytes_);
        return *this;
    }
    ~FreshPages();

    [[nodiscard]] std::span<std::byte> bytes() const { return bytes_; }

    /// Writes one byte of each page.
    void Touch();

private:
    std::span<std::byte> bytes_;
};

/// Buffers of one size that nobody has used, as malloc places them: small ones next to each other, each large one in
/// a mapping of its own. Large ones start on a page, which is best for all that they are compared with.
class FreshBuffers {
public:
    [[nodiscard]] static std::expected<FreshBuffers, std::string> Make(size_t num_bytes,
                                                                       size_t count);

    /// Fills a buffer as an application does before it sends it. The first and the last word are `word`.
    [[nodiscard]] std::span<std::byte> Fill(size_t index, uint32_t word);

private:
    FreshBuffers(size_t num_bytes, size_t stride) : num_bytes_(num_bytes), stride_(stride) {}

    size_t num_bytes_;
    size_t stride_;  // 0: each in its own mapping
    std::vector<FreshPages> mappings_;
};

/// Makes the first and the last word of a buffer `word`.
void Stamp(std::span<std::byte> buffer, uint32_t word);

}  // namespace opendext::bench
