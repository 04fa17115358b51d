// SPDX-License-Identifier: Apache-2.0
#include "models/litepcie/litepcie_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "backends/emulated/emulated_pci_backend.h"

namespace opendext::models {
namespace {

using namespace litepcie;
using namespace backends;
using W = AccessWidth;

constexpr uint32_t kWriter0 = kDmaBase + kDmaWriter;
constexpr uint32_t kReader0 = kDmaBase + kDmaReader;
constexpr uint32_t kNoInterrupt = kDescriptorIrqDisable;

// Counts messages, and lets a test wait for what they announce.
class MessageSink final : public InterruptSink {
public:
    void OnInterrupt(InterruptVector) override {
        {
            const std::lock_guard lock(mutex_);
            ++count_;
        }
        arrived_.notify_all();
    }
    // Asks again after every message, without the lock: a condition reads registers.
    template <typename Condition>
    [[nodiscard]] bool WaitUntil(Condition condition) {
        for (int seen = count(); !condition(); seen = count()) {
            std::unique_lock lock(mutex_);
            if (!arrived_.wait_for(lock, std::chrono::seconds(30),
                                   [&] { return count_ != seen; })) {
                return false;
            }
        }
        return true;
    }
    [[nodiscard]] int count() {
        const std::lock_guard lock(mutex_);
        return count_;
    }

private:
    std::mutex mutex_;
    std::condition_variable arrived_;
    int count_ = 0;
};

struct CountingFaults final : IommuFaultListener {
    void OnIommuFault(const IommuFault &) override { ++count; }
    std::atomic<int> count = 0;
};

// A board that is switched on, with its message connected.
class LitePcieModelTest : public testing::Test {
protected:
    LitePcieModelTest() { PlugIn({}); }

    void PlugIn(LitePcieOptions options) {
        options.bytes_per_second = 0;
        backend_.reset();
        backend_ = EmulatedPciBackend::Create(std::make_unique<LitePcieModel>(options)).value();
        backend_->WriteConfig(pci::kCommand, W::k16, pci::kCommandMemory | pci::kCommandBusMaster);
        EXPECT_TRUE(backend_->AllocateVectors(InterruptKind::kMsi, 1));
        EXPECT_TRUE(backend_->ConnectVector(0, &sink_));
        backend_->Dma().SetFaultListener(&faults_);
        Write(kMsiBase + (options.num_channels - 1) * kBlockSpacing + kMsiEnable, ~0U);
    }

    uint32_t Read(uint32_t offset) {
        return static_cast<uint32_t>(backend_->ReadMemory(0, offset, W::k32));
    }
    void Write(uint32_t offset, uint32_t value) { backend_->WriteMemory(0, offset, W::k32, value); }
    uint64_t MapHost(std::span<std::byte> bytes, uint8_t address_bits = 32) {
        const HostSpan piece{.address = bytes.data(), .num_bytes = bytes.size()};
        return backend_->Dma()
            .Map({.pieces = std::span(&piece, 1), .max_address_bits = address_bits})
            .value()
            .value;
    }
    void ResetTable(uint32_t direction) {
        Write(direction + kDmaEnable, 0);
        Write(direction + kDmaTableReset, 1);
        Write(direction + kDmaTableLoopProgN, 0);
    }
    void Push(uint32_t direction, uint64_t address, uint32_t num_bytes, uint32_t flags = 0) {
        Write(direction + kDmaTableValueHigh, num_bytes | flags);
        Write(direction + kDmaTableValueLow, static_cast<uint32_t>(address));
        Write(direction + kDmaTableWe, static_cast<uint32_t>(address >> 32));
    }
    // Waits for `bits` in the vector of a board with one channel, and clears them.
    [[nodiscard]] bool WaitForEvents(uint32_t bits) {
        const bool came =
            sink_.WaitUntil([&] { return (Read(kMsiBase + kMsiVector) & bits) == bits; });
        Write(kMsiBase + kMsiClear, bits);
        return came;
    }

