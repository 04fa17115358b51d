// SPDX-License-Identifier: Apache-2.0
// What preparing does: semantics.md 1.9.
#include <opendext/toolkit/dma_preparation.h>

#include <map>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "runtime/memory/dma_mapper.h"
#include "runtime/memory/testing/descriptors.h"

namespace opendext::toolkit {
namespace {

using memory::kPage;
using memory::MakeBuffer;

/// Hands out addresses upwards and remembers how many bytes each mapping has.
class CountingMapper final : public memory::DmaMapper {
public:
    std::expected<uint64_t, kern_return_t> MapForDma(
        const memory::DmaMapRequest &request) override {
        uint64_t num_bytes = 0;
        for (const memory::DmaPiece &piece : request.pieces) {
            num_bytes += piece.num_bytes;
        }
        const uint64_t address =
            next_ + reinterpret_cast<uint64_t>(request.pieces[0].address) % kPage;
        next_ = (address + num_bytes + 2 * kPage) / kPage * kPage;
        mappings_[address] = num_bytes;
        max_address_bits_ = request.max_address_bits;
        return address;
    }
    void UnmapFromDma(uint64_t device_address, uint64_t num_bytes) override {
        const auto found = mappings_.find(device_address);
        ASSERT_NE(found, mappings_.end());
        EXPECT_EQ(found->second, num_bytes);
        mappings_.erase(found);
    }

    [[nodiscard]] const std::map<uint64_t, uint64_t> &mappings() const { return mappings_; }
    [[nodiscard]] int max_address_bits() const { return max_address_bits_; }

private:
    uint64_t next_ = 0x10000;
    int max_address_bits_ = -1;
    std::map<uint64_t, uint64_t> mappings_;
};

class ToolkitDma : public testing::Test {
protected:
    ToolkitDma() {
        memory::RegisterDmaMapper(device_.get(), mapper_);
        EXPECT_EQ(CreateDmaCommand(Device(), 40, &command_), kIOReturnSuccess);
    }
    ~ToolkitDma() override {
        command_.reset();
        memory::UnregisterDmaMapper(device_.get());
        EXPECT_TRUE(mapper_->mappings().empty());
    }

    /// The runtime takes a device as an object with a name, nothing else.
    IOService *Device() { return static_cast<IOService *>(static_cast<void *>(device_.get())); }

