// SPDX-License-Identifier: Apache-2.0
// LibusbWire on the emulated devices of the virtual machine. Runs there, as root.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/hardware/bulk_only.h"
#include "tests/hardware/wire_rig.h"
#include "tests/rig/wait_until.h"

namespace opendext::hardware {
namespace {

using backends::BackendErrorCode;
using backends::UsbAttachment;
using backends::UsbEndpointAddress;
using backends::UsbOutcome;
using backends::UsbSetup;
using backends::UsbSpeed;
using backends::UsbStatus;
using backends::UsbTransferType;

constexpr const char *kDisk = "libusb:46f4:0001";
constexpr uint64_t kKiB = 1024;
constexpr uint64_t kMiB = 1024 * kKiB;

/// Whether a driver of the kernel has an interface of a disk.
bool KernelHasDisk() {
    const std::filesystem::directory_iterator bound("/sys/bus/usb/drivers/usb-storage");
    return std::ranges::any_of(bound, [](const std::filesystem::directory_entry &entry) {
        return entry.path().filename().string().contains(':');
    });
}

/// Mappings of this process that are memory of an opened USB device.
size_t NumDeviceMappings() {
    std::ifstream maps("/proc/self/maps");
    size_t count = 0;
    for (std::string line; std::getline(maps, line);) {
        count += line.contains("/dev/bus/usb/") ? 1 : 0;
    }
    return count;
}

class DiskTest : public testing::Test {
protected:
    void SetUp() override {
        rig_ = std::make_unique<WireRig>(kDisk);
        ASSERT_EQ(rig_->error(), "");
        attachment_ = rig_->WaitForDevice();
        ASSERT_TRUE(attachment_.has_value());
        disk_ = std::make_unique<BulkOnlyDisk>(*rig_, *attachment_);
    }
    void Claim() {
        const auto claimed = rig_->wire().Claim(0);
        ASSERT_TRUE(claimed.has_value()) << claimed.error().message;
    }
    void ExpectRead(uint32_t block, uint64_t num_bytes, uint64_t span_bytes = 0) {
        const std::shared_ptr<Request> data = disk_->MakeIn(num_bytes, span_bytes);
        const BulkOnlyDisk::Answer answer = disk_->Read(block, *data);
        EXPECT_EQ(answer.status, 0);
        EXPECT_EQ(answer.data.status, UsbStatus::kSuccess);
        EXPECT_EQ(answer.data.num_bytes, num_bytes);
        EXPECT_TRUE(IsDiskContent(data->memory, uint64_t{block} * kBlockBytes));
    }
    /// What the Bulk-Only Transport does after an error.
    void Recover() {
        const UsbSetup reset{.request_type = 0x21, .request = 0xFF};
        EXPECT_EQ(rig_->Control(reset).outcome.status, UsbStatus::kSuccess);
        EXPECT_TRUE(rig_->wire().ClearHalt(disk_->in(), true).has_value());
        EXPECT_TRUE(rig_->wire().ClearHalt(disk_->out(), true).has_value());
    }

