// SPDX-License-Identifier: Apache-2.0
/// @file fake_mapper.h
/// For tests: a device's address space that remembers what is mapped.
#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "runtime/memory/dma_mapper.h"
#include "runtime/memory/testing/descriptors.h"

namespace opendext::memory {

/// A device's address space: hands out addresses upwards, remembers what is mapped.
class FakeMapper final : public DmaMapper {
public:
    struct Mapping {
        std::vector<DmaPiece> pieces;
        uint64_t num_bytes = 0;
        uint64_t direction = 0;
        uint64_t tag = 0;
    };

    std::expected<uint64_t, kern_return_t> MapForDma(const DmaMapRequest &request) override {
        const std::lock_guard lock(mutex_);
        if (failures_after_ == 0) {
            return std::unexpected(failure_);
        }
        --failures_after_;
        Mapping mapping{
            {request.pieces.begin(), request.pieces.end()}, 0, request.direction, request.tag};
        for (const DmaPiece &piece : mapping.pieces) {
            mapping.num_bytes += piece.num_bytes;
        }
        const uint64_t address =
            next_ + reinterpret_cast<uint64_t>(mapping.pieces[0].address) % kPage;
        next_ = (address + mapping.num_bytes + gap_ + kPage - 1) / kPage * kPage;
        last_bits_ = request.max_address_bits;
        mappings_[address] = std::move(mapping);
        return address;
    }

    void UnmapFromDma(uint64_t device_address, uint64_t num_bytes) override {
        const std::lock_guard lock(mutex_);
        const auto found = mappings_.find(device_address);
        ASSERT_NE(found, mappings_.end());
        EXPECT_EQ(found->second.num_bytes, num_bytes);
        mappings_.erase(found);
    }

    void FailAfter(int num_successes, kern_return_t failure) {
        failures_after_ = num_successes;
        failure_ = failure;
    }
    void LeaveGaps(uint64_t num_bytes) { gap_ = num_bytes; }
    const std::map<uint64_t, Mapping> &mappings() const { return mappings_; }
    uint8_t last_bits() const { return last_bits_; }

private:
    std::mutex mutex_;
    uint64_t next_ = 0x10000;
    uint64_t gap_ = kPage;
    int failures_after_ = 1 << 30;
    kern_return_t failure_ = kIOReturnSuccess;
    uint8_t last_bits_ = 0;
    std::map<uint64_t, Mapping> mappings_;
};

}  // namespace opendext::memory
