// SPDX-License-Identifier: Apache-2.0
/// @file descriptors.h
/// For tests: descriptors and mappings in one line each. A NULL result is a failed test of its own.
#pragma once

#include <cstdint>
#include <span>

#include <DriverKit/IOBufferMemoryDescriptor.h>
#include <DriverKit/IOMemoryDescriptor.h>
#include <DriverKit/IOMemoryMap.h>
#include <gtest/gtest.h>

#include "base/shared_region.h"
#include "runtime/memory/descriptor_factory.h"
#include "runtime/memory/retained.h"

namespace opendext::memory {

inline constexpr uint64_t kPage = 4096;

inline Retained<IOBufferMemoryDescriptor> MakeBuffer(uint64_t capacity,
                                                     uint64_t direction = kIOMemoryDirectionInOut) {
    IOBufferMemoryDescriptor *buffer = nullptr;
    EXPECT_EQ(IOBufferMemoryDescriptor::Create(direction, capacity, 0, &buffer), kIOReturnSuccess);
    return Retained<IOBufferMemoryDescriptor>(buffer);
}

/// Memory of nobody here, as a client's structure is: `offset` is where it starts in its region.
inline Retained<IOMemoryDescriptor> MakeClientMemory(uint64_t length, uint64_t direction,
                                                     uint64_t offset = 0) {
    auto region = SharedRegion::Create(offset + length, "client");
    EXPECT_TRUE(region.has_value());
    return DescriptorFromSlice({*region, offset, length}, direction, length);
}

inline std::span<std::byte> BytesOf(IOBufferMemoryDescriptor &buffer) {
    IOAddressSegment range = {};
    EXPECT_EQ(buffer.GetAddressRange(&range), kIOReturnSuccess);
    return {reinterpret_cast<std::byte *>(range.address), range.length};
}

/// The arguments of CreateMapping, with what is rarely given last.
struct MapArguments {
    uint64_t options = 0;
    uint64_t offset = 0;
    uint64_t length = 0;
    uint64_t address = 0;
};

inline kern_return_t TryMap(IOMemoryDescriptor &memory, const MapArguments &arguments,
                            Retained<IOMemoryMap> &map) {
    IOMemoryMap *made = nullptr;
    const kern_return_t status = memory.CreateMapping(arguments.options, arguments.address,
                                                      arguments.offset, arguments.length, 0, &made);
    map.reset(made);
    return status;
}

inline Retained<IOMemoryMap> MapMemory(IOMemoryDescriptor &memory,
                                       const MapArguments &arguments = {}) {
    Retained<IOMemoryMap> map;
    EXPECT_EQ(TryMap(memory, arguments, map), kIOReturnSuccess);
    return map;
}

}  // namespace opendext::memory
