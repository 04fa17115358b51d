// SPDX-License-Identifier: Apache-2.0
// The application of the USB benchmark: opendext-bench-usb-app RESULT_FD
#include <unistd.h>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <expected>
#include <initializer_list>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "benchmarks/connection.h"
#include "benchmarks/samples.h"
#include "benchmarks/usb/driver/UsbBenchProtocol.h"

namespace opendext::bench {

namespace {

using Result = std::expected<void, std::string>;

constexpr uint64_t kStreamBytes = 64ULL << 20;
// Two that are filled while two are with the device stay in the processor's caches.
constexpr uint64_t kTransferBytes = 512ULL << 10;
constexpr uint64_t kInFlight = 4;
constexpr size_t kRounds = 15;
constexpr size_t kControlRounds = 20;
constexpr size_t kControlSamples = 512;
constexpr uint64_t kManyInFlight = 1000;

struct Measured {
    Samples filled;
    Samples unfilled;
    Samples copy;
    Samples control;
    uint64_t num_out_of_turn = 0;
};

Result Call(const Connection &connection, uint32_t selector, std::initializer_list<uint64_t> inputs,
            uint64_t &output) {
    uint32_t num_outputs = 1;
    const kern_return_t status =
        IOConnectCallScalarMethod(connection.get(), selector, inputs.begin(),
                                  static_cast<uint32_t>(inputs.size()), &output, &num_outputs);
    if (status != kIOReturnSuccess) {
        return std::unexpected(
            fmt::format("selector {}: {:#x}", selector, static_cast<uint32_t>(status)));
    }
    return {};
}

// In turn, so that what else the machine does falls on all alike.
Result MeasureStreams(const Connection &connection, Measured &measured) {
    for (size_t round = 0; round < kRounds; ++round) {
        uint64_t filled = 0;
        uint64_t unfilled = 0;
        uint64_t copy = 0;
        for (const Result &done : {Call(connection, kUsbBenchStream,
                                        {kStreamBytes, kTransferBytes, kInFlight, 1}, filled),
                                   Call(connection, kUsbBenchStream,
                                        {kStreamBytes, kTransferBytes, kInFlight, 0}, unfilled),
                                   Call(connection, kUsbBenchCopy, {kStreamBytes}, copy)}) {
            if (!done) {
                return done;
            }
        }
        if (round != 0) {  // the first one touches the memory
            measured.filled.Add(filled);
            measured.unfilled.Add(unfilled);
            measured.copy.Add(copy);
        }
    }
    return {};
}

Result MeasureControl(const Connection &connection, Measured &measured) {
    for (size_t round = 0; round < kControlRounds; ++round) {
        std::vector<uint64_t> nanoseconds(kControlSamples);
        size_t num_bytes = nanoseconds.size() * sizeof(uint64_t);
        const kern_return_t status = IOConnectCallStructMethod(
            connection.get(), kUsbBenchControl, nullptr, 0, nanoseconds.data(), &num_bytes);
        if (status != kIOReturnSuccess || num_bytes != nanoseconds.size() * sizeof(uint64_t)) {
            return std::unexpected(
                fmt::format("control requests: {:#x}", static_cast<uint32_t>(status)));
        }
        measured.control.Append(nanoseconds);
    }
    return {};
}

Result Measure(Measured &measured) {
    auto connection = Connection::Open("UsbBenchService");
    if (!connection) {
        return std::unexpected(std::move(connection.error()));
    }
    if (Result done = MeasureStreams(*connection, measured); !done) {
        return done;
    }
    if (Result done = MeasureControl(*connection, measured); !done) {
        return done;
    }
    return Call(*connection, kUsbBenchInFlight, {kManyInFlight}, measured.num_out_of_turn);
}

double GBps(const Samples &samples) {
    return static_cast<double>(kStreamBytes) / static_cast<double>(samples.Median());
}

std::string JsonOf(const Measured &measured) {
    const nlohmann::ordered_json json = {
        {"bulk_64MiB_GBps", GBps(measured.filled)},
        {"bulk_unfilled_64MiB_GBps", GBps(measured.unfilled)},
        {"memcpy_64MiB_GBps", GBps(measured.copy)},
        {"control_request_p50_ns", measured.control.Median()},
        {"control_request_p99_ns", measured.control.Percentile(99)},
        {"in_flight_1000_out_of_turn", measured.num_out_of_turn},
    };
    return json.dump();
}

}  // namespace

}  // namespace opendext::bench

// NOLINTNEXTLINE(bugprone-exception-escape): only memory that runs out gets here
int main(int argc, char **argv) {
    if (argc != 2) {
        fmt::print(stderr, "usage: opendext-bench-usb-app RESULT_FD; opendext-bench runs it\n");
        return 2;
    }
    opendext::bench::Measured measured;
    if (const auto done = opendext::bench::Measure(measured); !done) {
        fmt::print(stderr, "opendext-bench-usb-app: error: {}\n", done.error());
        return 1;
    }
    const std::string text = opendext::bench::JsonOf(measured);
    if (write(std::atoi(argv[1]), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
        fmt::print(stderr, "opendext-bench-usb-app: error: the results could not be written\n");
        return 1;
    }
    return 0;
}
