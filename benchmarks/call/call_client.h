// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <string>
#include <utility>

#include <IOKit/IOKitLib.h>

#include "benchmarks/call/driver/BenchProtocol.h"
#include "benchmarks/connection.h"

namespace opendext::bench {

/// A connection to the driver of the call benchmark.
class CallClient {
public:
    /// @return one line when there is no such driver, or it cannot be opened.
    [[nodiscard]] static std::expected<CallClient, std::string> Open() {
        auto connection = Connection::Open("BenchService");
        if (!connection) {
            return std::unexpected(std::move(connection.error()));
        }
        return CallClient(*std::move(connection));
    }

    /// One call with one scalar in and one out. @return whether the answer is right.
    [[nodiscard]] bool Call() {
        uint64_t answer = 0;
        uint32_t num_answers = 1;
        const uint64_t value = value_++;
        return IOConnectCallScalarMethod(connection_.get(), kBenchIncrement, &value, 1, &answer,
                                         &num_answers) == kIOReturnSuccess &&
               answer == value_;
    }

private:
    explicit CallClient(Connection connection) : connection_(std::move(connection)) {}

    Connection connection_;
    uint64_t value_ = 0;
};

}  // namespace opendext::bench
