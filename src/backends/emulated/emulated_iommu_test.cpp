// SPDX-License-Identifier: Apache-2.0
#include "backends/emulated/emulated_iommu.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <thread>
#include <vector>

namespace opendext::backends {
namespace {

constexpr uint64_t kPage = 4096;

class LastFault final : public IommuFaultListener {
public:
    void OnIommuFault(const IommuFault &fault) override {
        last = fault;
        ++count;
    }
    IommuFault last;
    int count = 0;
};

// Page-aligned memory; tests map any part of it.
class Memory {
public:
    explicit Memory(size_t num_bytes) : bytes_(num_bytes + kPage) {}
    std::byte *at(size_t offset) {
        const auto start = reinterpret_cast<uintptr_t>(bytes_.data());
        return bytes_.data() + ((start + kPage - 1) / kPage * kPage - start) + offset;
    }

private:
    std::vector<std::byte> bytes_;
};

class EmulatedIommuTest : public testing::Test {
protected:
    EmulatedIommuTest() { iommu_.SetFaultListener(&faults_); }

    IovaAddress Map(std::byte *address, uint64_t num_bytes,
                    DmaAccess access = DmaAccess::kReadWrite, uint8_t bits = 64,
                    uint64_t cookie = 1) {
        const HostSpan piece{.address = address, .num_bytes = num_bytes};
        const auto iova = iommu_.Map({.pieces = std::span(&piece, 1),
                                      .access = access,
                                      .max_address_bits = bits,
                                      .cookie = cookie});
        EXPECT_TRUE(iova.has_value()) << iova.error().message;
        return iova.value_or(IovaAddress{});
    }
    bool CanRead(uint64_t iova, size_t num_bytes) {
        std::vector<std::byte> sink(num_bytes);
        return iommu_.Read(IovaAddress{iova}, sink).has_value();
    }