    MessageSink sink_;
    CountingFaults faults_;
    std::unique_ptr<EmulatedPciBackend> backend_;
};

std::vector<std::byte> Pattern(size_t num_bytes, uint32_t seed) {
    std::vector<std::byte> bytes(num_bytes);
    for (std::byte &byte : bytes) {
        seed = seed * 1664525 + 1013904223;
        byte = static_cast<std::byte>(seed >> 24);
    }
    return bytes;
}

TEST_F(LitePcieModelTest, Identity_IsThatOfTheManual) {
    EXPECT_EQ(backend_->ReadConfig(pci::kVendorId, W::k16), kVendorId);
    EXPECT_EQ(backend_->ReadConfig(pci::kDeviceId, W::k16), kDeviceId);
    ASSERT_EQ(backend_->MemoryRanges().size(), 1U);
    EXPECT_EQ(backend_->MemoryRanges()[0].num_bytes, kRegisterBarBytes);
    EXPECT_EQ(uint64_t{Read(kDnaBase + kDnaIdHigh)} << 32 | Read(kDnaBase + kDnaIdLow),
              kDnaDefault);
    std::string identifier;
    for (uint32_t at = kIdentifierBase; Read(at) != 0; at += 4) {
        identifier += static_cast<char>(Read(at));
    }
    EXPECT_NE(identifier.find("LitePCIe"), std::string::npos);
    EXPECT_EQ(Read(kPhyBase + kPhyLinkStatus), kLinkStatusUp);
    EXPECT_EQ(Read(kXadcBase + kXadcVccAux), kVccAuxValue);
}

TEST_F(LitePcieModelTest, Registers_AnswerNarrowReadsAndIgnoreNarrowWrites) {
    constexpr uint32_t kScratch = kCtrlBase + kCtrlScratch;
    EXPECT_EQ(Read(kScratch), kScratchAfterReset);
    Write(kScratch, 0xDEADBEEF);
    EXPECT_EQ(Read(kScratch), 0xDEADBEEFU);
    EXPECT_EQ(backend_->ReadMemory(0, kScratch + 3, W::k8), 0xDEU);
    EXPECT_EQ(backend_->ReadMemory(0, kScratch + 1, W::k16), 0xFFFFU);
    backend_->WriteMemory(0, kScratch, W::k8, 0);
    backend_->WriteMemory(0, kScratch + 2, W::k32, 0);
    EXPECT_EQ(Read(kScratch), 0xDEADBEEFU);
    Write(kLedsBase, 0x105);
    EXPECT_EQ(Read(kLedsBase), 0x05U);
    Write(kDnaBase, 0);
    EXPECT_NE(Read(kDnaBase), 0U);
    Write(kRegisterSpaceBytes, 1);
    EXPECT_EQ(Read(kRegisterSpaceBytes), 0U);
    EXPECT_EQ(Read(kCtrlBase + kCtrlBytes), 0U);
}

TEST_F(LitePcieModelTest, Loopback_MovesTheReadersBytesToTheWriter) {
    std::vector<std::byte> out = Pattern(300'000, 1);
    std::vector<std::byte> in(out.size());
    const uint64_t from = MapHost(out);
    const uint64_t to = MapHost(in);
    Write(kDmaBase + kDmaLoopbackEnable, 1);
    // Pieces of the two sides need not agree.
    Push(kWriter0, to, 200'000, kNoInterrupt);
    Push(kWriter0, to + 200'000, 100'000);
    for (uint32_t at = 0; at < out.size(); at += 100'000) {
        Push(kReader0, from + at, 100'000, at == 200'000 ? 0 : kNoInterrupt);
    }
    EXPECT_EQ(Read(kReader0 + kDmaTableLevel), 3U);
    Write(kWriter0 + kDmaEnable, 1);
    Write(kReader0 + kDmaEnable, 1);
    ASSERT_TRUE(WaitForEvents(ReaderInterrupt(0) | WriterInterrupt(0)));
    EXPECT_EQ(in, out);
    EXPECT_EQ(Read(kReader0 + kDmaTableLoopStatus), 3U);
    EXPECT_EQ(Read(kWriter0 + kDmaTableLoopStatus), 2U);
    EXPECT_EQ(Read(kWriter0 + kDmaTableLevel), 0U);
    EXPECT_EQ(Read(kWriter0 + kDmaEnable), kDmaEnabled | kDmaIdle);
    EXPECT_EQ(sink_.count(), 2);
    EXPECT_EQ(faults_.count, 0);
}

TEST_F(LitePcieModelTest, LoopMode_GoesRoundAndCounts) {
    constexpr uint32_t kPiece = 4096;
    std::vector<std::byte> out = Pattern(kTableDepth * kPiece, 2);
    std::vector<std::byte> in(out.size());
    const uint64_t from = MapHost(out);
    const uint64_t to = MapHost(in);
    Write(kDmaBase + kDmaLoopbackEnable, 1);
    for (uint32_t i = 0; i < kTableDepth; ++i) {
        Push(kWriter0, to + i * kPiece, kPiece, i % 32 == 31 ? 0 : kNoInterrupt);
        Push(kReader0, from + i * kPiece, kPiece, kNoInterrupt);
    }
    Push(kWriter0, 0, kPiece);  // one too many
    EXPECT_EQ(Read(kWriter0 + kDmaTableLevel), kTableDepth);
    Write(kWriter0 + kDmaTableLoopProgN, 1);
    Write(kReader0 + kDmaTableLoopProgN, 1);
    Write(kWriter0 + kDmaEnable, 1);
    Write(kReader0 + kDmaEnable, 1);
    ASSERT_TRUE(sink_.WaitUntil([&] { return Read(kWriter0 + kDmaTableLoopStatus) >> 16 >= 3; }));
    EXPECT_EQ(Read(kWriter0 + kDmaTableLevel), kTableDepth);
    ASSERT_TRUE(backend_->Reset(PciResetKind::kHot));
    EXPECT_EQ(in, out);
    EXPECT_EQ(faults_.count, 0);
}

TEST_F(LitePcieModelTest, WithoutLoopback_TheWriterCountsAndTheReaderIsUsedUp) {
    std::vector<std::byte> out(100'000);
    std::vector<std::byte> in(out.size());
    Push(kReader0, MapHost(out), 100'000);
    Push(kWriter0, MapHost(in), 100'000);
    Write(kReader0 + kDmaEnable, 1);
    Write(kWriter0 + kDmaEnable, 1);
    ASSERT_TRUE(WaitForEvents(ReaderInterrupt(0) | WriterInterrupt(0)));
    std::vector<uint32_t> words(in.size() / sizeof(uint32_t));
    std::memcpy(words.data(), in.data(), in.size());
    std::vector<uint32_t> expected(words.size());
    std::iota(expected.begin(), expected.end(), 0);
    EXPECT_EQ(words, expected);
}

TEST_F(LitePcieModelTest, DisabledWriter_DropsWhatTheReaderBrings) {
    std::vector<std::byte> out = Pattern(1 << 20, 3);
    Write(kDmaBase + kDmaLoopbackEnable, 1);
    Push(kReader0, MapHost(out), 1 << 20);
    Write(kReader0 + kDmaEnable, 1);
    ASSERT_TRUE(WaitForEvents(ReaderInterrupt(0)));
    EXPECT_EQ(Read(kDmaBase + kDmaReaderFifoStatus), 0U);
}

TEST_F(LitePcieModelTest, ReaderWithoutRoom_WaitsForTheWriter) {
    std::vector<std::byte> out = Pattern(1 << 20, 4);
    std::vector<std::byte> in(out.size());
    Write(kDmaBase + kDmaLoopbackEnable, 1);
    Push(kReader0, MapHost(out), 1 << 20);
    Write(kWriter0 + kDmaEnable, 1);  // nothing to write to yet
    Write(kReader0 + kDmaEnable, 1);
    while (Read(kDmaBase + kDmaReaderFifoStatus) == 0) {
        std::this_thread::yield();
    }
    EXPECT_EQ(Read(kReader0 + kDmaTableLoopStatus), 0U);
    Push(kWriter0, MapHost(in), 1 << 20);
    ASSERT_TRUE(WaitForEvents(ReaderInterrupt(0) | WriterInterrupt(0)));
    EXPECT_EQ(in, out);
}

TEST_F(LitePcieModelTest, Interrupts_AreThoseThatAreEnabled) {
    std::vector<std::byte> out(64);
    Write(kMsiBase + kMsiEnable, WriterInterrupt(0));
    Push(kReader0, MapHost(out), 64);
    Write(kReader0 + kDmaEnable, 1);
    while (Read(kReader0 + kDmaTableLevel) != 0) {
        std::this_thread::yield();
    }
    EXPECT_EQ(Read(kMsiBase + kMsiVector), 0U);
    EXPECT_EQ(sink_.count(), 0);
}

TEST_F(LitePcieModelTest, RefusedRead_StallsTheReaderUntilItIsDisabled) {
    std::vector<std::byte> out(64);
    Push(kReader0, 0x7000'0000, 64);
    Write(kReader0 + kDmaEnable, 1);
    while (faults_.count == 0) {
        std::this_thread::yield();
    }
    EXPECT_EQ(Read(kReader0 + kDmaTableLevel), 1U);
    EXPECT_EQ(Read(kMsiBase + kMsiVector), 0U);
    ResetTable(kReader0);
    Push(kReader0, MapHost(out), 64);
    Write(kReader0 + kDmaEnable, 1);
    EXPECT_TRUE(WaitForEvents(ReaderInterrupt(0)));
}

TEST_F(LitePcieModelTest, RefusedWrite_IsLostAndCountsAsDone) {
    Push(kWriter0, 0x7000'0000, 64);
    Write(kWriter0 + kDmaEnable, 1);
    ASSERT_TRUE(WaitForEvents(WriterInterrupt(0)));
    EXPECT_EQ(faults_.count, 1);
    EXPECT_EQ(Read(kWriter0 + kDmaTableLoopStatus), 1U);
}

TEST_F(LitePcieModelTest, DescriptorWithoutBytes_IsDoneAtOnce) {
    Push(kReader0, 0, 0);
    Push(kWriter0, 0, 3);
    Write(kReader0 + kDmaEnable, 1);
    Write(kWriter0 + kDmaEnable, 1);
    EXPECT_TRUE(WaitForEvents(ReaderInterrupt(0) | WriterInterrupt(0)));
    EXPECT_EQ(faults_.count, 0);
}

TEST_F(LitePcieModelTest, SocReset_StopsTheChannelsAndClearsTheRegisters) {
    std::vector<std::byte> in(8 << 20);
    const uint64_t to = MapHost(in);
    Push(kWriter0, to, 4 << 20);
    Push(kWriter0, to + (4 << 20), 4 << 20);
    Write(kWriter0 + kDmaTableLoopProgN, 1);
    Write(kWriter0 + kDmaEnable, 1);
    ASSERT_TRUE(WaitForEvents(WriterInterrupt(0)));
    Write(kCtrlBase + kCtrlScratch, 1);
    Write(kCtrlBase + kCtrlReset, kCtrlResetSoc);
    // A race if a transfer were still under way.
    std::ranges::fill(in, std::byte{1});
    EXPECT_EQ(Read(kCtrlBase + kCtrlScratch), kScratchAfterReset);
    EXPECT_EQ(Read(kWriter0 + kDmaEnable), kDmaIdle);
    EXPECT_EQ(Read(kWriter0 + kDmaTableLevel), 0U);
    EXPECT_EQ(Read(kWriter0 + kDmaTableLoopStatus), 0U);
    EXPECT_EQ(Read(kMsiBase + kMsiEnable), 0U);
}

TEST_F(LitePcieModelTest, Addresses_HaveAsManyBitsAsTheOptionSays) {
    constexpr uint64_t kAbove4GiB = 0x1'0000'0000;
    std::vector<std::byte> out(64);
    // A fault at an address that has lost its upper half.
    Push(kReader0, kAbove4GiB | 0x7000'0000, 64);
    Write(kReader0 + kDmaEnable, 1);
    while (faults_.count == 0) {
        std::this_thread::yield();
    }
    PlugIn({.has_64bit_addresses = true});
    EXPECT_EQ(Read(kReader0 + kDmaTableLevel), 0U);
    Push(kReader0, MapHost(out, 64), 64);
    Write(kReader0 + kDmaEnable, 1);
    EXPECT_TRUE(WaitForEvents(ReaderInterrupt(0)));
}

TEST_F(LitePcieModelTest, Channels_WorkSideBySide) {
    constexpr uint32_t kChannels = 3;
    PlugIn({.num_channels = kChannels, .bases = LitePcieBases::For(kChannels)});
    std::vector<std::byte> out = Pattern(kChannels * 50'000, 5);
    std::vector<std::byte> in(out.size());
    const uint64_t from = MapHost(out);
    const uint64_t to = MapHost(in);
    uint32_t all = 0;
    for (uint32_t channel = 0; channel < kChannels; ++channel) {
        const uint32_t base = kDmaBase + channel * kBlockSpacing;
        Write(base + kDmaLoopbackEnable, 1);
        Push(base + kDmaWriter, to + channel * 50'000, 50'000);
        Push(base + kDmaReader, from + channel * 50'000, 50'000);
        Write(base + kDmaWriter + kDmaEnable, 1);
        Write(base + kDmaReader + kDmaEnable, 1);
        all |= ReaderInterrupt(channel) | WriterInterrupt(channel);
    }
    const uint32_t vector = kMsiBase + (kChannels - 1) * kBlockSpacing + kMsiVector;
    EXPECT_TRUE(sink_.WaitUntil([&] { return Read(vector) == all; }));
    EXPECT_EQ(in, out);
}

TEST(LitePcieModel, MisplacedBlock_IsRefused) {
    for (const uint32_t base : {kDmaBase + 4U, kCtrlBase + 2U, kRegisterSpaceBytes - 4U}) {
        LitePcieOptions options;
        options.bases.msi = base;
        const auto description = LitePcieModel(options).Describe();
        ASSERT_FALSE(description.has_value()) << base;
        EXPECT_NE(description.error().message.find("csr.csv"), std::string::npos);
    }
}

}  // namespace
}  // namespace opendext::models
