// SPDX-License-Identifier: Apache-2.0
#include "models/fpga_dma/fpga_dma_model.h"

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <numeric>
#include <thread>
#include <vector>

#include "backends/emulated/emulated_pci_backend.h"

namespace opendext::models {
namespace {

using namespace fpga_dma;
using namespace backends;
using W = AccessWidth;

constexpr uint64_t kRamBytes = 16ULL << 20;

// Waits for interrupts of any vector.
class WaitingSink final : public InterruptSink {
public:
    void OnInterrupt(InterruptVector vector) override {
        {
            const std::lock_guard lock(mutex_);
            ++counts_.at(vector);
        }
        arrived_.notify_all();
    }
    [[nodiscard]] bool WaitFor(InterruptVector vector, int count = 1) {
        std::unique_lock lock(mutex_);
        return arrived_.wait_for(lock, std::chrono::seconds(30),
                                 [&] { return counts_.at(vector) >= count; });
    }
    [[nodiscard]] int count(InterruptVector vector) {
        const std::lock_guard lock(mutex_);
        return counts_.at(vector);
    }

private:
    std::mutex mutex_;
    std::condition_variable arrived_;
    std::array<int, kNumVectors> counts_{};
};

// A card that is switched on, with its four MSI-X vectors connected and host memory that it can reach.
class FpgaDmaModelTest : public testing::Test {
protected:
    static constexpr uint32_t kDescriptorDone = 0;
    static constexpr uint32_t kListDone = 1;
    static constexpr uint32_t kError = 2;
    static constexpr uint32_t kUser = 3;

    FpgaDmaModelTest() {
        backend_ = EmulatedPciBackend::Create(
                       std::make_unique<FpgaDmaModel>(FpgaDmaOptions{.ram_bytes = kRamBytes}))
                       .value();
        backend_->WriteConfig(pci::kCommand, W::k16, pci::kCommandMemory | pci::kCommandBusMaster);
        EXPECT_TRUE(backend_->AllocateVectors(InterruptKind::kMsix, kNumVectors));
        for (uint32_t i = 0; i < kNumVectors; ++i) {
            EXPECT_TRUE(backend_->ConnectVector(i, &sink_));
        }
        Write(kRegControl, kControlEnable);
        Write(kRegInterruptEnable, kInterruptAll);
        list_iova_ =
            MapHost(reinterpret_cast<std::byte *>(list_.data()), list_.size() * sizeof(Descriptor));
    }

    uint32_t Read(uint32_t offset) {
        return static_cast<uint32_t>(backend_->ReadMemory(0, offset, W::k32));
    }
    void Write(uint32_t offset, uint32_t value) { backend_->WriteMemory(0, offset, W::k32, value); }
    uint64_t MapHost(std::byte *address, uint64_t num_bytes,
                     DmaAccess access = DmaAccess::kReadWrite) {
        const HostSpan piece{.address = address, .num_bytes = num_bytes};
        return backend_->Dma().Map({.pieces = std::span(&piece, 1), .access = access}).value().value;
    }
    void Ring(uint32_t count) {
        backend_->WriteMemory(0, kRegListBaseLow, W::k64, list_iova_);
        Write(kRegListCount, count);
        Write(kRegDoorbell, 1);
    }
    [[nodiscard]] std::byte *Ram() { return backend_->MapDirect(1).value().address; }

