// SPDX-License-Identifier: Apache-2.0
/// @file session_input.h
/// What the fuzz targets of USB sessions share.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <span>
#include <type_traits>

#include "base/log.h"

namespace opendext::fuzz {

inline void Require(bool truth) {
    if (!truth) {
        std::abort();
    }
}

/// Takes numbers off the front of the input; 0 when it is used up.
class SessionInput {
public:
    explicit SessionInput(std::span<const uint8_t> bytes) : bytes_(bytes) {}

    [[nodiscard]] bool IsEmpty() const { return bytes_.empty(); }
    template <typename T = uint8_t>
    T Take() {
        static_assert(std::is_trivially_copyable_v<T>);
        T value = {};
        const auto taken = bytes_.first(std::min(sizeof(T), bytes_.size()));
        std::ranges::copy(taken, reinterpret_cast<uint8_t *>(&value));
        bytes_ = bytes_.subspan(taken.size());
        return value;
    }
    /// Small numbers and the edges of large ones are likelier than others.
    uint64_t TakeNumber() {
        const uint8_t choice = Take();
        switch (choice >> 5) {
            case 0:
                return choice;
            case 1:
                return uint64_t{choice & 0x1FU} << 8 | Take();
            case 2:
                return uint64_t{1} << (choice & 0x1FU);
            case 3:
                return ~uint64_t{choice & 0x1FU};
            case 4:
                return (uint64_t{1} << 32) + (choice & 0x1FU) - 16;
            default:
                return choice == 0xFF ? Take<uint64_t>() : uint64_t{choice & 0x1FU} * 8;
        }
    }

private:
    std::span<const uint8_t> bytes_;
};

inline size_t NumOpenFiles() {
    const std::filesystem::directory_iterator files("/proc/self/fd");
    return static_cast<size_t>(std::distance(begin(files), end(files)));
}

/// Nothing is said of each of the many peers that are cut off.
inline void LogNothing() {
    static const bool kIsSet = [] {
        SetLogSink([](LogLevel, std::string_view) {});
        return true;
    }();
    (void)kIsSet;
}

}  // namespace opendext::fuzz
