// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/memory/app/sweep.h"

#include <algorithm>
#include <chrono>
#include <span>

#include <fmt/format.h>

#include "benchmarks/memory/app/fresh_buffers.h"
#include "benchmarks/samples.h"

namespace opendext::bench {

namespace {

using Result = std::expected<void, std::string>;
using Clock = std::chrono::steady_clock;

constexpr uint64_t kLeastBytes = 4;
constexpr uint64_t kGrowth = 4;

// Each round measures every way once, so that what else the machine does falls on all alike. What takes seconds to
// fill is measured in one round.
constexpr size_t kRounds = 3;
constexpr uint64_t kLargeBytes = 256ULL << 20;
constexpr std::chrono::milliseconds kTimePerRound{25};
constexpr std::chrono::milliseconds kLargeWarmUp{300};
constexpr size_t kMaxSamplesPerRound = 2000;
constexpr size_t kLeastLargeSamples = 3;

// Fresh buffers are made this many bytes at a time.
constexpr uint64_t kBytesPerBatch = 16ULL << 20;

/// When a round of one way and use has enough samples.
class RoundEnd {
public:
    explicit RoundEnd(uint64_t num_bytes)
        : num_least_(num_bytes >= kLargeBytes ? kLeastLargeSamples : 1) {}

    [[nodiscard]] bool IsReached(size_t num_samples) const {
        return num_samples >= kMaxSamplesPerRound ||
               (num_samples >= num_least_ && Clock::now() >= deadline_);
    }

private:
    const size_t num_least_;
    const Clock::time_point deadline_ = Clock::now() + kTimePerRound;
};

/// One way and use with buffers of one size.
class TransferTimer {
public:
    TransferTimer(Way &way, BufferUse use, uint64_t num_bytes)
        : way_(way),
          use_(use),
          num_bytes_(num_bytes),
          moves_per_sample_(way.MovesPerSample(num_bytes)) {
        samples_.Reserve(kRounds * kMaxSamplesPerRound);
    }

    [[nodiscard]] Result RunRound() {
        return use_ == BufferUse::kOneShot ? RunOneShot() : RunReused();
    }

    [[nodiscard]] Transfer Summary() const {
        const auto moves = static_cast<double>(moves_per_sample_);
        return {.way = std::string(way_.key()),
                .use = use_,
                .num_bytes = num_bytes_,
                .median_ns = static_cast<double>(samples_.Median()) / moves,
                .p99_ns = static_cast<double>(samples_.Percentile(99)) / moves,
                .num_samples = samples_.size()};
    }

private:
    Result RunOneShot() {
        const uint64_t num_samples =
            std::clamp<uint64_t>(kBytesPerBatch / num_bytes_ / moves_per_sample_, 1, 256);
        if (num_bytes_ < kLargeBytes) {
            // What is made once for a size, an arena or a cache, is not what one more buffer costs.
            if (Result done = MoveFresh(1, nullptr); !done) {
                return done;
            }
        }
        const RoundEnd end(num_bytes_);
        size_t num_taken = 0;
        while (!end.IsReached(num_taken)) {
            if (Result done = MoveFresh(num_samples, &end); !done) {
                return done;
            }
            num_taken += num_samples;
        }
        return {};
    }

    /// @param end NULL: nothing is recorded.
    Result MoveFresh(size_t num_samples, const RoundEnd *end) {
        auto buffers = FreshBuffers::Make(num_bytes_, num_samples * moves_per_sample_);
        if (!buffers) {
            return std::unexpected(std::move(buffers.error()));
        }
        std::vector<std::span<std::byte>> filled(moves_per_sample_);
        for (size_t sample = 0; sample < num_samples; ++sample) {
            ++word_;
            const uint32_t fill = way_.is_stamped() ? Word() : ~Word();
            for (size_t i = 0; i < moves_per_sample_; ++i) {
                filled[i] = buffers->Fill(sample * moves_per_sample_ + i, fill);
            }
            if (!MoveAll(filled, false, end != nullptr)) {
                return Failure();
            }
        }
        return {};
    }

