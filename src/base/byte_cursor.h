// SPDX-License-Identifier: Apache-2.0
/// @file byte_cursor.h
/// Numbers in bytes that came from, or go, outside: packets and files whose byte order is not this machine's.
/// Plain values; one thread at a time.
#pragma once

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

namespace opendext {

/// Takes numbers off the front of bytes. What is not there reads as 0 and makes the cursor fail for good, so that a
/// record is read as a whole and asked about once.
class ByteReader {
public:
    ByteReader(std::span<const std::byte> bytes, std::endian order)
        : bytes_(bytes), order_(order) {}

    template <std::integral T>
    T Take() {
        T value = 0;
        const std::span<const std::byte> bytes = TakeBytes(sizeof(T));
        if (bytes.size() == sizeof(T)) {
            std::memcpy(&value, bytes.data(), sizeof(T));
        }
        return order_ == std::endian::native ? value : std::byteswap(value);
    }

    /// Empty, and failed, when fewer are left.
    std::span<const std::byte> TakeBytes(size_t num_bytes) {
        if (num_bytes > left()) {
            failed_ = true;
            return {};
        }
        offset_ += num_bytes;
        return bytes_.subspan(offset_ - num_bytes, num_bytes);
    }

    void Skip(size_t num_bytes) { (void)TakeBytes(num_bytes); }

    /// Nothing was asked for that is not there.
    [[nodiscard]] bool ok() const { return !failed_; }
    [[nodiscard]] size_t offset() const { return offset_; }
    [[nodiscard]] size_t left() const { return failed_ ? 0 : bytes_.size() - offset_; }

private:
    std::span<const std::byte> bytes_;
    std::endian order_;
    size_t offset_ = 0;
    bool failed_ = false;
};

/// Appends numbers to bytes.
class ByteWriter {
public:
    /// `bytes` is used as long as the writer.
    ByteWriter(std::vector<std::byte> &bytes, std::endian order) : bytes_(bytes), order_(order) {}

    template <std::integral T>
    ByteWriter &Put(T value) {
        const T ordered = order_ == std::endian::native ? value : std::byteswap(value);
        return PutBytes(std::as_bytes(std::span(&ordered, 1)));
    }

    ByteWriter &PutBytes(std::span<const std::byte> bytes) {
        bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
        return *this;
    }

    ByteWriter &PutZeros(size_t num_bytes) {
        bytes_.resize(bytes_.size() + num_bytes);
        return *this;
    }

private:
    std::vector<std::byte> &bytes_;
    std::endian order_;
};

}  // namespace opendext
