// SPDX-License-Identifier: Apache-2.0
/// @file app_memory_fixture.h
/// For tests of this process's own memory as AppMemory shares it.
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "base/mapping.h"
#include "channel/memory/app_memory.h"

namespace opendext::channel {

inline constexpr uint64_t kMiB = uint64_t{1} << 20;
inline constexpr MapAccess kRead = MapAccess::kReadOnly;
inline constexpr MapAccess kWrite = MapAccess::kReadWrite;

inline AppRange RangeOf(const void *address, uint64_t length) {
    return {reinterpret_cast<uint64_t>(address), length};
}

inline MappedRegion MapFresh(uint64_t length, int fill) {
    auto region = MappedRegion::MapAnonymous(length);
    EXPECT_TRUE(region);
    std::memset(region->data(), fill, length);
    return std::move(*region);
}

/// What a driver would see of the slices.
inline std::vector<std::byte> Contents(const std::vector<SharedSlice> &slices) {
    std::vector<std::byte> bytes;
    for (const SharedSlice &slice : slices) {
        const std::byte *const start = slice.region->ReadOnly() + slice.offset;
        bytes.insert(bytes.end(), start, start + slice.length);
    }
    return bytes;
}

/// Read from memory, whatever the compiler knows.
template <typename T>
T ReadNow(const T *address) {
    return *const_cast<const volatile T *>(address);
}

inline std::byte *At(const SharedSlice &slice) {
    return slice.region->Writable() + slice.offset;
}

/// Every test leaves nothing shared.
class AppMemoryTest : public testing::Test {
protected:
    void SetUp() override {
        if (!memory.Share(RangeOf(MapFresh(1, 0).data(), 1), kRead)) {
            GTEST_SKIP() << "this machine allows no userfaultfd";
        }
    }
    void TearDown() override {
        memory.ForbidMovesForTest(false);
        memory.CallBeforeMappingForTest(nullptr);
        memory.Sweep();
    }

    AppMemory &memory = AppMemory::OfThisProcess();
};

}  // namespace opendext::channel
