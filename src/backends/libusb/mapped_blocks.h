// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <memory>

#include <gtest/gtest.h>

namespace opendext::backends {

/// What a DeviceMemorySource of the tests has mapped: ordinary memory, of exactly the size that was asked for.
class MappedBlocks {
public:
    std::byte *Map(size_t num_bytes) {
        auto memory = std::make_unique<std::byte[]>(num_bytes);
        std::byte *const address = memory.get();
        blocks_[address] = std::move(memory);
        return address;
    }
    void Unmap(std::byte *memory) { EXPECT_EQ(blocks_.erase(memory), 1U); }

    [[nodiscard]] bool contains(std::byte *memory) const { return blocks_.contains(memory); }
    [[nodiscard]] size_t size() const { return blocks_.size(); }
    [[nodiscard]] bool empty() const { return blocks_.empty(); }

private:
    std::map<std::byte *, std::unique_ptr<std::byte[]>> blocks_;
};

}  // namespace opendext::backends