    std::unique_ptr<WireRig> rig_;
    std::optional<UsbAttachment> attachment_;
    std::unique_ptr<BulkOnlyDisk> disk_;
};

TEST_F(DiskTest, Device_IsDescribed) {
    EXPECT_EQ(attachment_->speed, UsbSpeed::kSuper);
    EXPECT_EQ(attachment_->descriptors.device.vendor, 0x46F4);
    EXPECT_EQ(attachment_->descriptors.device.product, 1);
    EXPECT_EQ(attachment_->descriptors.configurations.size(), 1U);
    EXPECT_FALSE(attachment_->descriptors.capabilities.empty());
    EXPECT_EQ(attachment_->manufacturer, "QEMU");
    EXPECT_EQ(attachment_->product, "QEMU USB HARDDRIVE");
    EXPECT_EQ(attachment_->serial, "disk0001");
    EXPECT_EQ(attachment_->configuration, 1);
    EXPECT_GE(attachment_->address, 1);
    EXPECT_NE(attachment_->location, 0U);
    EXPECT_TRUE(disk_->in().is_in());
    EXPECT_FALSE(disk_->out().is_in());
}

TEST_F(DiskTest, Blocks_AreRead) {
    Claim();
    ExpectRead(0, kBlockBytes);
    ExpectRead(77, 64 * kKiB);
}

#if defined(__x86_64__)

TEST_F(DiskTest, LargeTransfers_LieInMemoryOfTheKernelsThatGoesBack) {
    Claim();
    EXPECT_EQ(NumDeviceMappings(), 0U);
    for (int i = 0; i < 5; ++i) {
        ExpectRead(8, 64 * kKiB);
    }
    EXPECT_EQ(NumDeviceMappings(), 1U) << "one block, used again";
    EXPECT_TRUE(rig::WaitUntil([] { return NumDeviceMappings() == 0; })) << "unused for a while";
    ExpectRead(8, 64 * kKiB);
    EXPECT_EQ(NumDeviceMappings(), 1U);
    disk_.reset();
    rig_.reset();
    EXPECT_EQ(NumDeviceMappings(), 0U);
}

#endif

TEST_F(DiskTest, SmallSpans_AreFilledInOrder) {
    Claim();
    ExpectRead(3, 64 * kKiB, 1000);
}

TEST_F(DiskTest, TransferLargerThanThePieces_IsWhole) {
    Claim();
    ExpectRead(5, 3 * kMiB + kBlockBytes);
    ExpectRead(9, 2 * kMiB, 100 * kKiB + 1);
}

TEST_F(DiskTest, ShortPacket_EndsTheTransferAndLeavesTheNextAlone) {
    Claim();
    const std::array<uint8_t, 6> inquiry = {0x12, 0, 0, 0, 36, 0};
    const std::shared_ptr<Request> data = disk_->MakeIn(2 * kMiB);
    const BulkOnlyDisk::Answer answer = disk_->Execute(inquiry, 36, *data);
    EXPECT_EQ(answer.data.status, UsbStatus::kSuccess);
    EXPECT_EQ(answer.data.num_bytes, 36U);
    EXPECT_EQ(answer.status, 0) << "the status is the next transfer's";
}

TEST_F(DiskTest, Stall_IsReportedAndCleared) {
    Claim();
    EXPECT_EQ(disk_->SendGarbage(), UsbStatus::kStalled);
    Recover();
    ExpectRead(1, kBlockBytes);
}

TEST_F(DiskTest, ControlRequests_AreAnsweredOrStalled) {
    Claim();
    const UsbOutcome max_lun =
        rig_->Control({.request_type = 0xA1, .request = 0xFE, .length = 1}).outcome;
    EXPECT_EQ(max_lun.status, UsbStatus::kSuccess);
    EXPECT_EQ(max_lun.num_bytes, 1U);
    const UsbSetup unknown{.request_type = 0xC0, .request = 0x55, .length = 4};
    EXPECT_EQ(rig_->Control(unknown).outcome.status, UsbStatus::kStalled);
}

TEST_F(DiskTest, KernelsDriver_IsTakenAwayAndGivenBack) {
    ASSERT_TRUE(rig::WaitUntil(KernelHasDisk));
    Claim();
    EXPECT_FALSE(KernelHasDisk());
    rig_->wire().Release(0);
    EXPECT_TRUE(rig::WaitUntil(KernelHasDisk));
}

TEST_F(DiskTest, KernelsDriver_IsGivenBackAtTheEnd) {
    const auto configured = rig_->wire().SetConfiguration(1);
    ASSERT_TRUE(configured.has_value()) << configured.error().message;
    EXPECT_FALSE(KernelHasDisk());
    Claim();
    ExpectRead(4, kBlockBytes);
    rig_->End();
    EXPECT_TRUE(rig::WaitUntil(KernelHasDisk));
}

TEST_F(DiskTest, Unconfigured_ComesBackWithAConfiguration) {
    Claim();
    ASSERT_TRUE(rig_->wire().SetConfiguration(0).has_value());
    EXPECT_EQ(rig_->wire().Claim(0).error().code, BackendErrorCode::kNotFound);
    ASSERT_TRUE(rig_->wire().SetConfiguration(1).has_value());
    Claim();
    ExpectRead(6, kBlockBytes);
}

TEST_F(DiskTest, AlternateSetting_MustBeThere) {
    Claim();
    EXPECT_TRUE(rig_->wire().SetAlternateSetting(0, 0).has_value());
    EXPECT_FALSE(rig_->wire().SetAlternateSetting(0, 9).has_value());
    ExpectRead(8, kBlockBytes);
}

TEST_F(DiskTest, Reset_KeepsTheDevice) {
    Claim();
    const auto reset = rig_->wire().Reset();
    ASSERT_TRUE(reset.has_value()) << reset.error().message;
    ExpectRead(7, kBlockBytes);
}

TEST_F(DiskTest, SecondUser_FindsTheInterfaceBusy) {
    Claim();
    WireRig second(kDisk);
    ASSERT_EQ(second.error(), "");
    const auto claimed = second.wire().Claim(0);
    ASSERT_FALSE(claimed.has_value());
    EXPECT_EQ(claimed.error().code, BackendErrorCode::kBusy) << claimed.error().message;
}

/// A serial adapter that has received nothing: its bulk endpoint does not answer.
class SilentEndpointTest : public testing::Test {
protected:
    static constexpr UsbEndpointAddress kIn{0x81};