    Result RunReused() {
        auto buffers = FreshBuffers::Make(num_bytes_, 1);
        if (!buffers) {
            return std::unexpected(std::move(buffers.error()));
        }
        const std::vector<std::span<std::byte>> filled(moves_per_sample_, buffers->Fill(0, 1));
        // A large buffer takes longer to settle: the kernel is still busy with what was there before.
        const auto warm_at =
            Clock::now() + (num_bytes_ >= kLargeBytes ? kLargeWarmUp : kTimePerRound);
        const size_t num_warm =
            num_bytes_ >= kLargeBytes ? kMaxSamplesPerRound * 100 : kWarmUpMoves;
        for (size_t i = 0; i < kLeastLargeSamples || (i < num_warm && Clock::now() < warm_at);
             ++i) {
            ++word_;
            if (!MoveAll(filled, true, false)) {
                return Failure();
            }
        }
        const RoundEnd end(num_bytes_);
        for (size_t i = 0; !end.IsReached(i); ++i) {
            ++word_;
            if (!MoveAll(filled, true, true)) {
                return Failure();
            }
        }
        return {};
    }

    /// Moves the buffers and, when `is_recorded`, takes the time; that of stamping belongs to a buffer that is used
    /// again, because writing to it is.
    bool MoveAll(std::span<const std::span<std::byte>> buffers, bool stamps, bool is_recorded) {
        const uint32_t word = Word();
        const bool is_stamped = stamps && way_.is_stamped();
        bool is_moved = true;
        const auto move = [&] {
            for (const std::span<std::byte> buffer : buffers) {
                if (is_stamped) {
                    Stamp(buffer, word);
                }
                is_moved = is_moved && way_.Move(buffer, word);
            }
            return is_moved;
        };
        const bool is_done = is_recorded ? samples_.TimeEach(1, move) : move();
        return is_done && way_.HasArrived(buffers.back(), word);
    }

    /// Differs from call to call, so that what an earlier one left is not taken for this one's.
    [[nodiscard]] uint32_t Word() const { return word_ * 2654435761U; }

    [[nodiscard]] Result Failure() const {
        return std::unexpected(fmt::format("{}, {}, {}: the bytes did not arrive", way_.key(),
                                           NameOf(use_), SizeName(num_bytes_)));
    }

    static constexpr size_t kWarmUpMoves = 200;

    Way &way_;
    const BufferUse use_;
    const uint64_t num_bytes_;
    const size_t moves_per_sample_;
    uint32_t word_ = 0;
    Samples samples_;
};

Result MeasureSize(const std::vector<std::unique_ptr<Way>> &ways, uint64_t num_bytes,
                   MemoryResults &results) {
    std::vector<TransferTimer> timers;
    for (const auto &way : ways) {
        if (!way->Prepare(num_bytes)) {
            return std::unexpected(
                fmt::format("{}: no room for {}", way->key(), SizeName(num_bytes)));
        }
    }
    // Reused buffers first: the pages of a large one-shot buffer are still being freed, on the other processor, when the
    // next measurement begins.
    for (const BufferUse use : {BufferUse::kReused, BufferUse::kOneShot}) {
        for (const auto &way : ways) {
            timers.emplace_back(*way, use, num_bytes);
        }
    }
    for (size_t round = 0; round < (num_bytes >= kLargeBytes ? 1 : kRounds); ++round) {
        for (TransferTimer &timer : timers) {
            if (Result done = timer.RunRound(); !done) {
                return done;
            }
        }
    }
    for (const TransferTimer &timer : timers) {
        results.transfers.push_back(timer.Summary());
    }
    return {};
}

}  // namespace

std::expected<void, std::string> MeasureTransfers(const std::vector<std::unique_ptr<Way>> &ways,
                                                  uint64_t max_bytes, MemoryResults &results) {
    for (uint64_t num_bytes = kLeastBytes; num_bytes <= max_bytes; num_bytes *= kGrowth) {
        if (Result done = MeasureSize(ways, num_bytes, results); !done) {
            return done;
        }
    }
    return {};
}

}  // namespace opendext::bench
