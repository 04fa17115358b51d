// SPDX-License-Identifier: Apache-2.0
/// @file fuzz_input.h
/// What fuzz targets that take steps from their input share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace opendext {

/// Ends the run when something that always holds does not.
inline void Require(bool truth) {
    if (!truth) {
        std::abort();
    }
}

/// Takes numbers off the front of the input; 0 when it is used up.
class FuzzInput {
public:
    FuzzInput(const uint8_t *data, size_t num_bytes) : data_(data), left_(num_bytes) {}

    [[nodiscard]] bool IsEmpty() const { return left_ == 0; }
    /// The first byte taken is the most significant; up to 8 of them.
    uint64_t Take(size_t num_bytes) {
        uint64_t value = 0;
        for (; num_bytes != 0 && left_ != 0; --num_bytes, --left_) {
            value = value << 8 | *data_++;
        }
        return value;
    }

private:
    const uint8_t *data_;
    size_t left_;
};

}  // namespace opendext
