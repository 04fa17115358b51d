// SPDX-License-Identifier: Apache-2.0
// Every test: semantics.md 1.9.
#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <thread>
#include <vector>

#include <DriverKit/IODMACommand.h>
#include <gtest/gtest.h>

#include "runtime/memory/dma_journal.h"
#include "runtime/memory/memory_census.h"
#include "runtime/memory/testing/descriptors.h"
#include "runtime/memory/testing/fake_mapper.h"

namespace opendext::memory {
namespace {

class DmaCommand : public testing::Test {
protected:
    DmaCommand() { RegisterDmaMapper(device_object_.get(), mapper_); }
    ~DmaCommand() override {
        UnregisterDmaMapper(device_object_.get());
        EXPECT_TRUE(mapper_->mappings().empty());
    }

    /// The runtime takes a device as an object with a name, nothing else.
    IOService *Device() {
        return static_cast<IOService *>(static_cast<void *>(device_object_.get()));
    }

    kern_return_t TryCreate(uint64_t options, uint64_t max_address_bits,
                            Retained<IODMACommand> &command) {
        IODMACommandSpecification specification = {};
        specification.options = 77;  // not looked at
        specification._resv[3] = 1;
        specification.maxAddressBits = max_address_bits;
        IODMACommand *made = nullptr;
        const kern_return_t status = IODMACommand::Create(Device(), options, &specification, &made);
        command.reset(made);
        return status;
    }

    Retained<IODMACommand> MakeCommand(uint64_t max_address_bits = 0) {
        Retained<IODMACommand> command;
        EXPECT_EQ(TryCreate(0, max_address_bits, command), kIOReturnSuccess);
        return command;
    }

    kern_return_t Prepare(IODMACommand &command, IOMemoryDescriptor *memory, uint64_t offset = 0,
                          uint64_t length = 0) {
        return command.PrepareForDMA(0, memory, offset, length, &flags_, &count_, segments_.data());
    }

