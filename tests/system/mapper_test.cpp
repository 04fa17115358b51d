// SPDX-License-Identifier: Apache-2.0
#include "tests/system/mapper_test.h"

#include <numeric>

namespace opendext::rig {

uint64_t SumOf(std::span<const uint8_t> bytes) {
    return std::accumulate(bytes.begin(), bytes.end(), uint64_t{0});
}

void FillWithNumbers(std::span<uint8_t> bytes, uint8_t seed) {
    for (size_t i = 0; i < bytes.size(); ++i) {
        bytes[i] = static_cast<uint8_t>(seed + i * 7 + i / 251);
    }
}

std::vector<MapperResult> RunSteps(io_connect_t connect, const std::vector<MapperStep> &steps) {
    std::vector<MapperResult> results(steps.size());
    size_t num_bytes = results.size() * sizeof(MapperResult);
    const kern_return_t status =
        IOConnectCallStructMethod(connect, kMapperRun, steps.data(),
                                  steps.size() * sizeof(MapperStep), results.data(), &num_bytes);
    if (status != kIOReturnSuccess) {
        for (MapperResult &result : results) {
            result.status = status;
        }
    }
    return results;
}

std::vector<uint64_t> Succeed(const std::vector<MapperResult> &results) {
    std::vector<uint64_t> values;
    for (const MapperResult &result : results) {
        EXPECT_EQ(result.status, kIOReturnSuccess) << "step " << values.size();
        values.push_back(result.value);
    }
    return values;
}

void MapperTest::SetUp() {
    DriverTest::SetUp();
    DriverTest::Start({.dexts = {BuiltDext("mapper")}, .devices = {"model:fpga-dma"}});
    if (rig_ != nullptr) {
        connection_ = Open(FindService("MapperService"));
    }
}

void MapperTest::TearDown() {
    connection_.Close();
    DriverTest::TearDown();
}

kern_return_t MapperTest::TryMap(std::span<const uint8_t> bytes, uint64_t options) {
    const auto results = Run({step::Segment(bytes), step::Describe(0, options), step::Map(0)});
    EXPECT_EQ(results[1].status, kIOReturnSuccess);
    return results[2].status;
}

}  // namespace opendext::rig
