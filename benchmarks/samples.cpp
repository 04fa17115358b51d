// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/samples.h"

#include <algorithm>
#include <thread>

namespace opendext::bench {

uint64_t Samples::Percentile(double percent) const {
    if (values_.empty()) {
        return 0;
    }
    std::vector<uint64_t> sorted = values_;
    const auto rank = static_cast<size_t>(percent / 100 * static_cast<double>(sorted.size()));
    const auto at = sorted.begin() + static_cast<ptrdiff_t>(std::min(rank, sorted.size() - 1));
    std::ranges::nth_element(sorted, at);
    return *at;
}

uint64_t Samples::ClockCost() {
    static const uint64_t cost = [] {
        constexpr size_t kReadings = 1001;
        Samples readings;
        uint64_t before = MonotonicNow();
        for (size_t i = 0; i < kReadings; ++i) {
            const uint64_t after = MonotonicNow();
            readings.Add(after - before);
            before = after;
        }
        return readings.Median();
    }();
    return cost;
}

void Samples::SleepFor(std::chrono::nanoseconds duration) {
    std::this_thread::sleep_for(duration);
}

}  // namespace opendext::bench
