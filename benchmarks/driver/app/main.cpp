// SPDX-License-Identifier: Apache-2.0
// The application of the driver benchmark: opendext-bench-driver-app RESULT_FD interrupts | dexts DEXTS CLIENTS
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <expected>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "benchmarks/call/driver/BenchProtocol.h"
#include "benchmarks/connection.h"
#include "benchmarks/driver/app/driver_processes.h"
#include "benchmarks/driver/interrupt_driver/InterruptBenchProtocol.h"
#include "benchmarks/samples.h"

namespace opendext::bench {

namespace {

using JsonResult = std::expected<nlohmann::ordered_json, std::string>;

constexpr size_t kRounds = 40;

JsonResult MeasureInterrupts() {
    const auto connection = Connection::Open("InterruptBenchService");
    if (!connection) {
        return std::unexpected(connection.error());
    }
    Samples samples;
    for (size_t round = 0; round < kRounds; ++round) {
        std::vector<uint64_t> nanoseconds(kInterruptBenchMaxSamples);
        size_t num_bytes = nanoseconds.size() * sizeof(uint64_t);
        const kern_return_t status = IOConnectCallStructMethod(
            connection->get(), kInterruptBenchRun, nullptr, 0, nanoseconds.data(), &num_bytes);
        if (status != kIOReturnSuccess || num_bytes != nanoseconds.size() * sizeof(uint64_t)) {
            return std::unexpected(fmt::format("interrupts: {:#x}", static_cast<uint32_t>(status)));
        }
        if (round != 0) {  // in the first the threads start
            samples.Append(nanoseconds);
        }
    }
    return nlohmann::ordered_json{{"p50_ns", samples.Median()}, {"p99_ns", samples.Percentile(99)}};
}

// All connections stay open while all call.
class Clients {
public:
    ~Clients() {
        for (const io_connect_t connect : connects_) {
            IOServiceClose(connect);
        }
    }

    void Open(unsigned num_clients) {
        io_iterator_t services = IO_OBJECT_NULL;
        if (IOServiceGetMatchingServices(kIOMainPortDefault, IOServiceNameMatching("BenchService"),
                                         &services) != kIOReturnSuccess) {
            return;
        }
        for (io_service_t service = 0; (service = IOIteratorNext(services)) != IO_OBJECT_NULL;) {
            for (unsigned i = 0; i < num_clients; ++i) {
                io_connect_t connect = IO_OBJECT_NULL;
                if (IOServiceOpen(service, mach_task_self(), 0, &connect) == kIOReturnSuccess) {
                    connects_.push_back(connect);
                }
            }
            IOObjectRelease(service);
        }
        IOObjectRelease(services);
    }

    [[nodiscard]] uint64_t CallEach() const {
        uint64_t num_answered = 0;
        for (const io_connect_t connect : connects_) {
            const uint64_t value = num_answered;
            uint64_t answer = 0;
            uint32_t num_answers = 1;
            num_answered += IOConnectCallScalarMethod(connect, kBenchIncrement, &value, 1, &answer,
                                                      &num_answers) == kIOReturnSuccess &&
                                    answer == value + 1
                                ? 1
                                : 0;
        }
        return num_answered;
    }

private:
    std::vector<io_connect_t> connects_;
};

JsonResult MeasureDexts(unsigned num_dexts, unsigned num_clients) {
    Clients clients;
    clients.Open(num_clients);
    const uint64_t answered = clients.CallEach();
    const std::vector<uint64_t> bytes = PrivateBytesOfDriverProcesses();
    if (bytes.size() != num_dexts) {
        return std::unexpected(
            fmt::format("{} driver processes instead of {}", bytes.size(), num_dexts));
    }
    const auto mib = [](uint64_t number) { return static_cast<double>(number) / (1 << 20); };
    const uint64_t all = std::accumulate(bytes.begin(), bytes.end(), uint64_t{0});
    return nlohmann::ordered_json{{"answered", answered},
                                  {"private_MiB", mib(*std::ranges::max_element(bytes))},
                                  {"private_average_MiB", mib(all) / num_dexts}};
}

}  // namespace

}  // namespace opendext::bench

int main(int argc, char **argv) {
    const std::string_view what = argc > 2 ? argv[2] : "";
    opendext::bench::JsonResult figures = std::unexpected(
        "usage: RESULT_FD interrupts | dexts DEXTS CLIENTS; opendext-bench runs it");
    if (what == "interrupts") {
        figures = opendext::bench::MeasureInterrupts();
    } else if (what == "dexts" && argc == 5) {
        figures = opendext::bench::MeasureDexts(static_cast<unsigned>(std::atoi(argv[3])),
                                                static_cast<unsigned>(std::atoi(argv[4])));
    }
    if (!figures) {
        fmt::print(stderr, "opendext-bench-driver-app: error: {}\n", figures.error());
        return 1;
    }
    const std::string text = figures->dump();
    if (write(std::atoi(argv[1]), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
        fmt::print(stderr, "opendext-bench-driver-app: error: the results could not be written\n");
        return 1;
    }
    return 0;
}
