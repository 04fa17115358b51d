// SPDX-License-Identifier: Apache-2.0
// IODMACommand over the IOMMU of an emulated device. Every test: semantics.md 1.9.
#include <algorithm>
#include <array>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <DriverKit/IODMACommand.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/log.h"
#include "families/pci/pci_rig.h"
#include "runtime/memory/testing/descriptors.h"

namespace opendext::pci {
namespace {

using backends::IovaAddress;
using memory::kPage;
using memory::MakeBuffer;
using memory::Retained;

/// The log lines while it lives.
class CapturedLog {
public:
    CapturedLog() {
        SetLogSink([lines = lines_](LogLevel, std::string_view line) {
            const std::lock_guard lock(lines->mutex);
            lines->all.emplace_back(line);
        });
    }
    ~CapturedLog() { SetLogSink({}); }

    std::string Last() const {
        const std::lock_guard lock(lines_->mutex);
        return lines_->all.empty() ? "" : lines_->all.back();
    }

private:
    struct Lines {
        std::mutex mutex;
        std::vector<std::string> all;  // guarded by mutex
    };
    const std::shared_ptr<Lines> lines_ = std::make_shared<Lines>();
};

class PciDmaTest : public testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(rig_.is_ready);
        ASSERT_EQ(rig_.device->Open(rig_.client.get()), kIOReturnSuccess);
        rig_.EnableCommand(kIOPCICommandMemorySpace | kIOPCICommandBusLead);
        IODMACommandSpecification specification = {};
        IODMACommand *command = nullptr;
        ASSERT_EQ(IODMACommand::Create(rig_.device.get(), 0, &specification, &command),
                  kIOReturnSuccess);
        command_.reset(command);
    }

    std::span<const IOAddressSegment> Prepare(IOMemoryDescriptor &memory, uint64_t offset = 0,
                                              uint64_t length = 0) {
        uint64_t flags = 0;
        uint32_t count = 32;
        EXPECT_EQ(
            command_->PrepareForDMA(0, &memory, offset, length, &flags, &count, segments_.data()),
            kIOReturnSuccess);
        return std::span(segments_).first(count);
    }

    [[nodiscard]] bool DeviceReads(uint64_t address, std::span<std::byte> destination) {
        return rig_.model->port().DmaRead(IovaAddress{address}, destination).has_value();
    }
    [[nodiscard]] bool DeviceWrites(uint64_t address, std::span<const std::byte> source) {
        return rig_.model->port().DmaWrite(IovaAddress{address}, source).has_value();
    }

    PciRig rig_{[](backends::PciDeviceBuilder &builder) {
        builder.RegisterBar(0, 4096, backends::BarKind::kMemory64);
    }};
    Retained<IODMACommand> command_;
    std::array<IOAddressSegment, 32> segments_ = {};
};

// semantics.md 2.9
TEST_F(PciDmaTest, ClientMemoryInSlices_IsReachedExactlyAtItsSegments) {
    const auto region = *SharedRegion::Create(8 * kPage, "client");
    const auto memory = memory::DescriptorFromSlices({{{region, 4000, 300}, nullptr},
                                                      {{region, 2 * kPage, 2 * kPage}, nullptr},
                                                      {{region, 7 * kPage, 100}, nullptr}},
                                                     kIOMemoryDirectionInOut);
    const auto segments = Prepare(*memory);
    ASSERT_EQ(segments.size(), 2U);
    EXPECT_EQ(segments[0].length, 300U);
    EXPECT_EQ(segments[1].length, 2 * kPage + 100);
    std::vector<std::byte> sent(segments[1].length, std::byte{0x5A});
    EXPECT_TRUE(DeviceWrites(segments[1].address, sent));
    EXPECT_EQ(region->ReadOnly()[2 * kPage], std::byte{0x5A});
    EXPECT_EQ(region->ReadOnly()[7 * kPage + 99], std::byte{0x5A});
    EXPECT_EQ(region->ReadOnly()[7 * kPage + 100], std::byte{0});
    const CapturedLog log;
    std::array<std::byte, 1> byte = {};
    for (const IOAddressSegment &segment : segments) {
        EXPECT_TRUE(DeviceReads(segment.address, byte));
        EXPECT_FALSE(DeviceReads(segment.address - 1, byte));
        EXPECT_TRUE(DeviceReads(segment.address + segment.length - 1, byte));
        EXPECT_FALSE(DeviceReads(segment.address + segment.length, byte));
    }
}