    const Retained<OSObject> device_object_ = MakeBuffer(1);
    const std::shared_ptr<FakeMapper> mapper_ = std::make_shared<FakeMapper>();
    uint64_t flags_ = 0;
    uint32_t count_ = 32;
    std::array<IOAddressSegment, 32> segments_ = {};
};

TEST_F(DmaCommand, CreateWithBadArguments_IsRefused) {
    Retained<IODMACommand> command;
    EXPECT_EQ(TryCreate(1, 64, command), kIOReturnBadArgument);
    EXPECT_EQ(TryCreate(0, 256, command), kIOReturnBadArgument);
    EXPECT_EQ(TryCreate(0, 11, command), kIOReturnNoMemory);
    EXPECT_EQ(TryCreate(0, 1, command), kIOReturnNoMemory);
    EXPECT_EQ(TryCreate(0, 0, command), kIOReturnSuccess);
    EXPECT_EQ(TryCreate(0, 255, command), kIOReturnSuccess);
}

TEST_F(DmaCommand, CreateForDeviceWithoutDma_IsUnsupported) {
    UnregisterDmaMapper(device_object_.get());
    Retained<IODMACommand> command;
    EXPECT_EQ(TryCreate(0, 64, command), kIOReturnUnsupported);
}

TEST_F(DmaCommand, PrepareWithBadArguments_IsRefused) {
    const auto command = MakeCommand();
    const auto buffer = MakeBuffer(kPage);
    EXPECT_EQ(command->PrepareForDMA(1, buffer.get(), 0, 0, &flags_, &count_, segments_.data()),
              kIOReturnBadArgument);
    EXPECT_EQ(Prepare(*command, nullptr), kIOReturnBadArgument);
    EXPECT_EQ(command->PrepareForDMA(0, buffer.get(), 0, 0, &flags_, nullptr, segments_.data()),
              kIOReturnBadArgument);
    count_ = 0;
    EXPECT_EQ(Prepare(*command, buffer.get()), kIOReturnBadArgument);
    count_ = 33;
    EXPECT_EQ(Prepare(*command, buffer.get()), kIOReturnOverrun);
}

TEST_F(DmaCommand, Prepared_MapsExactlyTheRangeInTheMemorysDirection) {
    const auto command = MakeCommand(40);
    const auto buffer = MakeBuffer(4 * kPage, kIOMemoryDirectionIn);
    ASSERT_EQ(Prepare(*command, buffer.get(), kPage + 5, 100), kIOReturnSuccess);
    EXPECT_EQ(flags_, kIOMemoryDirectionIn);
    ASSERT_EQ(count_, 1U);
    EXPECT_EQ(segments_[0].length, 100U);
    ASSERT_EQ(mapper_->mappings().size(), 1U);
    const auto &[address, mapping] = *mapper_->mappings().begin();
    EXPECT_EQ(address, segments_[0].address);
    EXPECT_EQ(mapping.num_bytes, 100U);
    EXPECT_EQ(mapping.direction, kIOMemoryDirectionIn);
    EXPECT_EQ(mapper_->last_bits(), 40);
    EXPECT_EQ(mapping.pieces[0].region_offset, kPage + 5);
    *mapping.pieces[0].address = std::byte{1};
    EXPECT_EQ(BytesOf(*buffer)[kPage + 5], std::byte{1});
    EXPECT_EQ(command->CompleteDMA(0), kIOReturnSuccess);
    EXPECT_TRUE(mapper_->mappings().empty());
}

TEST_F(DmaCommand, DirectionNone_LetsTheDeviceReadAndWrite) {
    const auto command = MakeCommand();
    const auto buffer = MakeBuffer(kPage, kIOMemoryDirectionNone);
    ASSERT_EQ(Prepare(*command, buffer.get()), kIOReturnSuccess);
    EXPECT_EQ(flags_, 0U);
    EXPECT_EQ(mapper_->mappings().begin()->second.direction, kIOMemoryDirectionInOut);
}

TEST_F(DmaCommand, LengthZero_IsTheWholeLengthWhateverTheOffset) {
    const auto command = MakeCommand();
    const auto buffer = MakeBuffer(kPage);
    ASSERT_EQ(buffer->SetLength(1000), kIOReturnSuccess);
    ASSERT_EQ(Prepare(*command, buffer.get()), kIOReturnSuccess);
    EXPECT_EQ(segments_[0].length, 1000U);
    EXPECT_EQ(command->CompleteDMA(0), kIOReturnSuccess);
    EXPECT_EQ(Prepare(*command, buffer.get(), 8), kIOReturnOverrun);
}

TEST_F(DmaCommand, RangeOutsideTheMemory_IsOverrunAndNothingStays) {
    const auto command = MakeCommand();
    const auto buffer = MakeBuffer(kPage);
    EXPECT_EQ(Prepare(*command, buffer.get(), kPage, 1), kIOReturnOverrun);
    EXPECT_EQ(Prepare(*command, buffer.get(), UINT64_MAX, 2), kIOReturnOverrun);
    EXPECT_EQ(Prepare(*command, buffer.get(), 0, uint64_t{1} << 63), kIOReturnOverrun);
    EXPECT_EQ(command->CompleteDMA(0), kIOReturnNotReady);
}

TEST_F(DmaCommand, OtherMemoryWhilePrepared_IsBusy) {
    const auto command = MakeCommand();
    const auto first = MakeBuffer(kPage);
    const auto second = MakeBuffer(kPage);
    ASSERT_EQ(Prepare(*command, first.get()), kIOReturnSuccess);
    EXPECT_EQ(Prepare(*command, second.get()), kIOReturnBusy);
    EXPECT_EQ(mapper_->mappings().size(), 1U);
}

TEST_F(DmaCommand, SameMemoryAgain_IsPreparedAnew) {
    const auto command = MakeCommand();
    const auto buffer = MakeBuffer(2 * kPage);
    ASSERT_EQ(Prepare(*command, buffer.get()), kIOReturnSuccess);
    ASSERT_EQ(Prepare(*command, buffer.get(), kPage, 10), kIOReturnSuccess);
    ASSERT_EQ(mapper_->mappings().size(), 1U);
    EXPECT_EQ(mapper_->mappings().begin()->second.num_bytes, 10U);
    EXPECT_EQ(command->CompleteDMA(0), kIOReturnSuccess);
    EXPECT_EQ(command->CompleteDMA(0), kIOReturnNotReady);
}

class ScatteredMemory {
public:
    /// `count` pieces of 100 bytes that start in the middle of pages.
    explicit ScatteredMemory(uint32_t count) {
        std::array<IOMemoryDescriptor *, 32> parts = {};
        for (uint32_t i = 0; i < count; ++i) {
            parts_.push_back(MakeClientMemory(100, kIOMemoryDirectionInOut, 64));
            parts[i] = parts_.back().get();
        }
        IOMemoryDescriptor *made = nullptr;
        EXPECT_EQ(IOMemoryDescriptor::CreateWithMemoryDescriptors(kIOMemoryDirectionInOut, count,
                                                                  parts.data(), &made),
                  kIOReturnSuccess);
        whole_.reset(made);
    }
    IOMemoryDescriptor *get() { return whole_.get(); }

private:
    std::vector<Retained<IOMemoryDescriptor>> parts_;
    Retained<IOMemoryDescriptor> whole_;
};

TEST_F(DmaCommand, MoreSegmentsThanRoom_SucceedsWithTheFirst) {
    const auto command = MakeCommand();
    ScatteredMemory memory(5);
    count_ = 2;
    ASSERT_EQ(Prepare(*command, memory.get()), kIOReturnSuccess);
    EXPECT_EQ(count_, 2U);
    EXPECT_EQ(segments_[0].length + segments_[1].length, 200U);
    EXPECT_EQ(segments_[2].length, 0U);
    EXPECT_EQ(mapper_->mappings().size(), 5U);
}

TEST_F(DmaCommand, PagesOfSeveralBuffers_AreOneSegment) {
    const auto command = MakeCommand();
    const auto first = MakeBuffer(kPage);
    const auto second = MakeBuffer(kPage);
    IOMemoryDescriptor *parts[32] = {first.get(), second.get()};
    IOMemoryDescriptor *made = nullptr;
    ASSERT_EQ(IOMemoryDescriptor::CreateWithMemoryDescriptors(0, 2, parts, &made),
              kIOReturnSuccess);
    const Retained<IOMemoryDescriptor> whole(made);
    ASSERT_EQ(Prepare(*command, whole.get(), 10), kIOReturnOverrun);
    ASSERT_EQ(Prepare(*command, whole.get(), 10, 2 * kPage - 10), kIOReturnSuccess);
    EXPECT_EQ(count_, 1U);
    EXPECT_EQ(segments_[0].length, 2 * kPage - 10);
}

TEST_F(DmaCommand, NeighbouringAddresses_AreMerged) {
    const auto command = MakeCommand();
    mapper_->LeaveGaps(0);
    // Ends on a page, then starts in the middle of one: two mappings, not neighbours. Then one that fits.
    const auto first = MakeClientMemory(kPage, kIOMemoryDirectionInOut, 0);
    IOMemoryDescriptor *parts[32] = {first.get(), first.get()};
    IOMemoryDescriptor *made = nullptr;
    ASSERT_EQ(IOMemoryDescriptor::CreateWithMemoryDescriptors(0, 2, parts, &made),
              kIOReturnSuccess);
    const Retained<IOMemoryDescriptor> whole(made);
    ASSERT_EQ(Prepare(*command, whole.get()), kIOReturnSuccess);
    EXPECT_EQ(count_, 1U);
    EXPECT_EQ(segments_[0].length, 2 * kPage);
}

TEST_F(DmaCommand, MapperFailsHalfWay_EverythingIsUnwound) {
    const auto command = MakeCommand(32);
    ScatteredMemory memory(4);
    mapper_->FailAfter(2, kIOReturnMessageTooLarge);
    EXPECT_EQ(Prepare(*command, memory.get()), kIOReturnMessageTooLarge);
    EXPECT_TRUE(mapper_->mappings().empty());
    EXPECT_EQ(command->CompleteDMA(0), kIOReturnNotReady);
    EXPECT_EQ(TakeMemoryCensus().num_prepared, 0U);
}

TEST_F(DmaCommand, MemoryThatItsOwnerCouldNotGive_CannotBeWired) {
    const auto command = MakeCommand();
    const auto memory = DescriptorFromSlice({}, kIOMemoryDirectionIn, 10000);
    EXPECT_EQ(Prepare(*command, memory.get()), kIOReturnCannotWire);
}

TEST_F(DmaCommand, OnePartThatIsMissing_KeepsAllFromBeingWired) {
    const auto command = MakeCommand();
    const auto there = MakeClientMemory(kPage, kIOMemoryDirectionIn);
    const auto missing = DescriptorFromSlice({}, kIOMemoryDirectionIn, kPage);
    IOMemoryDescriptor *parts[32] = {there.get(), missing.get()};
    IOMemoryDescriptor *made = nullptr;
    ASSERT_EQ(IOMemoryDescriptor::CreateWithMemoryDescriptors(0, 2, parts, &made),
              kIOReturnSuccess);
    const Retained<IOMemoryDescriptor> whole(made);
    EXPECT_EQ(Prepare(*command, whole.get(), 0, 10), kIOReturnCannotWire);
    const auto slice = SharedSlice{*SharedRegion::Create(kPage, "client"), 0, kPage};
    const auto client =
        DescriptorFromSlices({{slice, nullptr}, {{nullptr, 0, 8}, nullptr}}, kIOMemoryDirectionIn);
    EXPECT_EQ(Prepare(*command, client.get(), 0, 10), kIOReturnCannotWire);
    EXPECT_EQ(TakeMemoryCensus().num_prepared, 0U);
}

// semantics.md 2.9
TEST_F(DmaCommand, ClientMemoryInSeveralSlices_HasOneSegmentForEachThatMeetsInsideAPage) {
    const auto command = MakeCommand();
    const auto region = *SharedRegion::Create(8 * kPage, "client");
    const std::vector<ClientSlice> slices = {{{region, 100, 50}, nullptr},
                                             {{region, kPage, kPage}, nullptr},
                                             {{region, 3 * kPage, 2 * kPage}, nullptr},
                                             {{region, 5 * kPage, 9}, nullptr},
                                             {{region, 30, 60}, nullptr}};
    const auto memory = DescriptorFromSlices(slices, kIOMemoryDirectionIn);
    ASSERT_EQ(Prepare(*command, memory.get()), kIOReturnSuccess);
    ASSERT_EQ(count_, 3U);
    EXPECT_EQ(segments_[0].length, 50U);
    EXPECT_EQ(segments_[0].address % kPage, 100U);
    EXPECT_EQ(segments_[1].length, 3 * kPage + 9);
    EXPECT_EQ(segments_[2].length, 60U);
    ASSERT_EQ(Prepare(*command, memory.get(), 50 + kPage - 8, 20), kIOReturnSuccess);
    ASSERT_EQ(count_, 1U);
    EXPECT_EQ(mapper_->mappings().begin()->second.num_bytes, 20U);
}

// semantics.md 2.9
TEST_F(DmaCommand, ClientMemoryWhoseWritesStay_IsStillReachedByDma) {
    const auto command = MakeCommand();
    const auto region = *SharedRegion::Create(kPage, "client");
    const auto memory = DescriptorFromSlices({{{region, 8, 100}, nullptr}}, kIOMemoryDirectionInOut,
                                             ClientWrites::kStayInTheMapping);
    const auto map = MapMemory(*memory);
    *reinterpret_cast<std::byte *>(map->GetAddress()) = std::byte{1};
    ASSERT_EQ(Prepare(*command, memory.get()), kIOReturnSuccess);
    std::byte *seen = mapper_->mappings().begin()->second.pieces[0].address;
    EXPECT_EQ(*seen, std::byte{0});
    *seen = std::byte{2};
    EXPECT_EQ(region->ReadOnly()[8], std::byte{2});
    ASSERT_EQ(command->PerformOperation(kIODMACommandPerformOperationOptionZero, 0, 1, 0, nullptr),
              kIOReturnSuccess);
    EXPECT_EQ(region->ReadOnly()[8], std::byte{0});
    EXPECT_EQ(*reinterpret_cast<std::byte *>(map->GetAddress()), std::byte{1});
}

TEST_F(DmaCommand, LeaseOfPreparedMemory_EndsWhenItIsCompleted) {
    const auto command = MakeCommand();
    auto lease = std::make_shared<int>(0);
    const std::weak_ptr<int> watch = lease;
    auto memory = DescriptorFromSlices(
        {{{*SharedRegion::Create(kPage, "client"), 0, kPage}, std::move(lease)}},
        kIOMemoryDirectionIn);
    ASSERT_EQ(Prepare(*command, memory.get()), kIOReturnSuccess);
    memory.reset();
    EXPECT_FALSE(watch.expired());
    ASSERT_EQ(command->CompleteDMA(0), kIOReturnSuccess);
    EXPECT_TRUE(watch.expired());
}

TEST_F(DmaCommand, Complete_ChecksOptionsBeforeState) {
    const auto command = MakeCommand();
    EXPECT_EQ(command->CompleteDMA(1), kIOReturnBadArgument);
    EXPECT_EQ(command->CompleteDMA(0), kIOReturnNotReady);
}

TEST_F(DmaCommand, GetPreparation_RetainsTheMemory) {
    const auto command = MakeCommand();
    auto buffer = MakeBuffer(kPage);
    uint64_t offset = 0;
    uint64_t length = 0;
    IOMemoryDescriptor *memory = nullptr;
    EXPECT_EQ(command->GetPreparation(&offset, &length, &memory), kIOReturnNotReady);
    ASSERT_EQ(Prepare(*command, buffer.get(), 4, 5), kIOReturnSuccess);
    ASSERT_EQ(command->GetPreparation(&offset, &length, &memory), kIOReturnSuccess);
    const Retained<IOMemoryDescriptor> kept(memory);
    EXPECT_EQ(offset, 4U);
    EXPECT_EQ(length, 5U);
    EXPECT_EQ(kept.get(), buffer.get());
    ASSERT_EQ(command->CompleteDMA(0), kIOReturnSuccess);
    buffer.reset();
    EXPECT_EQ(kept->GetLength(&length), kIOReturnSuccess);
    EXPECT_EQ(length, kPage);
}

TEST_F(DmaCommand, ReleasedWhilePrepared_CompletesAndFreesTheMemory) {
    const MemoryCensus before = TakeMemoryCensus();
    {
        auto command = MakeCommand();
        auto buffer = MakeBuffer(kPage);
        ASSERT_EQ(Prepare(*command, buffer.get()), kIOReturnSuccess);
        buffer.reset();
        EXPECT_EQ(TakeMemoryCensus().num_descriptors, before.num_descriptors + 1);
        EXPECT_EQ(TakeMemoryCensus().num_prepared, before.num_prepared + 1);
        command.reset();
    }
    EXPECT_EQ(TakeMemoryCensus(), before);
    EXPECT_TRUE(mapper_->mappings().empty());
}

TEST_F(DmaCommand, PerformOperationWithBadArguments_IsRefused) {
    const auto command = MakeCommand();
    const auto buffer = MakeBuffer(kPage);
    const auto data = MakeBuffer(100);
    EXPECT_EQ(command->PerformOperation(8, 0, 1, 0, data.get()), kIOReturnBadArgument);
    EXPECT_EQ(command->PerformOperation(1, 0, 1, 0, data.get()), kIOReturnNotReady);
    ASSERT_EQ(Prepare(*command, buffer.get()), kIOReturnSuccess);
    for (const uint64_t options : {0U, 3U, 5U, 6U, 7U}) {
        EXPECT_EQ(command->PerformOperation(options, 0, 1, 0, data.get()), kIOReturnBadArgument)
            << options;
    }
    EXPECT_EQ(command->PerformOperation(4, 0, kPage + 1, 0, nullptr), kIOReturnBadArgument);
    EXPECT_EQ(command->PerformOperation(1, 0, 1, 0, nullptr), kIOReturnBadArgument);
    EXPECT_EQ(command->PerformOperation(2, 0, 101, 0, data.get()), kIOReturnBadArgument);
    EXPECT_EQ(command->PerformOperation(4, kPage - 1, 2, 0, nullptr), kIOReturnUnderrun);
    EXPECT_EQ(command->PerformOperation(4, UINT64_MAX, 2, 0, nullptr), kIOReturnUnderrun);
    EXPECT_EQ(command->PerformOperation(1, 0, 2, 99, data.get()), kIOReturnUnderrun);
}

TEST_F(DmaCommand, PerformOperation_MovesBytesFromTheStartOfThePreparation) {
    const auto command = MakeCommand();
    ScatteredMemory memory(3);
    const auto data = MakeBuffer(300);
    const auto bytes = BytesOf(*data);
    for (size_t i = 0; i < bytes.size(); ++i) {
        bytes[i] = static_cast<std::byte>(i * 7);
    }
    const std::vector<std::byte> original(bytes.begin(), bytes.end());
    ASSERT_EQ(Prepare(*command, memory.get(), 50, 220), kIOReturnSuccess);
    ASSERT_EQ(command->PerformOperation(kIODMACommandPerformOperationOptionWrite, 10, 200, 90,
                                        data.get()),
              kIOReturnSuccess);
    ASSERT_EQ(
        command->PerformOperation(kIODMACommandPerformOperationOptionZero, 100, 50, 0, nullptr),
        kIOReturnSuccess);
    std::ranges::fill(bytes, std::byte{0xEE});
    ASSERT_EQ(
        command->PerformOperation(kIODMACommandPerformOperationOptionRead, 10, 200, 0, data.get()),
        kIOReturnSuccess);
    for (size_t i = 0; i < 200; ++i) {
        const bool is_zeroed = i >= 90 && i < 140;
        ASSERT_EQ(bytes[i], is_zeroed ? std::byte{0} : original[90 + i]) << i;
    }
    EXPECT_EQ(bytes[200], std::byte{0xEE});
}

TEST_F(DmaCommand, PerformOperationOnOverlappingMemory_MovesTheFormerBytes) {
    const auto command = MakeCommand();
    const auto first = MakeBuffer(kPage);
    const auto second = MakeBuffer(kPage);
    std::ranges::fill(BytesOf(*first), std::byte{1});
    std::ranges::fill(BytesOf(*second), std::byte{2});
    // The data are the pages of the prepared memory the other way round, moved by half a page.
    IOMemoryDescriptor *forth[32] = {first.get(), second.get()};
    IOMemoryDescriptor *back[32] = {second.get(), first.get()};
    IOMemoryDescriptor *made = nullptr;
    ASSERT_EQ(IOMemoryDescriptor::CreateWithMemoryDescriptors(0, 2, forth, &made),
              kIOReturnSuccess);
    const Retained<IOMemoryDescriptor> prepared(made);
    ASSERT_EQ(IOMemoryDescriptor::CreateWithMemoryDescriptors(0, 2, back, &made), kIOReturnSuccess);
    const Retained<IOMemoryDescriptor> data(made);
    ASSERT_EQ(Prepare(*command, prepared.get()), kIOReturnSuccess);
    ASSERT_EQ(command->PerformOperation(kIODMACommandPerformOperationOptionWrite, 0, 2 * kPage - 64,
                                        64, data.get()),
              kIOReturnSuccess);
    EXPECT_EQ(BytesOf(*first)[0], std::byte{2});
    EXPECT_EQ(BytesOf(*first)[kPage - 65], std::byte{2});
    EXPECT_EQ(BytesOf(*first)[kPage - 64], std::byte{1});
    EXPECT_EQ(BytesOf(*second)[0], std::byte{1});
    EXPECT_EQ(BytesOf(*second)[kPage - 65], std::byte{1});
    EXPECT_EQ(BytesOf(*second)[kPage - 64], std::byte{2});
}

TEST_F(DmaCommand, Tag_NamesWhoPreparedAndCompleted) {
    const auto command = MakeCommand();
    const auto buffer = MakeBuffer(kPage, kIOMemoryDirectionIn);
    ASSERT_EQ(Prepare(*command, buffer.get(), 16, 32), kIOReturnSuccess);
    const uint64_t tag = mapper_->mappings().begin()->second.tag;
    EXPECT_NE(
        DescribePreparation(tag).find("prepared 32 bytes from offset 16 for the device to write"),
        std::string::npos)
        << DescribePreparation(tag);
    EXPECT_NE(DescribePreparation(tag).find(" ms ago in opendext_memory_test+0x"),
              std::string::npos)
        << DescribePreparation(tag);
    EXPECT_EQ(DescribePreparation(tag).find("completed"), std::string::npos);
    ASSERT_EQ(command->CompleteDMA(0), kIOReturnSuccess);
    const std::string after = DescribePreparation(tag);
    const size_t completed = after.find("completed by thread");
    ASSERT_NE(completed, std::string::npos);
    EXPECT_NE(after.find("in opendext_memory_test+0x", completed), std::string::npos) << after;
    EXPECT_NE(DescribePreparation(0).find("no longer known"), std::string::npos);
}

TEST_F(DmaCommand, ManyThreadsOnOneCommand_AreServedOneAtATime) {
    const auto command = MakeCommand();
    const auto first = MakeBuffer(kPage);
    const auto second = MakeBuffer(kPage);
    std::atomic<int> num_unexpected = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&, t] {
            for (int i = 0; i < 500; ++i) {
                uint32_t count = 1;
                uint64_t flags = 0;
                IOAddressSegment segments[32] = {};
                IOMemoryDescriptor *memory = t % 2 == 0 ? first.get() : second.get();
                const kern_return_t prepared =
                    command->PrepareForDMA(0, memory, 0, 0, &flags, &count, segments);
                const kern_return_t completed = command->CompleteDMA(0);
                num_unexpected += prepared != kIOReturnSuccess && prepared != kIOReturnBusy;
                num_unexpected += completed != kIOReturnSuccess && completed != kIOReturnNotReady;
            }
        });
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
    EXPECT_EQ(num_unexpected, 0);
    static_cast<void>(command->CompleteDMA(0));
}

}  // namespace
}  // namespace opendext::memory
