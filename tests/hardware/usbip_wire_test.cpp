// SPDX-License-Identifier: Apache-2.0
// A USB disk that the virtual machine's usbipd exports, driven from here: usbip_wire_test usbip:HOST:PORT/BUSID.
#include <array>
#include <cstdio>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "tests/hardware/bulk_only.h"
#include "tests/hardware/wire_rig.h"

namespace opendext::hardware {
namespace {

using backends::UsbAttachment;
using backends::UsbSetup;
using backends::UsbStatus;

constexpr uint64_t kKiB = 1024;

std::string &Specification() {
    static std::string specification;
    return specification;
}

class UsbipDiskTest : public testing::Test {
protected:
    void SetUp() override {
        ASSERT_EQ(rig_.error(), "");
        attachment_ = rig_.WaitForDevice();
        ASSERT_TRUE(attachment_.has_value());
        disk_ = std::make_unique<BulkOnlyDisk>(rig_, *attachment_);
        if (attachment_->configuration == 0) {
            // Linux's server takes the configuration away when it exports a device.
            ASSERT_TRUE(rig_.wire().SetConfiguration(1).has_value());
        }
        ASSERT_TRUE(rig_.wire().Claim(0).has_value());
    }
    void ExpectRead(uint32_t block, uint64_t num_bytes) {
        const std::shared_ptr<Request> data = disk_->MakeIn(num_bytes);
        const BulkOnlyDisk::Answer answer = disk_->Read(block, *data);
        EXPECT_EQ(answer.status, 0);
        EXPECT_EQ(answer.data.num_bytes, num_bytes);
        EXPECT_TRUE(IsDiskContent(data->memory, uint64_t{block} * kBlockBytes));
    }

    WireRig rig_{Specification()};
    std::optional<UsbAttachment> attachment_;
    std::unique_ptr<BulkOnlyDisk> disk_;
};

TEST_F(UsbipDiskTest, Device_IsDescribed) {
    EXPECT_EQ(attachment_->descriptors.device.vendor, 0x46F4);
    EXPECT_EQ(attachment_->product, "QEMU USB HARDDRIVE");
    EXPECT_EQ(attachment_->serial, "disk0001");
}

TEST_F(UsbipDiskTest, Blocks_AreRead) {
    ExpectRead(1, kBlockBytes);
    ExpectRead(100, 64 * kKiB);
    ExpectRead(5, 1024 * kKiB);
}

TEST_F(UsbipDiskTest, Stall_IsReportedAndCleared) {
    EXPECT_EQ(disk_->SendGarbage(), UsbStatus::kStalled);
    const UsbSetup reset{.request_type = 0x21, .request = 0xFF};
    EXPECT_EQ(rig_.Control(reset).outcome.status, UsbStatus::kSuccess);
    EXPECT_TRUE(rig_.wire().ClearHalt(disk_->in(), true).has_value());
    EXPECT_TRUE(rig_.wire().ClearHalt(disk_->out(), true).has_value());
    ExpectRead(2, kBlockBytes);
}

TEST_F(UsbipDiskTest, End_EndsTransfers) {
    const std::shared_ptr<Request> request = rig_.Start(disk_->MakeIn(kBlockBytes));
    rig_.End();
    EXPECT_EQ(request->num_completions(), 1);
}

}  // namespace
}  // namespace opendext::hardware

int main(int argc, char **argv) {
    testing::InitGoogleTest(&argc, argv);
    if (argc != 2) {
        std::fprintf(stderr, "usage: usbip_wire_test usbip:HOST:PORT/BUSID\n");
        return 2;
    }
    opendext::hardware::Specification() = argv[1];
    return RUN_ALL_TESTS();
}
