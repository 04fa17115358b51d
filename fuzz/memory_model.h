// SPDX-License-Identifier: Apache-2.0
/// @file memory_model.h
/// Which bytes a memory descriptor stands for: the model that memory_fuzz compares the runtime with.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

namespace opendext::memory {

inline constexpr uint64_t kPage = 4096;

inline void Require(bool holds) {
    if (!holds) {
        std::abort();
    }
}

class Input {
public:
    explicit Input(std::span<const uint8_t> bytes) : bytes_(bytes) {}

    bool is_empty() const { return bytes_.empty(); }
    uint64_t Take(size_t num_bytes) {
        uint64_t value = 0;
        const size_t count = std::min(num_bytes, bytes_.size());
        std::memcpy(&value, bytes_.data(), count);
        bytes_ = bytes_.subspan(count);
        return value;
    }
    /// Mostly a number around `limit`, sometimes a wild one.
    uint64_t TakeAround(uint64_t limit) {
        switch (Take(1) % 8) {
            case 0:
                return Take(8);
            case 1:
                return ~uint64_t{0} - Take(1);
            case 2:
                return 0;
            case 3:
                return limit;
            default:
                return Take(4) % (limit + 2);
        }
    }

private:
    std::span<const uint8_t> bytes_;
};

/// What a region holds.
using Shadow = std::vector<uint8_t>;

/// Contiguous bytes of a region.
struct Run {
    std::shared_ptr<Shadow> shadow;  ///< NULL: memory that is not there.
    uint64_t offset = 0;
    uint64_t length = 0;
    /// Of memory whose writes stay in the mapping: whether there were any, so that mappings differ from the
    /// region. NULL for all other memory.
    std::shared_ptr<bool> has_private_writes;
};
using Runs = std::vector<Run>;

inline Runs Slice(const Runs &runs, uint64_t offset, uint64_t length) {
    Runs slice;
    for (const Run &run : runs) {
        if (offset >= run.length) {
            offset -= run.length;
            continue;
        }
        const uint64_t here = std::min(length, run.length - offset);
        if (here != 0) {
            slice.push_back({run.shadow, run.offset + offset, here, run.has_private_writes});
        }
        length -= here;
        offset = 0;
    }
    Require(length == 0);
    return slice;
}

/// Adds `run`, to the last one if it continues it.
inline void Append(Runs &runs, const Run &run) {
    if (!runs.empty() && runs.back().shadow != nullptr && runs.back().shadow == run.shadow &&
        runs.back().offset + runs.back().length == run.offset) {
        runs.back().length += run.length;
    } else {
        runs.push_back(run);
    }
}

inline uint64_t LengthOf(const Runs &runs) {
    uint64_t length = 0;
    for (const Run &run : runs) {
        length += run.length;
    }
    return length;
}

inline bool IsThere(const Runs &runs) {
    return std::ranges::all_of(runs, [](const Run &run) { return run.shadow != nullptr; });
}

inline bool MeetOnPages(const Runs &runs) {
    for (size_t i = 1; i < runs.size(); ++i) {
        if (runs[i].offset % kPage != 0 || (runs[i - 1].offset + runs[i - 1].length) % kPage != 0) {
            return false;
        }
    }
    return true;
}

inline bool HasPrivateMemory(const Runs &runs) {
    return std::ranges::any_of(runs,
                               [](const Run &run) { return run.has_private_writes != nullptr; });
}

inline void RequireSame(const Run &run, const std::byte *bytes) {
    Require(std::memcmp(run.shadow->data() + run.offset, bytes, run.length) == 0);
}

/// For bytes that follow one another.
inline void RequireSame(const Runs &runs, const std::byte *bytes) {
    for (const Run &run : runs) {
        RequireSame(run, bytes);
        bytes += run.length;
    }
}

/// A mapping: where each run is.
class MappedRuns {
public:
    /// Runs that meet inside a page lie each in pages of its own, if they may have gaps at all.
    MappedRuns(Runs runs, std::byte *address, bool may_have_gaps) : runs_(std::move(runs)) {
        const bool has_gaps = may_have_gaps && !MeetOnPages(runs_);
        for (const Run &run : runs_) {
            addresses_.push_back(address);
            if (has_gaps) {
                const uint64_t in_page = run.offset % kPage;
                const uint64_t pages = (in_page + run.length + kPage - 1) / kPage;
                const size_t next = addresses_.size();
                const uint64_t next_in_page = next < runs_.size() ? runs_[next].offset % kPage : 0;
                address += pages * kPage - in_page + next_in_page;
            } else {
                address += run.length;
            }
        }
    }

    /// Compares the mapping with the model.
    void Check() const {
        for (size_t i = 0; i < runs_.size(); ++i) {
            if (runs_[i].has_private_writes == nullptr || !*runs_[i].has_private_writes) {
                RequireSame(runs_[i], addresses_[i]);
            }
        }
    }

    /// Writes a byte of the mapping, and of the model if it is to reach the region.
    void Write(uint64_t at, uint8_t value) {
        size_t i = 0;
        while (at >= runs_[i].length) {
            at -= runs_[i++].length;
        }
        addresses_[i][at] = std::byte{value};
        if (runs_[i].has_private_writes != nullptr) {
            *runs_[i].has_private_writes = true;
        } else {
            (*runs_[i].shadow)[runs_[i].offset + at] = value;
        }
    }

    uint64_t length() const { return LengthOf(runs_); }

private:
    Runs runs_;
    std::vector<std::byte *> addresses_;
};

}  // namespace opendext::memory