    const memory::Retained<OSObject> device_ = MakeBuffer(1);
    const std::shared_ptr<CountingMapper> mapper_ = std::make_shared<CountingMapper>();
    OSSharedPtr<IODMACommand> command_;
};

TEST_F(ToolkitDma, Preparation_EndsWithItsObject) {
    const auto buffer = MakeBuffer(3 * kPage, kIOMemoryDirectionOut);
    {
        DmaPreparation preparation;
        ASSERT_EQ(preparation.Prepare(command_.get(), buffer.get()), kIOReturnSuccess);
        EXPECT_TRUE(preparation.is_prepared());
        EXPECT_EQ(preparation.num_segments(), 1U);
        EXPECT_EQ(preparation.num_bytes(), 3 * kPage);
        EXPECT_EQ(preparation.direction(), uint64_t{kIOMemoryDirectionOut});
        EXPECT_EQ(preparation.segment(0).address, mapper_->mappings().begin()->first);
        EXPECT_EQ(mapper_->max_address_bits(), 40);
    }
    EXPECT_TRUE(mapper_->mappings().empty());
}

TEST_F(ToolkitDma, OffsetWithoutLength_GoesToTheEnd) {
    const auto buffer = MakeBuffer(2 * kPage);
    DmaPreparation preparation;
    ASSERT_EQ(preparation.Prepare(command_.get(), buffer.get(), 100), kIOReturnSuccess);
    EXPECT_EQ(preparation.num_bytes(), 2 * kPage - 100);
    ASSERT_EQ(preparation.Prepare(command_.get(), buffer.get(), 100, 7), kIOReturnSuccess);
    EXPECT_EQ(preparation.num_bytes(), 7U);
    EXPECT_EQ(mapper_->mappings().size(), 1U);
}

TEST_F(ToolkitDma, Complete_SaysHowItWentAndForgets) {
    const auto buffer = MakeBuffer(kPage);
    DmaPreparation preparation;
    EXPECT_EQ(preparation.Complete(), kIOReturnNotReady);
    ASSERT_EQ(preparation.Prepare(command_.get(), buffer.get()), kIOReturnSuccess);
    EXPECT_EQ(preparation.Complete(), kIOReturnSuccess);
    EXPECT_TRUE(mapper_->mappings().empty());
    EXPECT_FALSE(preparation.is_prepared());
    EXPECT_EQ(preparation.begin(), preparation.end());
    EXPECT_EQ(preparation.num_bytes(), 0U);
    EXPECT_EQ(preparation.Complete(), kIOReturnNotReady);
}

TEST_F(ToolkitDma, FailedPreparation_LeavesNothing) {
    const auto buffer = MakeBuffer(kPage);
    const auto other = MakeBuffer(kPage);
    DmaPreparation preparation;
    EXPECT_EQ(preparation.Prepare(nullptr, buffer.get()), kIOReturnBadArgument);
    EXPECT_EQ(preparation.Prepare(command_.get(), nullptr), kIOReturnBadArgument);
    EXPECT_EQ(preparation.Prepare(command_.get(), buffer.get(), 1, kPage), kIOReturnOverrun);
    EXPECT_EQ(preparation.Prepare(command_.get(), buffer.get(), kPage + 1), kIOReturnOverrun);
    EXPECT_FALSE(preparation.is_prepared());
    ASSERT_EQ(preparation.Prepare(command_.get(), buffer.get()), kIOReturnSuccess);
    DmaPreparation second;
    EXPECT_EQ(second.Prepare(command_.get(), other.get()), kIOReturnBusy);
    EXPECT_FALSE(second.is_prepared());
    EXPECT_EQ(mapper_->mappings().size(), 1U);
}

TEST_F(ToolkitDma, OnePreparationAfterAnother_CoversMemoryInManyPieces) {
    // Two times 20 pieces that cannot be joined: none ends on a page.
    std::vector<memory::Retained<IOMemoryDescriptor>> owners;
    IOMemoryDescriptor *halves[32] = {};
    for (uint32_t half = 0; half < 2; ++half) {
        IOMemoryDescriptor *pieces[32] = {};
        for (uint32_t i = 0; i < 20; ++i) {
            owners.push_back(MakeBuffer(100));
            pieces[i] = owners.back().get();
        }
        ASSERT_EQ(IOMemoryDescriptor::CreateWithMemoryDescriptors(kIOMemoryDirectionOut, 20, pieces,
                                                                  &halves[half]),
                  kIOReturnSuccess);
        owners.emplace_back(halves[half]);
    }
    IOMemoryDescriptor *whole = nullptr;
    ASSERT_EQ(
        IOMemoryDescriptor::CreateWithMemoryDescriptors(kIOMemoryDirectionOut, 2, halves, &whole),
        kIOReturnSuccess);
    owners.emplace_back(whole);

    uint64_t done = 0;
    std::vector<uint32_t> counts;
    while (done < 4000) {
        DmaPreparation preparation;
        ASSERT_EQ(preparation.Prepare(command_.get(), whole, done), kIOReturnSuccess);
        ASSERT_NE(preparation.num_bytes(), 0U);
        counts.push_back(preparation.num_segments());
        done += preparation.num_bytes();
    }
    EXPECT_EQ(done, 4000U);
    EXPECT_EQ(counts, (std::vector<uint32_t>{32, 8}));
}

TEST_F(ToolkitDma, CommandForADeviceWithoutDma_IsRefused) {
    memory::UnregisterDmaMapper(device_.get());
    EXPECT_EQ(CreateDmaCommand(Device(), 64, &command_), kIOReturnUnsupported);
    EXPECT_EQ(command_.get(), nullptr);
}

}  // namespace
}  // namespace opendext::toolkit