    WaitingSink sink_;
    std::unique_ptr<EmulatedPciBackend> backend_;
    std::vector<Descriptor> list_ = std::vector<Descriptor>(kMaxDescriptors);
    uint64_t list_iova_ = 0;
};

std::vector<std::byte> Pattern(size_t num_bytes, uint32_t seed) {
    std::vector<std::byte> bytes(num_bytes);
    for (std::byte &byte : bytes) {
        seed = seed * 1664525 + 1013904223;
        byte = static_cast<std::byte>(seed >> 24);
    }
    return bytes;
}

TEST_F(FpgaDmaModelTest, Identity_IsThatOfTheManual) {
    EXPECT_EQ(backend_->ReadConfig(pci::kVendorId, W::k16), kVendorId);
    EXPECT_EQ(backend_->ReadConfig(pci::kDeviceId, W::k16), kDeviceId);
    EXPECT_EQ(Read(kRegId), kIdValue);
    EXPECT_EQ(Read(kRegVersion), kVersionValue);
    EXPECT_EQ(backend_->ReadMemory(0, kRegRamSizeLow, W::k64), kRamBytes);
    ASSERT_EQ(backend_->MemoryRanges().size(), 2U);
    EXPECT_EQ(backend_->MemoryRanges()[1].num_bytes, kRamBytes);
}

TEST_F(FpgaDmaModelTest, Registers_AnswerNarrowReadsAndIgnoreNarrowWrites) {
    Write(kRegScratch, 0x11223344);
    EXPECT_EQ(backend_->ReadMemory(0, kRegScratch, W::k8), 0x44U);
    EXPECT_EQ(backend_->ReadMemory(0, kRegScratch + 3, W::k8), 0x11U);
    EXPECT_EQ(backend_->ReadMemory(0, kRegScratch + 2, W::k16), 0x1122U);
    EXPECT_EQ(backend_->ReadMemory(0, kRegScratch + 1, W::k16), 0xFFFFU);
    backend_->WriteMemory(0, kRegScratch, W::k8, 0xFF);
    backend_->WriteMemory(0, kRegScratch + 2, W::k32, 0xFFFFFFFF);
    EXPECT_EQ(Read(kRegScratch), 0x11223344U);
    Write(kRegId, 0);
    EXPECT_EQ(Read(kRegId), kIdValue);
}

TEST_F(FpgaDmaModelTest, Transfers_AreExactAtOddSizesAndAddresses) {
    std::vector<std::byte> host = Pattern(70000, 1);
    const uint64_t host_iova = MapHost(host.data(), host.size());
    const auto original = host;
    uint32_t round = 0;
    for (const uint32_t num_bytes : {1U, 2U, 3U, 4095U, 4096U, 4097U, 65537U}) {
        for (const uint32_t shift : {0U, 1U, 7U, 4095U}) {
            SCOPED_TRACE(testing::Message() << num_bytes << " bytes, shifted by " << shift);
            std::memset(Ram(), 0, 80000);
            list_[0] = {.host_address = host_iova + shift,
                        .card_address = 4099,
                        .num_bytes = num_bytes,
                        .flags = kDescriptorToCard,
                        .reserved = 0};
            list_[1] = {.host_address = host_iova,
                        .card_address = 4099,
                        .num_bytes = num_bytes,
                        .flags = 0,
                        .reserved = 0};
            Ring(2);
            ASSERT_TRUE(sink_.WaitFor(kListDone, static_cast<int>(++round)));
            ASSERT_EQ(Read(kRegErrorCode), kErrorNone);
            EXPECT_EQ(std::memcmp(Ram() + 4099, original.data() + shift, num_bytes), 0);
            EXPECT_EQ(Ram()[4098], std::byte{0});
            EXPECT_EQ(Ram()[4099 + num_bytes], std::byte{0});
            EXPECT_EQ(std::memcmp(host.data(), original.data() + shift, num_bytes), 0);
            EXPECT_EQ(std::memcmp(host.data() + num_bytes, original.data() + num_bytes,
                                  host.size() - num_bytes),
                      0);
            host = original;
        }
    }
    EXPECT_EQ(Read(kRegListsEnded), round);
}

TEST_F(FpgaDmaModelTest, ListOf1024Descriptors_GathersInOrder) {
    constexpr uint64_t kPieceBytes = 100;
    std::vector<std::byte> host = Pattern(kMaxDescriptors * kPieceBytes, 2);
    const uint64_t host_iova = MapHost(host.data(), host.size(), DmaAccess::kRead);
    for (uint32_t i = 0; i < kMaxDescriptors; ++i) {
        // The last piece of the host goes to the start of the card.
        list_[i] = {.host_address = host_iova + (kMaxDescriptors - 1 - i) * kPieceBytes,
                    .card_address = i * kPieceBytes,
                    .num_bytes = kPieceBytes,
                    .flags = kDescriptorToCard,
                    .reserved = 0};
    }
    Ring(kMaxDescriptors);
    ASSERT_TRUE(sink_.WaitFor(kListDone));
    EXPECT_EQ(Read(kRegCompletedCount), kMaxDescriptors);
    EXPECT_EQ(backend_->ReadMemory(0, kRegBytesMovedLow, W::k64), kMaxDescriptors * kPieceBytes);
    for (uint32_t i = 0; i < kMaxDescriptors; ++i) {
        ASSERT_EQ(std::memcmp(Ram() + i * kPieceBytes,
                              host.data() + (kMaxDescriptors - 1 - i) * kPieceBytes, kPieceBytes),
                  0);
    }
}

TEST_F(FpgaDmaModelTest, LastFlag_EndsTheListAndInterruptFlagSignalsEach) {
    std::vector<std::byte> host(64);
    const uint64_t host_iova = MapHost(host.data(), host.size());
    for (uint32_t i = 0; i < 4; ++i) {
        list_[i] = {.host_address = host_iova,
                    .card_address = 0,
                    .num_bytes = 8,
                    .flags = kDescriptorInterrupt | (i == 2 ? kDescriptorLast : 0),
                    .reserved = 0};
    }
    Ring(4);
    ASSERT_TRUE(sink_.WaitFor(kListDone));
    EXPECT_EQ(Read(kRegCompletedCount), 3U);
    EXPECT_EQ(sink_.count(kDescriptorDone), 3);
    EXPECT_EQ(Read(kRegInterruptStatus), kInterruptDescriptorDone | kInterruptListDone);
    Write(kRegInterruptStatus, kInterruptListDone);
    EXPECT_EQ(Read(kRegInterruptStatus), kInterruptDescriptorDone);
}

TEST_F(FpgaDmaModelTest, IommuFault_IsReportedWithTheDescriptorThatFailed) {
    std::vector<std::byte> host(100);
    const uint64_t host_iova = MapHost(host.data(), host.size());
    for (uint32_t i = 0; i < 3; ++i) {
        list_[i] = {.host_address = host_iova,
                    .card_address = 64,
                    .num_bytes = 100,
                    .flags = 0,
                    .reserved = 0};
    }
    list_[2].host_address = host_iova + 1;
    Ring(3);
    ASSERT_TRUE(sink_.WaitFor(kError));
    EXPECT_EQ(Read(kRegErrorCode), kErrorHostAccess);
    EXPECT_EQ(Read(kRegErrorIndex), 2U);
    EXPECT_EQ(Read(kRegCompletedCount), 2U);
    EXPECT_EQ(backend_->ReadMemory(0, kRegErrorAddressLow, W::k64), host_iova + 1);
    EXPECT_EQ(backend_->ReadMemory(0, kRegErrorCardAddressLow, W::k64), 64U);
    EXPECT_EQ(Read(kRegStatus), kStatusError);
    Ring(1);
    ASSERT_TRUE(sink_.WaitFor(kListDone));
    EXPECT_EQ(Read(kRegStatus), 0U);
    EXPECT_EQ(Read(kRegErrorCode), kErrorNone);
}

TEST_F(FpgaDmaModelTest, UnmappedList_IsAFetchError) {
    ASSERT_TRUE(backend_->Dma().Unmap(IovaAddress{list_iova_}, list_.size() * sizeof(Descriptor)));
    Ring(1);
    ASSERT_TRUE(sink_.WaitFor(kError));
    EXPECT_EQ(Read(kRegErrorCode), kErrorDescriptorFetch);
    EXPECT_EQ(backend_->ReadMemory(0, kRegErrorAddressLow, W::k64), list_iova_);
}

TEST_F(FpgaDmaModelTest, BadDescriptorsAndCounts_AreErrors) {
    std::vector<std::byte> host(64);
    const Descriptor good{.host_address = MapHost(host.data(), host.size()),
                          .card_address = 0,
                          .num_bytes = 64,
                          .flags = 0,
                          .reserved = 0};
    int errors = 0;
    const auto error_of = [&](Descriptor descriptor, uint32_t count) {
        list_[0] = descriptor;
        Ring(count);
        EXPECT_TRUE(sink_.WaitFor(kError, ++errors));
        return Read(kRegErrorCode);
    };
    const auto changed = [&](auto change) {
        Descriptor copy = good;
        change(copy);
        return copy;
    };
    EXPECT_EQ(error_of(changed([](Descriptor &d) { d.card_address = kRamBytes - 63; }), 1),
              kErrorCardRange);
    EXPECT_EQ(error_of(changed([](Descriptor &d) { d.card_address = ~0ULL; }), 1), kErrorCardRange);
    EXPECT_EQ(error_of(changed([](Descriptor &d) { d.num_bytes = 0; }), 1), kErrorBadDescriptor);
    EXPECT_EQ(error_of(changed([](Descriptor &d) { d.flags = 0x8; }), 1), kErrorBadDescriptor);
    EXPECT_EQ(error_of(good, 0), kErrorBadCount);
    EXPECT_EQ(error_of(good, kMaxDescriptors + 1), kErrorBadCount);
    Write(kRegControl, 0);
    EXPECT_EQ(error_of(good, 1), kErrorDisabled);
}

TEST_F(FpgaDmaModelTest, InterruptsThatWereDisabled_ComeWhenEnabled) {
    Write(kRegInterruptEnable, 0);
    Write(kRegInterruptTrigger, ~0U);
    EXPECT_EQ(Read(kRegInterruptStatus), kInterruptUser);
    EXPECT_EQ(sink_.count(kUser), 0);
    Write(kRegInterruptEnable, kInterruptUser);
    EXPECT_EQ(sink_.count(kUser), 1);
}

TEST_F(FpgaDmaModelTest, PinInterrupt_FollowsTheStatusRegister) {
    backend_->ReleaseVectors();
    ASSERT_TRUE(backend_->AllocateVectors(InterruptKind::kIntx, 1));
    WaitingSink line;
    ASSERT_TRUE(backend_->ConnectVector(0, &line));
    Write(kRegInterruptTrigger, kInterruptUser);
    EXPECT_EQ(line.count(0), 1);
    Write(kRegInterruptStatus, kInterruptUser);
    backend_->MaskVector(0, false);
    EXPECT_EQ(line.count(0), 1);
    backend_->DisconnectVector(0);
}

TEST_F(FpgaDmaModelTest, Reset_StopsTheEngineAndKeepsRam) {
    std::vector<std::byte> host(8 << 20, std::byte{0x77});
    const uint64_t host_iova = MapHost(host.data(), host.size());
    for (uint32_t i = 0; i < kMaxDescriptors; ++i) {
        list_[i] = {.host_address = host_iova,
                    .card_address = 0,
                    .num_bytes = 8 << 20,
                    .flags = kDescriptorToCard | kDescriptorInterrupt,
                    .reserved = 0};
    }
    Ring(kMaxDescriptors);
    ASSERT_TRUE(sink_.WaitFor(kDescriptorDone));
    Ring(1);
    EXPECT_NE(Read(kRegStatus) & kStatusDoorbellIgnored, 0U);
    Write(kRegControl, kControlReset);
    EXPECT_EQ(Read(kRegStatus), 0U);
    EXPECT_EQ(Read(kRegListsEnded), 0U);
    // A race if a transfer were still under way.
    std::ranges::fill(host, std::byte{0});
    EXPECT_EQ(Ram()[0], std::byte{0x77});
    EXPECT_EQ(sink_.count(kError), 0);
}

TEST_F(FpgaDmaModelTest, Disable_EndsARunningListWithAnError) {
    std::vector<std::byte> host(8 << 20);
    const uint64_t host_iova = MapHost(host.data(), host.size());
    for (Descriptor &each : list_) {
        each = {.host_address = host_iova,
                .card_address = 0,
                .num_bytes = 8 << 20,
                .flags = kDescriptorInterrupt,
                .reserved = 0};
    }
    Ring(kMaxDescriptors);
    ASSERT_TRUE(sink_.WaitFor(kDescriptorDone));
    Write(kRegControl, 0);
    ASSERT_TRUE(sink_.WaitFor(kError));
    EXPECT_EQ(Read(kRegErrorCode), kErrorDisabled);
    EXPECT_EQ(Read(kRegErrorIndex), Read(kRegCompletedCount));
}

TEST_F(FpgaDmaModelTest, FunctionResetAndUnplug_EndARunningList) {
    std::vector<std::byte> host(8 << 20);
    const uint64_t host_iova = MapHost(host.data(), host.size());
    for (Descriptor &each : list_) {
        each = {.host_address = host_iova,
                .card_address = 0,
                .num_bytes = 8 << 20,
                .flags = kDescriptorInterrupt,
                .reserved = 0};
    }
    Ring(kMaxDescriptors);
    ASSERT_TRUE(sink_.WaitFor(kDescriptorDone));
    ASSERT_TRUE(backend_->Reset(PciResetKind::kFunction));
    std::ranges::fill(host, std::byte{1});
    backend_->WriteConfig(pci::kCommand, W::k16, pci::kCommandMemory | pci::kCommandBusMaster);
    Write(kRegControl, kControlEnable);
    Write(kRegInterruptEnable, kInterruptAll);
    const int seen = sink_.count(kDescriptorDone);
    Ring(kMaxDescriptors);
    ASSERT_TRUE(sink_.WaitFor(kDescriptorDone, seen + 1));
    backend_->Unplug();
    std::ranges::fill(host, std::byte{2});
    EXPECT_EQ(Read(kRegId), 0xFFFFFFFFU);
}

TEST_F(FpgaDmaModelTest, UnmapDuringATransfer_LeavesTheMemoryAloneAfterwards) {
    constexpr uint32_t kEachBytes = 16 << 20;
    std::vector<std::byte> host(kEachBytes);
    for (int round = 1; round <= 10; ++round) {
        const uint64_t host_iova = MapHost(host.data(), host.size());
        for (Descriptor &each : list_) {
            each = {.host_address = host_iova,
                    .card_address = 0,
                    .num_bytes = kEachBytes,
                    .flags = kDescriptorInterrupt,
                    .reserved = 0};
        }
        const int seen = sink_.count(kDescriptorDone);
        Ring(kMaxDescriptors);
        ASSERT_TRUE(sink_.WaitFor(kDescriptorDone, seen + 1));
        ASSERT_TRUE(backend_->Dma().Unmap(IovaAddress{host_iova}, host.size()));
        std::ranges::fill(host, std::byte{1});
        ASSERT_TRUE(sink_.WaitFor(kError, round));
        ASSERT_EQ(Read(kRegErrorCode), kErrorHostAccess);
    }
}

}  // namespace
}  // namespace opendext::models