    EmulatedIommu iommu_{PciAddress{.bus = 1, .device = 2, .function = 3}};
    LastFault faults_;
    Memory memory_{16 * kPage};
};

TEST_F(EmulatedIommuTest, MappedBytes_AreMovedBothWays) {
    const IovaAddress iova = Map(memory_.at(100), 5000);
    const std::vector<std::byte> pattern(5000, std::byte{0x5A});
    ASSERT_TRUE(iommu_.Write(iova, pattern));
    std::vector<std::byte> back(5000);
    ASSERT_TRUE(iommu_.Read(iova, back));
    EXPECT_EQ(back, pattern);
    EXPECT_EQ(*memory_.at(99), std::byte{0});
    EXPECT_EQ(*memory_.at(5100), std::byte{0});
}

TEST_F(EmulatedIommuTest, Address_KeepsTheOffsetInThePage) {
    EXPECT_EQ(Map(memory_.at(0x123), 10).value % kPage, 0x123U);
}

TEST_F(EmulatedIommuTest, OneByteOutsideAtEitherEnd_Faults) {
    const uint64_t iova = Map(memory_.at(200), 1000, DmaAccess::kReadWrite, 64, 77).value;
    EXPECT_TRUE(CanRead(iova, 1000));
    EXPECT_TRUE(CanRead(iova + 999, 1));
    EXPECT_EQ(faults_.count, 0);
    EXPECT_FALSE(CanRead(iova - 1, 1));
    EXPECT_FALSE(CanRead(iova - 1, 1001));
    EXPECT_EQ(faults_.last.reason, IommuFaultReason::kOutOfRange);
    EXPECT_FALSE(CanRead(iova, 1001));
    EXPECT_EQ(faults_.last.reason, IommuFaultReason::kOutOfRange);
    EXPECT_EQ(faults_.last.mapping_cookie, 77U);
    EXPECT_FALSE(CanRead(iova + 1000, 1));
    EXPECT_EQ(faults_.last.reason, IommuFaultReason::kOutOfRange);
    EXPECT_EQ(faults_.count, 4);
}

TEST_F(EmulatedIommuTest, RefusedWrite_MovesNothing) {
    const IovaAddress iova = Map(memory_.at(0), 100);
    const std::vector<std::byte> pattern(101, std::byte{0xFF});
    ASSERT_FALSE(iommu_.Write(iova, pattern));
    for (size_t i = 0; i < 101; ++i) {
        ASSERT_EQ(*memory_.at(i), std::byte{0});
    }
}

TEST_F(EmulatedIommuTest, WrongDirection_Faults) {
    const std::vector<std::byte> one(1);
    const IovaAddress read_only = Map(memory_.at(0), 8, DmaAccess::kRead);
    EXPECT_TRUE(CanRead(read_only.value, 8));
    EXPECT_EQ(iommu_.Write(read_only, one).error(), IommuFaultReason::kWrongDirection);
    const IovaAddress write_only = Map(memory_.at(0), 8, DmaAccess::kWrite);
    EXPECT_TRUE(iommu_.Write(write_only, one));
    EXPECT_FALSE(CanRead(write_only.value, 1));
    EXPECT_EQ(faults_.last.reason, IommuFaultReason::kWrongDirection);
    EXPECT_EQ(faults_.last.access, DmaAccess::kRead);
    EXPECT_EQ(faults_.last.device, (PciAddress{.bus = 1, .device = 2, .function = 3}));
}

TEST_F(EmulatedIommuTest, AccessAfterUnmap_FaultsAndNamesTheEndedMapping) {
    const IovaAddress iova = Map(memory_.at(0), 64, DmaAccess::kReadWrite, 64, 42);
    ASSERT_TRUE(iommu_.Unmap(iova, 64));
    EXPECT_FALSE(CanRead(iova.value + 8, 8));
    EXPECT_EQ(faults_.last.reason, IommuFaultReason::kUsedAfterUnmap);
    EXPECT_EQ(faults_.last.mapping_cookie, 42U);
    EXPECT_NE(Describe(faults_.last).find("01:02.3"), std::string::npos);
}

TEST_F(EmulatedIommuTest, EndedAddress_IsNotHandedOutAgainAtOnce) {
    const IovaAddress first = Map(memory_.at(0), 64);
    ASSERT_TRUE(iommu_.Unmap(first, 64));
    EXPECT_NE(Map(memory_.at(0), 64), first);
}

TEST_F(EmulatedIommuTest, UnmapOfAnotherRange_IsRefusedAndTheMappingStays) {
    const IovaAddress iova = Map(memory_.at(0), 64);
    EXPECT_EQ(iommu_.Unmap(iova, 63).error().code, BackendErrorCode::kNotFound);
    EXPECT_EQ(iommu_.Unmap(IovaAddress{iova.value + 1}, 63).error().code,
              BackendErrorCode::kNotFound);
    EXPECT_TRUE(CanRead(iova.value, 64));
    ASSERT_TRUE(iommu_.Unmap(iova, 64));
    EXPECT_EQ(iommu_.Unmap(iova, 64).error().code, BackendErrorCode::kNotFound);
    EXPECT_EQ(iommu_.NumMappings(), 0U);
}

TEST_F(EmulatedIommuTest, NothingMapped_FaultsEvenAtTheEndsOfTheAddressSpace) {
    EXPECT_FALSE(CanRead(0, 1));
    EXPECT_FALSE(CanRead(~0ULL, 1));
    EXPECT_FALSE(CanRead(~0ULL, 4096));
    EXPECT_EQ(faults_.last.reason, IommuFaultReason::kNotMapped);
    const uint64_t iova = Map(memory_.at(0), 64).value;
    EXPECT_FALSE(CanRead(iova + (1ULL << 40), 64));
    EXPECT_EQ(faults_.last.reason, IommuFaultReason::kNotMapped);
}

TEST_F(EmulatedIommuTest, AddressLimit_IsKeptAndExhaustionIsAnError) {
    const IovaAddress low = Map(memory_.at(0), kPage, DmaAccess::kReadWrite, 32);
    EXPECT_LE(low.value + kPage, 1ULL << 32);
    EXPECT_GE(Map(memory_.at(0), kPage).value, 1ULL << 32);
    // 16 bits hold 15 pages behind page 0, a free page after each mapping.
    const HostSpan piece{.address = memory_.at(0), .num_bytes = kPage};
    int num_mapped = 0;
    BackendResult<IovaAddress> last;
    do {
        last = iommu_.Map({.pieces = std::span(&piece, 1), .max_address_bits = 16});
        num_mapped += last.has_value() ? 1 : 0;
    } while (last && num_mapped < 100);
    EXPECT_EQ(num_mapped, 8);
    EXPECT_EQ(last.error().code, BackendErrorCode::kAddressTooWide);
    EXPECT_EQ(iommu_.Map({.pieces = std::span(&piece, 1), .max_address_bits = 12}).error().code,
              BackendErrorCode::kAddressTooWide);
}

TEST_F(EmulatedIommuTest, EndedRoomBelowATightLimit_IsUsedAgain) {
    for (int i = 0; i < 100; ++i) {
        const IovaAddress iova = Map(memory_.at(0), 8 * kPage, DmaAccess::kReadWrite, 17);
        ASSERT_LE(iova.value + 8 * kPage, 1ULL << 17);
        ASSERT_TRUE(iommu_.Unmap(iova, 8 * kPage));
    }
}

TEST_F(EmulatedIommuTest, Pieces_BecomeOneContiguousRange) {
    const std::array pieces = {HostSpan{.address = memory_.at(8 * kPage + 4000), .num_bytes = 96},
                               HostSpan{.address = memory_.at(2 * kPage), .num_bytes = kPage},
                               HostSpan{.address = memory_.at(5 * kPage), .num_bytes = 10}};
    const auto iova = iommu_.Map({.pieces = pieces});
    ASSERT_TRUE(iova.has_value());
    std::vector<std::byte> pattern(96 + kPage + 10);
    for (size_t i = 0; i < pattern.size(); ++i) {
        pattern[i] = static_cast<std::byte>(i * 7);
    }
    ASSERT_TRUE(iommu_.Write(*iova, pattern));
    EXPECT_EQ(std::memcmp(memory_.at(8 * kPage + 4000), pattern.data(), 96), 0);
    EXPECT_EQ(std::memcmp(memory_.at(2 * kPage), pattern.data() + 96, kPage), 0);
    EXPECT_EQ(std::memcmp(memory_.at(5 * kPage), pattern.data() + 96 + kPage, 10), 0);
    std::vector<std::byte> across(20);
    ASSERT_TRUE(iommu_.Read(IovaAddress{iova->value + 90}, across));
    EXPECT_EQ(std::memcmp(across.data(), pattern.data() + 90, 20), 0);
}

TEST_F(EmulatedIommuTest, PiecesThatMeetInsideAPage_AreRefused) {
    const std::array pieces = {HostSpan{.address = memory_.at(0), .num_bytes = 100},
                               HostSpan{.address = memory_.at(kPage), .num_bytes = 100}};
    EXPECT_EQ(iommu_.Map({.pieces = pieces}).error().code, BackendErrorCode::kNotAligned);
}

TEST_F(EmulatedIommuTest, EmptyNullAndWrappingPieces_AreRefused) {
    const auto code = [&](HostSpan piece) {
        return iommu_.Map({.pieces = std::span(&piece, 1)}).error().code;
    };
    EXPECT_EQ(iommu_.Map({}).error().code, BackendErrorCode::kInvalidArgument);
    EXPECT_EQ(code({.address = memory_.at(0), .num_bytes = 0}), BackendErrorCode::kInvalidArgument);
    EXPECT_EQ(code({.address = nullptr, .num_bytes = 1}), BackendErrorCode::kInvalidArgument);
    EXPECT_EQ(code({.address = memory_.at(0), .num_bytes = ~0ULL}),
              BackendErrorCode::kInvalidArgument);
}

// A device that keeps writing one half of whatever is mapped. (Two devices at the same bytes would be a race
// of their own.)
class BusyDevice {
public:
    BusyDevice(EmulatedIommu &iommu, uint64_t offset, uint64_t num_bytes)
        : iommu_(iommu),
          offset_(offset),
          source_(num_bytes, std::byte{1}),
          thread_([this] { Run(); }) {}
    ~BusyDevice() {
        stop_ = true;
        thread_.join();
    }
    void Aim(IovaAddress iova) { target_ = iova.value; }
    void WaitForOneMoreWrite() const {
        const int before = num_writes_;
        while (num_writes_ == before) {
            std::this_thread::yield();
        }
    }

private:
    void Run() {
        while (!stop_) {
            const uint64_t target = target_;
            if (target != 0 && iommu_.Write(IovaAddress{target + offset_}, source_)) {
                ++num_writes_;
            }
        }
    }

    EmulatedIommu &iommu_;
    const uint64_t offset_;
    const std::vector<std::byte> source_;
    std::atomic<uint64_t> target_{0};
    std::atomic<bool> stop_{false};
    std::atomic<int> num_writes_{0};
    std::thread thread_;
};

TEST_F(EmulatedIommuTest, UnmapDuringTransfers_LeavesTheMemoryAloneAfterwards) {
    constexpr size_t kHalf = 1 << 19;
    std::vector<std::byte> target(2 * kHalf);
    BusyDevice first(iommu_, 0, kHalf);
    BusyDevice second(iommu_, kHalf, kHalf);
    for (int round = 0; round < 50; ++round) {
        const IovaAddress iova = Map(target.data(), target.size());
        first.Aim(iova);
        second.Aim(iova);
        first.WaitForOneMoreWrite();
        second.WaitForOneMoreWrite();
        ASSERT_TRUE(iommu_.Unmap(iova, target.size()));
        std::ranges::fill(target, std::byte{0});  // a race if a transfer were still under way
        ASSERT_EQ(std::count(target.begin(), target.end(), std::byte{0}),
                  static_cast<ptrdiff_t>(target.size()));
    }
}

}  // namespace
}  // namespace opendext::backends