/// Whether `line` names the device, the access and who prepared the memory, from where.
void ExpectReport(const std::string &line, uint64_t address, const std::string &what) {
    EXPECT_NE(line.find("device 00:04.0"), std::string::npos) << line;
    EXPECT_NE(line.find(what), std::string::npos) << line;
    EXPECT_NE(line.find(fmt::format(" bytes at {:#x} refused", address)), std::string::npos)
        << line;
    EXPECT_NE(line.find("prepared 4096 bytes from offset 4096"), std::string::npos) << line;
    EXPECT_NE(line.find("ms ago in opendext_pci_test+0x"), std::string::npos) << line;
}

TEST_F(PciDmaTest, AccessOutsideThePreparedRange_IsReportedWithWhoPreparedIt) {
    const auto buffer = MakeBuffer(3 * kPage);
    const uint64_t address = Prepare(*buffer, kPage, kPage)[0].address;
    const CapturedLog log;
    std::array<std::byte, 8> bytes = {};
    EXPECT_FALSE(DeviceWrites(address + kPage - 4, bytes));
    ExpectReport(log.Last(), address + kPage - 4, "DMA write of 8");
    EXPECT_FALSE(DeviceReads(address - 4, bytes));
    ExpectReport(log.Last(), address - 4, "DMA read of 8");
    EXPECT_FALSE(DeviceReads(address - 8, bytes));
    ExpectReport(log.Last(), address - 8, "DMA read of 8");
    EXPECT_FALSE(DeviceReads(address + kPage, bytes));
    ExpectReport(log.Last(), address + kPage, "DMA read of 8");
}

TEST_F(PciDmaTest, AccessInTheWrongDirection_IsReportedWithWhoPreparedIt) {
    const auto read_by_device = MakeBuffer(3 * kPage, kIOMemoryDirectionOut);
    const uint64_t address = Prepare(*read_by_device, kPage, kPage)[0].address;
    const CapturedLog log;
    std::array<std::byte, 8> bytes = {};
    EXPECT_TRUE(DeviceReads(address, bytes));
    EXPECT_FALSE(DeviceWrites(address, bytes));
    ExpectReport(log.Last(), address, "DMA write of 8");
    EXPECT_NE(log.Last().find("for the device to read"), std::string::npos) << log.Last();
}

TEST_F(PciDmaTest, AccessAfterCompleteDma_IsReportedWithWhoCompletedIt) {
    const auto buffer = MakeBuffer(3 * kPage, kIOMemoryDirectionIn);
    const uint64_t address = Prepare(*buffer, kPage, kPage)[0].address;
    ASSERT_EQ(command_->CompleteDMA(0), kIOReturnSuccess);
    // However much else was prepared and completed since.
    for (int i = 0; i < 300; ++i) {
        static_cast<void>(Prepare(*buffer, 0, 1));
        ASSERT_EQ(command_->CompleteDMA(0), kIOReturnSuccess);
    }
    const CapturedLog log;
    std::array<std::byte, 8> bytes = {};
    EXPECT_FALSE(DeviceWrites(address, bytes));
    ExpectReport(log.Last(), address, "DMA write of 8");
    const size_t completed = log.Last().find("completed by thread");
    ASSERT_NE(completed, std::string::npos) << log.Last();
    EXPECT_NE(log.Last().find("in opendext_pci_test+0x", completed), std::string::npos);
}

TEST_F(PciDmaTest, NothingPrepared_IsReportedWithTheFix) {
    const CapturedLog log;
    std::array<std::byte, 8> bytes = {};
    EXPECT_FALSE(DeviceReads(0x12345000, bytes));
    EXPECT_NE(log.Last().find("at 0x12345000 refused: nothing is mapped there: prepare"),
              std::string::npos)
        << log.Last();
}

}  // namespace
}  // namespace opendext::pci
