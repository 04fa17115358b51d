// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/call/call_samples.h"

#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace opendext::bench {

namespace {

// Words: first_answer_at, the number of busy samples, of parked samples, the busy samples, the parked samples.
constexpr size_t kHeaderWords = 3;

}  // namespace

bool CallSamples::Measure(CallClient &client, size_t num_busy, size_t num_parked) {
    const auto call = [&] { return client.Call(); };
    return WarmUp(call) && busy.TimeEach(num_busy, call) &&
           parked.TimeEachAfter(kIdle, num_parked, call);
}

bool CallSamples::Write(int fd) const {
    std::vector<uint64_t> words = {first_answer_at, busy.size(), parked.size()};
    words.insert(words.end(), busy.values().begin(), busy.values().end());
    words.insert(words.end(), parked.values().begin(), parked.values().end());
    const size_t num_bytes = words.size() * sizeof(uint64_t);
    return pwrite(fd, words.data(), num_bytes, 0) == static_cast<ssize_t>(num_bytes);
}

bool CallSamples::Read(int fd) {
    struct stat status = {};
    if (fstat(fd, &status) != 0) {
        return false;
    }
    std::vector<uint64_t> words(static_cast<size_t>(status.st_size) / sizeof(uint64_t));
    const size_t num_bytes = words.size() * sizeof(uint64_t);
    if (words.size() < kHeaderWords ||
        pread(fd, words.data(), num_bytes, 0) != static_cast<ssize_t>(num_bytes) ||
        words[1] > words.size() - kHeaderWords ||
        words[2] != words.size() - kHeaderWords - words[1]) {
        return false;
    }
    const auto first_busy = words.begin() + kHeaderWords;
    const auto first_parked = first_busy + static_cast<ptrdiff_t>(words[1]);
    first_answer_at = words[0];
    busy.Append({first_busy, first_parked});
    parked.Append({first_parked, words.end()});
    return true;
}

}  // namespace opendext::bench
