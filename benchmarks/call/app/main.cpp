// SPDX-License-Identifier: Apache-2.0
// The application of the call benchmark: opendext-bench-app RESULT_FD NUM_BUSY NUM_PARKED
#include <cstdlib>

#include <fmt/format.h>

#include "benchmarks/call/call_client.h"
#include "benchmarks/call/call_samples.h"

int main(int argc, char **argv) {
    using namespace opendext::bench;  // NOLINT(google-build-using-namespace)
    if (argc != 4) {
        fmt::print(
            stderr,
            "usage: opendext-bench-app RESULT_FD NUM_BUSY NUM_PARKED; opendext-bench runs it\n");
        return 2;
    }
    auto client = CallClient::Open();
    if (!client) {
        fmt::print(stderr, "opendext-bench-app: error: {}\n", client.error());
        return 1;
    }
    CallSamples samples;
    const bool is_answered = client->Call();
    samples.first_answer_at = MonotonicNow();
    if (!is_answered || !samples.Measure(*client, std::strtoull(argv[2], nullptr, 10),
                                         std::strtoull(argv[3], nullptr, 10))) {
        fmt::print(stderr, "opendext-bench-app: error: a call to BenchService failed\n");
        return 1;
    }
    if (!samples.Write(std::atoi(argv[1]))) {
        fmt::print(stderr, "opendext-bench-app: error: the samples could not be written\n");
        return 1;
    }
    return 0;
}
