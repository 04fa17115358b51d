// SPDX-License-Identifier: Apache-2.0
/// @file checked.h
/// Arithmetic on numbers that came from outside. Every function is total: what does not fit is nullopt or
/// false, never wrapped. Pure; any thread.
#pragma once

#include <concepts>
#include <optional>
#include <type_traits>
#include <utility>

namespace opendext {

/// a + b, or nullopt when it does not fit.
template <std::unsigned_integral T>
[[nodiscard]] constexpr std::optional<T> CheckedAdd(T a, std::type_identity_t<T> b) {
    T sum = 0;
    if (__builtin_add_overflow(a, b, &sum)) {
        return std::nullopt;
    }
    return sum;
}

/// a - b, or nullopt when b is larger.
template <std::unsigned_integral T>
[[nodiscard]] constexpr std::optional<T> CheckedSubtract(T a, std::type_identity_t<T> b) {
    if (b > a) {
        return std::nullopt;
    }
    return static_cast<T>(a - b);
}

/// a * b, or nullopt when it does not fit.
template <std::unsigned_integral T>
[[nodiscard]] constexpr std::optional<T> CheckedMultiply(T a, std::type_identity_t<T> b) {
    T product = 0;
    if (__builtin_mul_overflow(a, b, &product)) {
        return std::nullopt;
    }
    return product;
}

/// `value` as a `To`, or nullopt when `To` cannot hold it.
template <std::integral To, std::integral From>
[[nodiscard]] constexpr std::optional<To> CheckedCast(From value) {
    if (!std::in_range<To>(value)) {
        return std::nullopt;
    }
    return static_cast<To>(value);
}

/// `value` rounded up to a multiple of `alignment`, which is a power of two; nullopt when it does not fit.
template <std::unsigned_integral T>
[[nodiscard]] constexpr std::optional<T> CheckedAlignUp(T value,
                                                        std::type_identity_t<T> alignment) {
    const T mask = static_cast<T>(alignment - 1);
    const std::optional<T> sum = CheckedAdd(value, mask);
    if (!sum) {
        return std::nullopt;
    }
    return static_cast<T>(*sum & static_cast<T>(~mask));
}

/// Whether the range of `length` that starts at `offset` lies within [0, limit]. An empty range at `limit`
/// does.
template <std::unsigned_integral T>
[[nodiscard]] constexpr bool RangeIsWithin(T offset, std::type_identity_t<T> length,
                                           std::type_identity_t<T> limit) {
    return offset <= limit && length <= limit - offset;
}

}  // namespace opendext
