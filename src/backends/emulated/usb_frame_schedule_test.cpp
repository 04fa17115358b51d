// SPDX-License-Identifier: Apache-2.0
#include "backends/emulated/usb_frame_schedule.h"

#include <gtest/gtest.h>

#include "backends/usb/recorded_transfers.h"

namespace opendext::backends {
namespace {

constexpr uint64_t kMs = 1'000'000;

class UsbFrameScheduleTest : public ::testing::Test {
protected:
    std::unique_ptr<UsbTransfer> Frames(size_t count, uint64_t first_frame = 0) {
        auto transfer =
            transfers.New(0, UsbTransferType::kIsochronous, endpoint.address.value, 8 * count);
        transfer->frames.assign(count, {.num_requested = 8});
        transfer->first_frame = first_frame;
        return transfer;
    }
    std::optional<UsbStatus> Add(UsbTransfer &transfer, uint64_t now_ns = 100 * kMs + 1) {
        return schedule.Add(transfer, endpoint, speed, now_ns);
    }

    RecordedTransfers transfers;
    UsbFrameSchedule schedule;
    UsbEndpoint endpoint{.address = {0x81},
                         .type = UsbTransferType::kIsochronous,
                         .max_packet_bytes = 8,
                         .interval = 1};
    UsbSpeed speed = UsbSpeed::kFull;
};

TEST_F(UsbFrameScheduleTest, Frames_AreDueWhenTheirTimeIsOver) {
    const auto transfer = Frames(2);
    EXPECT_EQ(schedule.NextTime(), std::nullopt);
    EXPECT_EQ(Add(*transfer), std::nullopt);
    EXPECT_EQ(schedule.NextTime(), 102 * kMs);
    EXPECT_FALSE(schedule.TakeDue(102 * kMs - 1).has_value());
    auto due = schedule.TakeDue(102 * kMs);
    ASSERT_TRUE(due.has_value());
    EXPECT_EQ(due->index, 0U);
    EXPECT_FALSE(due->is_last);
    EXPECT_EQ(transfer->frames[0].mach_time, 102 * kMs);
    EXPECT_FALSE(schedule.TakeDue(102 * kMs).has_value());
    due = schedule.TakeDue(200 * kMs);
    ASSERT_TRUE(due.has_value());
    EXPECT_EQ(due->offset, 8U);
    EXPECT_TRUE(due->is_last);
    EXPECT_EQ(schedule.NextTime(), std::nullopt);
}

TEST_F(UsbFrameScheduleTest, Microframes_AreLookedAtOnceAMillisecond) {
    speed = UsbSpeed::kHigh;
    const auto transfer = Frames(8);
    EXPECT_EQ(Add(*transfer), std::nullopt);
    EXPECT_EQ(schedule.NextTime(), 102 * kMs);
    for (int i = 0; i < 8; ++i) {
        EXPECT_TRUE(schedule.TakeDue(102 * kMs).has_value()) << i;
    }
    EXPECT_EQ(transfer->frames[0].mach_time, 101 * kMs + 125'000);
}

TEST_F(UsbFrameScheduleTest, Interval_IsAPowerOfTwo) {
    endpoint.interval = 3;
    const auto transfer = Frames(2);
    EXPECT_EQ(Add(*transfer), std::nullopt);
    EXPECT_EQ(schedule.NextTime(), 105 * kMs);
}

TEST_F(UsbFrameScheduleTest, NextTransfer_FollowsWithoutAGap) {
    const auto first = Frames(2);
    const auto second = Frames(1);
    EXPECT_EQ(Add(*first), std::nullopt);
    EXPECT_EQ(Add(*second), std::nullopt);
    (void)schedule.TakeDue(103 * kMs);
    (void)schedule.TakeDue(103 * kMs);
    EXPECT_EQ(schedule.NextTime(), 104 * kMs);
}

TEST_F(UsbFrameScheduleTest, FirstFrame_MustBeAheadAndNear) {
    const auto late = Frames(1, 100);
    EXPECT_EQ(Add(*late), UsbStatus::kTooLate);
    const auto early = Frames(1, 101 + 1025);
    EXPECT_EQ(Add(*early), UsbStatus::kTooEarly);
    const auto right = Frames(4, 110);
    EXPECT_EQ(Add(*right), std::nullopt);
    EXPECT_EQ(schedule.NextTime(), 111 * kMs);
    const auto overlapping = Frames(1, 113);
    EXPECT_EQ(Add(*overlapping), UsbStatus::kTooLate);
}

TEST_F(UsbFrameScheduleTest, RemovedTransfer_HasAbortedFrames) {
    const auto transfer = Frames(2);
    EXPECT_EQ(Add(*transfer), std::nullopt);
    (void)schedule.TakeDue(102 * kMs);
    EXPECT_EQ(schedule.LastAt(17), transfer.get());
    EXPECT_TRUE(schedule.Remove(*transfer));
    EXPECT_FALSE(schedule.Remove(*transfer));
    EXPECT_EQ(transfer->frames[1].status, UsbStatus::kAborted);
    EXPECT_EQ(schedule.NextTime(), std::nullopt);
}

}  // namespace
}  // namespace opendext::backends
