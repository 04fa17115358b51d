// SPDX-License-Identifier: Apache-2.0
// A driver for a LitePCIe board, and an application that shares its DMA buffers.
#include <algorithm>
#include <array>
#include <span>
#include <vector>

#include <gtest/gtest.h>

#include "models/litepcie/registers.h"
#include "tests/rig/driver_test.h"
#include "tests/system/litepcie/LiteCardProtocol.h"

namespace opendext::rig {

namespace {

using namespace models::litepcie;

constexpr uint64_t kAllBytes = uint64_t{kLiteCardBuffers} * kLiteCardBufferBytes;

// Memory of the driver, mapped here.
class MappedMemory {
public:
    MappedMemory(io_connect_t connect, uint32_t type) : connect_(connect), type_(type) {
        EXPECT_EQ(IOConnectMapMemory64(connect, type, mach_task_self(), &address_, &num_bytes_,
                                       kIOMapAnywhere),
                  kIOReturnSuccess);
    }
    ~MappedMemory() {
        if (address_ != 0) {
            IOConnectUnmapMemory64(connect_, type_, mach_task_self(), address_);
        }
    }
    MappedMemory(const MappedMemory &) = delete;
    MappedMemory &operator=(const MappedMemory &) = delete;

    [[nodiscard]] std::span<uint8_t> bytes() const {
        return {reinterpret_cast<uint8_t *>(address_), num_bytes_};
    }
    [[nodiscard]] const LiteCardCounts &counts() const {
        return *reinterpret_cast<const LiteCardCounts *>(address_);
    }

private:
    io_connect_t connect_;
    uint32_t type_;
    mach_vm_address_t address_ = 0;
    mach_vm_size_t num_bytes_ = 0;
};

uint64_t Load(const uint64_t &count) {
    return __atomic_load_n(&count, __ATOMIC_ACQUIRE);
}

class LitePcieTest : public DriverTest {
protected:
    void SetUp() override {
        DriverTest::SetUp();
        DriverTest::Start({.dexts = {BuiltDext("litepcie")}, .devices = {"model:litepcie"}});
        if (rig_ != nullptr) {
            connection_ = Open(FindService("LiteCard"));
        }
    }
    void TearDown() override {
        connection_.Close();
        DriverTest::TearDown();
    }

    [[nodiscard]] uint32_t Read(uint64_t offset) {
        uint64_t value = 0;
        uint32_t count = 1;
        EXPECT_EQ(
            IOConnectCallScalarMethod(connection_.get(), kLiteCardRead, &offset, 1, &value, &count),
            kIOReturnSuccess);
        return static_cast<uint32_t>(value);
    }
    void Write(uint64_t offset, uint32_t value) {
        const std::array<uint64_t, 2> input = {offset, value};
        EXPECT_EQ(IOConnectCallScalarMethod(connection_.get(), kLiteCardWrite, input.data(), 2,
                                            nullptr, nullptr),
                  kIOReturnSuccess);
    }
    void Configure(bool is_reader, bool is_enabled) {
        const LiteCardConfiguration configuration = {is_reader, is_enabled};
        EXPECT_EQ(IOConnectCallStructMethod(connection_.get(), kLiteCardConfigure, &configuration,
                                            sizeof(configuration), nullptr, nullptr),
                  kIOReturnSuccess);
    }
    // The writer first: nothing is lost.
    void StartLoop() {
        Configure(false, true);
        Configure(true, true);
    }
    void StopLoop() {
        Configure(true, false);
        Configure(false, false);
    }

    Connection connection_;
};

TEST_P(LitePcieTest, Registers_AreReachedThroughTheDriver) {
    EXPECT_EQ(Read(kCtrlBase + kCtrlScratch), kScratchAfterReset);
    Write(kCtrlBase + kCtrlScratch, 0xDEADBEEF);
    EXPECT_EQ(Read(kCtrlBase + kCtrlScratch), 0xDEADBEEF);
    EXPECT_EQ(Read(kDnaBase + kDnaIdLow), static_cast<uint32_t>(kDnaDefault));
}

TEST_P(LitePcieTest, ConcatenationsOfConcatenations_AreOneRangeInTheApplication) {
    const MappedMemory reader(connection_.get(), kLiteCardReaderMemory);
    const MappedMemory writer(connection_.get(), kLiteCardWriterMemory);
    ASSERT_EQ(reader.bytes().size(), kAllBytes);
    ASSERT_EQ(writer.bytes().size(), kAllBytes);
    for (size_t i = 0; i < kLiteCardBuffers; ++i) {
        EXPECT_EQ(reader.bytes()[i * kLiteCardBufferBytes], static_cast<uint8_t>(1 + i));
        EXPECT_EQ(writer.bytes()[i * kLiteCardBufferBytes], static_cast<uint8_t>(101 + i));
    }
}

TEST_P(LitePcieTest, LoopedData_ArrivesInTheBuffersOfTheApplication) {
    const MappedMemory reader(connection_.get(), kLiteCardReaderMemory);
    const MappedMemory writer(connection_.get(), kLiteCardWriterMemory);
    const MappedMemory counts(connection_.get(), kLiteCardCountsMemory);
    ASSERT_EQ(reader.bytes().size(), kAllBytes);
    for (uint32_t round = 0; round < 3; ++round) {
        uint32_t number = round;
        for (uint8_t &byte : reader.bytes()) {
            number = number * 1664525 + 1013904223;
            byte = static_cast<uint8_t>(number >> 24);
        }
        std::ranges::fill(writer.bytes(), 0);
        const uint64_t interrupts = Load(counts.counts().interrupts);
        StartLoop();
        EXPECT_TRUE(WaitUntil([&] {
            return Load(counts.counts().writer) >= uint64_t{2} * kLiteCardBuffers &&
                   Load(counts.counts().reader) >= uint64_t{2} * kLiteCardBuffers;
        }));
        StopLoop();
        EXPECT_TRUE(std::ranges::equal(writer.bytes(), reader.bytes())) << round;
        EXPECT_GT(Load(counts.counts().interrupts), interrupts);
    }
    EXPECT_FALSE(log().Contains("refused")) << log().Text();
}

TEST_P(LitePcieTest, ApplicationThatLeavesALoopRunning_DoesNotDisturbTheNext) {
    StartLoop();
    {
        const MappedMemory counts(connection_.get(), kLiteCardCountsMemory);
        EXPECT_TRUE(WaitUntil([&] { return Load(counts.counts().writer) != 0; }));
    }
    connection_.Close();
    connection_ = Open(FindService("LiteCard"));
    const MappedMemory counts(connection_.get(), kLiteCardCountsMemory);
    const uint64_t before = Load(counts.counts().writer);
    EXPECT_TRUE(WaitUntil([&] { return Load(counts.counts().writer) > before; }));
    StopLoop();
    EXPECT_EQ(Read(kDmaBase + kDmaEnable), kDmaIdle);
    EXPECT_FALSE(log().Contains("refused")) << log().Text();
}

OPENDEXT_BOTH_VARIANTS(LitePcieTest);

}  // namespace

}  // namespace opendext::rig
