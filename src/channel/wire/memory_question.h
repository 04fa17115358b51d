// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include "channel/wire/call.h"

/// What a driver process asks an application for memory with, and the application's answer: a
/// ClientMemoryRequest as it stands in the call region or in a message. Nothing of either is believed before
/// it was copied and checked.
namespace opendext::channel {

/// A range of a region that the application registered over the control connection.
struct WireSlice {
    uint64_t region_id;  ///< 0: the range was not readable in the app.
    uint64_t offset;     ///< Bytes from the region's start; 0 without a region.
    uint64_t length;     ///< Bytes, not 0.
};
static_assert(sizeof(WireSlice) == 24 && std::is_trivially_copyable_v<WireSlice>);

/// MemoryQuestion::flags: ClientMemoryRequest's.
inline constexpr uint32_t kQuestionDriverWrites = 1;
inline constexpr uint32_t kQuestionShared = 2;
inline constexpr uint32_t kQuestionKnownFlags = 3;

struct MemoryQuestion {
    uint32_t num_segments;  ///< 1 to kMaxClientSegments.
    uint32_t flags;         ///< kQuestion*.
    std::array<ClientSegment, kMaxClientSegments> segments;
};
static_assert(sizeof(MemoryQuestion) == 8 + 16 * kMaxClientSegments);
static_assert(std::is_trivially_copyable_v<MemoryQuestion>);

/// Slices that an answer may have: of each segment its two partly shared ends and what lies between, and more.
inline constexpr uint32_t kMaxAnswerSlices = 160;

struct MemoryAnswerHeader {
    int32_t result;       ///< With any other than 0 there are no slices.
    uint32_t num_slices;  ///< At most kMaxAnswerSlices.
};
static_assert(sizeof(MemoryAnswerHeader) == 8 && std::is_trivially_copyable_v<MemoryAnswerHeader>);

struct MemoryAnswer {
    MemoryAnswerHeader header;
    std::array<WireSlice, kMaxAnswerSlices> slices;
};
static_assert(std::is_trivially_copyable_v<MemoryAnswer>);

/// The request in its form for the application. At most kMaxClientSegments segments.
[[nodiscard]] MemoryQuestion QuestionOf(const ClientMemoryRequest &request);

/// A private copy of a question as a request, which borrows the copy's segments.
[[nodiscard]] ClientMemoryRequest RequestOf(const MemoryQuestion &question);

/// Checks a private copy of a question: counts, flags, and that neither a segment nor their sum overflows.
[[nodiscard]] bool QuestionIsValid(const MemoryQuestion &question);

/// Checks private copies of an answer's slices: together exactly as long as the segments. Whether they lie in
/// regions that the application registered is checked where those are known.
[[nodiscard]] bool AnswerCovers(std::span<const WireSlice> slices,
                                std::span<const ClientSegment> segments);

}  // namespace opendext::channel