    void SetUp() override {
        ASSERT_EQ(rig_.error(), "");
        ASSERT_TRUE(rig_.WaitForDevice().has_value());
        ASSERT_TRUE(rig_.wire().Claim(0).has_value());
    }
    std::shared_ptr<Request> StartRead(uint64_t num_bytes) {
        return rig_.Start(std::make_shared<Request>(UsbTransferType::kBulk, kIn, num_bytes));
    }

    WireRig rig_{"libusb:0403:6001"};
};

TEST_F(SilentEndpointTest, Cancel_EndsThatTransferAlone) {
    const std::shared_ptr<Request> first = StartRead(kBlockBytes);
    const std::shared_ptr<Request> second = StartRead(kBlockBytes);
    rig_.wire().Cancel(*second);
    EXPECT_EQ(rig_.Finish(*second).status, UsbStatus::kAborted);
    EXPECT_EQ(first->num_completions(), 0);
    rig_.wire().Cancel(*first);
    EXPECT_EQ(rig_.Finish(*first).status, UsbStatus::kAborted);
}

TEST_F(SilentEndpointTest, Cancel_EndsWhatTheKernelHasNoMemoryFor) {
    // 40 MiB; the kernel has 16.
    std::vector<std::shared_ptr<Request>> requests(640);
    std::ranges::generate(requests, [&] { return StartRead(64 * kKiB); });
    for (const auto &request : requests) {
        rig_.wire().Cancel(*request);
    }
    for (const auto &request : requests) {
        EXPECT_EQ(rig_.Finish(*request).status, UsbStatus::kAborted);
        EXPECT_EQ(request->num_completions(), 1);
    }
}

TEST_F(SilentEndpointTest, End_EndsAThousandTransfers) {
    std::vector<std::shared_ptr<Request>> requests(1000);
    std::ranges::generate(requests, [&] { return StartRead(kBlockBytes); });
    rig_.End();
    for (const auto &request : requests) {
        EXPECT_EQ(request->num_completions(), 1);
    }
}

TEST_F(SilentEndpointTest, Reset_EndsTransfers) {
    const std::shared_ptr<Request> request = StartRead(kBlockBytes);
    ASSERT_TRUE(rig_.wire().Reset().has_value());
    EXPECT_NE(rig_.Finish(*request).status, UsbStatus::kUnderrun);
}

TEST(LibusbWire, OtherDevices_AreNotTaken) {
    for (const char *specification :
         {"libusb:46f4:0001,serial=other", "libusb:46f4:0001,bus=99", "libusb:46f4:ffff"}) {
        WireRig rig(specification);
        ASSERT_EQ(rig.error(), "");
        EXPECT_EQ(rig.wire().Claim(0).error().code, BackendErrorCode::kRemoved) << specification;
        EXPECT_EQ(rig.Control({.request_type = 0x80, .length = 2}).outcome.status,
                  UsbStatus::kRemoved);
    }
}

TEST(LibusbWire, SerialNumber_SelectsTheDevice) {
    WireRig rig("libusb:46f4:0001,serial=disk0001");
    ASSERT_EQ(rig.error(), "");
    EXPECT_TRUE(rig.WaitForDevice().has_value());
}

TEST(LibusbWire, WithoutPermission_SaysWhatToDo) {
    constexpr uid_t kNobody = 65534;
    ASSERT_EQ(seteuid(kNobody), 0);
    const WireRig rig(kDisk);
    ASSERT_EQ(seteuid(0), 0);
    EXPECT_NE(rig.error().find("no permission to open /dev/bus/usb/"), std::string::npos)
        << rig.error();
    EXPECT_NE(rig.error().find("ATTR{idVendor}==\"46f4\""), std::string::npos) << rig.error();
}

}  // namespace
}  // namespace opendext::hardware
