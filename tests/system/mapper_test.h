// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tests/rig/driver_test.h"
#include "tests/system/mapper/MapperProtocol.h"

namespace opendext::rig {

inline constexpr uint64_t kPageBytes = 4096;

/// kIOMemoryDirection* and kIOMemoryDisableCopyOnWrite: the application's headers do not have them.
inline constexpr uint64_t kIn = 1;
inline constexpr uint64_t kOut = 2;
inline constexpr uint64_t kInOut = 3;
inline constexpr uint64_t kShared = 0x10;

/// Steps of the mapper, by name: MapperProtocol.h.
namespace step {

inline MapperStep Of(MapperOperation operation, uint32_t slot, uint64_t a = 0, uint64_t b = 0,
                     uint64_t c = 0) {
    return {operation, slot, a, b, c};
}
inline MapperStep Segment(uint64_t address, uint64_t length) {
    return Of(kMapperSegment, 0, address, length);
}
inline MapperStep Segment(std::span<const uint8_t> bytes) {
    return Segment(reinterpret_cast<uint64_t>(bytes.data()), bytes.size());
}
inline MapperStep Describe(uint32_t slot, uint64_t options) {
    return Of(kMapperDescribe, slot, options);
}
inline MapperStep Map(uint32_t slot, uint64_t options = 0) {
    return Of(kMapperMap, slot, options);
}
inline MapperStep Sum(uint32_t slot, uint64_t offset, uint64_t length) {
    return Of(kMapperSum, slot, offset, length);
}
inline MapperStep Fill(uint32_t slot, uint64_t offset, uint64_t length, uint8_t value) {
    return Of(kMapperFill, slot, offset, length, value);
}
inline MapperStep Forget(uint32_t slot) {
    return Of(kMapperForget, slot);
}

}  // namespace step

[[nodiscard]] uint64_t SumOf(std::span<const uint8_t> bytes);

/// Bytes that differ from their neighbours, and from those of another seed.
void FillWithNumbers(std::span<uint8_t> bytes, uint8_t seed);

/// One call of the mapper. An error of the call is that of every step.
std::vector<MapperResult> RunSteps(io_connect_t connect, const std::vector<MapperStep> &steps);

/// Fails the test unless every step has succeeded. @return their values.
std::vector<uint64_t> Succeed(const std::vector<MapperResult> &results);

/// With the mapper started on its card and one connection to it open.
class MapperTest : public DriverTest {
protected:
    void SetUp() override;
    void TearDown() override;

    [[nodiscard]] io_connect_t connect() const { return connection_.get(); }

    std::vector<MapperResult> Run(const std::vector<MapperStep> &steps) {
        return RunSteps(connect(), steps);
    }
    /// Run, and the value of the last step.
    uint64_t Do(const std::vector<MapperStep> &steps) { return Succeed(Run(steps)).back(); }

    /// The status of mapping `bytes` in slot 0.
    kern_return_t TryMap(std::span<const uint8_t> bytes, uint64_t options);

    Connection connection_;
};

}  // namespace opendext::rig
