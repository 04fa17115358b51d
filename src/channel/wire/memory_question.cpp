// SPDX-License-Identifier: Apache-2.0
#include "channel/wire/memory_question.h"

#include <algorithm>
#include <optional>

#include "base/checked.h"

namespace opendext::channel {

namespace {

/// The sum of the lengths; nullopt when one is 0 or the sum does not fit.
template <typename Range>
std::optional<uint64_t> TotalLength(std::span<const Range> ranges) {
    std::optional<uint64_t> total = 0;
    for (const Range &range : ranges) {
        total = CheckedAdd(*total, range.length);
        if (range.length == 0 || !total) {
            return std::nullopt;
        }
    }
    return total;
}

}  // namespace

MemoryQuestion QuestionOf(const ClientMemoryRequest &request) {
    MemoryQuestion question = {};
    const auto segments =
        request.segments.first(std::min<size_t>(request.segments.size(), question.segments.size()));
    question.num_segments = static_cast<uint32_t>(segments.size());
    question.flags = (request.driver_writes ? kQuestionDriverWrites : 0) |
                     (request.is_shared ? kQuestionShared : 0);
    std::ranges::copy(segments, question.segments.begin());
    return question;
}

ClientMemoryRequest RequestOf(const MemoryQuestion &question) {
    return {.segments = std::span(question.segments).first(question.num_segments),
            .driver_writes = (question.flags & kQuestionDriverWrites) != 0,
            .is_shared = (question.flags & kQuestionShared) != 0};
}

bool QuestionIsValid(const MemoryQuestion &question) {
    if (question.num_segments == 0 || question.num_segments > kMaxClientSegments ||
        (question.flags & ~kQuestionKnownFlags) != 0) {
        return false;
    }
    const auto segments = std::span(question.segments).first(question.num_segments);
    const bool overflows = std::ranges::any_of(segments, [](const ClientSegment &segment) {
        return !CheckedAdd(segment.address, segment.length);
    });
    return !overflows && TotalLength(segments).has_value();
}

bool AnswerCovers(std::span<const WireSlice> slices, std::span<const ClientSegment> segments) {
    const auto given = TotalLength(slices);
    return !slices.empty() && slices.size() <= kMaxAnswerSlices && given &&
           given == TotalLength(segments);
}

}  // namespace opendext::channel
