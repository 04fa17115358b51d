// SPDX-License-Identifier: Apache-2.0
// Tests in which something happens to the devices: each prints a line that starts with "now:" when it waits for the
// host to do it. Run one by one, in the virtual machine, as root.
#include <algorithm>
#include <array>
#include <iostream>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "tests/hardware/bulk_only.h"
#include "tests/hardware/wire_rig.h"

namespace opendext::hardware {
namespace {

using backends::UsbAttachment;
using backends::UsbEndpointAddress;
using backends::UsbOutcome;
using backends::UsbStatus;
using backends::UsbTransferType;

void Ask(const char *what) {
    std::cout << "now: " << what << std::endl;
}

TEST(Keyboard, PressedKey_IsRead) {
    constexpr uint64_t kReportBytes = 8;
    constexpr std::byte kUsageOfA{4};
    WireRig rig("libusb:0627:0001");
    ASSERT_EQ(rig.error(), "");
    ASSERT_TRUE(rig.WaitForDevice().has_value());
    ASSERT_TRUE(rig.wire().Claim(0).has_value());
    const auto report = rig.Start(std::make_shared<Request>(
        UsbTransferType::kInterrupt, UsbEndpointAddress{0x81}, kReportBytes));
    Ask("press a");
    const UsbOutcome outcome = rig.Finish(*report);
    EXPECT_EQ(outcome.status, UsbStatus::kSuccess);
    EXPECT_EQ(outcome.num_bytes, kReportBytes);
    EXPECT_EQ(report->memory[2], kUsageOfA);
}

TEST(Disk, UnplugAndReturn_AreReportedAndTransfersEndOnce) {
    WireRig rig("libusb:46f4:0001");
    ASSERT_EQ(rig.error(), "");
    ASSERT_TRUE(rig.WaitForDevice().has_value());
    Ask("unplug the disk");
    ASSERT_TRUE(rig.WaitForDeparture());
    EXPECT_FALSE(rig.wire().Claim(0).has_value());
    EXPECT_EQ(rig.Control({.request_type = 0x80, .length = 2}).outcome.status, UsbStatus::kRemoved);
    Ask("plug in the disk");
    const std::optional<UsbAttachment> attachment = rig.WaitForDevice();
    ASSERT_TRUE(attachment.has_value());
    ASSERT_TRUE(rig.wire().Claim(0).has_value());
    BulkOnlyDisk disk(rig, *attachment);
    const std::shared_ptr<Request> data = disk.MakeIn(kBlockBytes);
    // The first command of a disk that was plugged in is answered by the news of that.
    if (disk.Read(11, *data).status != 0) {
        const std::array<uint8_t, 6> request_sense = {0x03, 0, 0, 0, 18, 0};
        EXPECT_EQ(disk.Execute(request_sense, 18, *disk.MakeIn(18)).status, 0);
    }
    const std::shared_ptr<Request> again = disk.MakeIn(kBlockBytes);
    EXPECT_EQ(disk.Read(11, *again).status, 0);
    EXPECT_TRUE(IsDiskContent(again->memory, uint64_t{11} * kBlockBytes));
}

TEST(Serial, Unplug_EndsAThousandTransfersOnceEach) {
    WireRig rig("libusb:0403:6001");
    ASSERT_EQ(rig.error(), "");
    ASSERT_TRUE(rig.WaitForDevice().has_value());
    ASSERT_TRUE(rig.wire().Claim(0).has_value());
    std::vector<std::shared_ptr<Request>> requests(1000);
    std::ranges::generate(requests, [&] {
        return rig.Start(std::make_shared<Request>(UsbTransferType::kBulk, UsbEndpointAddress{0x81},
                                                   kBlockBytes));
    });
    Ask("unplug the serial adapter");
    ASSERT_TRUE(rig.WaitForDeparture());
    for (const auto &request : requests) {
        EXPECT_EQ(rig.Finish(*request).status, UsbStatus::kRemoved);
        EXPECT_EQ(request->num_completions(), 1);
    }
}

}  // namespace
}  // namespace opendext::hardware
