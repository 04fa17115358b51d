// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/memory/app/first_use.h"

#include "benchmarks/memory/app/fresh_buffers.h"
#include "benchmarks/samples.h"

namespace opendext::bench {

namespace {

constexpr size_t kNumBytes = size_t{64} << 20;
constexpr size_t kRounds = 9;

std::expected<void, std::string> TimeTouch(Samples &samples) {
    auto pages = FreshPages::Map(kNumBytes);
    if (!pages) {
        return std::unexpected(std::move(pages.error()));
    }
    static_cast<void>(samples.TimeEach(1, [&] {
        pages->Touch();
        return true;
    }));
    return {};
}

std::expected<void, std::string> TimeFirstCall(MemoryClient &client, uint32_t word,
                                               Samples &samples) {
    auto buffers = FreshBuffers::Make(kNumBytes, 1);
    if (!buffers) {
        return std::unexpected(std::move(buffers.error()));
    }
    const auto buffer = buffers->Fill(0, word);
    EndWords seen;
    const bool is_called = samples.TimeEach(
        1, [&] { return client.Reach(buffer, MemoryClient::ReachMode::kShared, seen); });
    if (!is_called || seen != EndWords{word, word} || EndWords::Of(buffer).first != word + 1) {
        return std::unexpected("the first use of 64 MiB: the bytes did not arrive");
    }
    return {};
}

}  // namespace

std::expected<void, std::string> MeasureFirstUse(MemoryClient &client, MemoryResults &results) {
    Samples touch;
    Samples first_use;
    for (uint32_t round = 0; round < kRounds; ++round) {
        if (auto done = TimeTouch(touch); !done) {
            return done;
        }
        if (auto done = TimeFirstCall(client, round, first_use); !done) {
            return done;
        }
    }
    results.figures["touch_fresh_64MiB_us"] = static_cast<double>(touch.Median()) / 1e3;
    results.figures["first_use_64MiB_us"] = static_cast<double>(first_use.Median()) / 1e3;
    return {};
}

}  // namespace opendext::bench
