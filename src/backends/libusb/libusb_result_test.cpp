// SPDX-License-Identifier: Apache-2.0
#include "backends/libusb/libusb_result.h"

#include <gtest/gtest.h>

namespace opendext::backends {
namespace {

TEST(LibusbResult, EndOfTransfer_HasOneStatusEach) {
    EXPECT_EQ(StatusOf(LIBUSB_TRANSFER_COMPLETED), UsbStatus::kSuccess);
    EXPECT_EQ(StatusOf(LIBUSB_TRANSFER_STALL), UsbStatus::kStalled);
    EXPECT_EQ(StatusOf(LIBUSB_TRANSFER_CANCELLED), UsbStatus::kAborted);
    EXPECT_EQ(StatusOf(LIBUSB_TRANSFER_NO_DEVICE), UsbStatus::kRemoved);
    EXPECT_EQ(StatusOf(LIBUSB_TRANSFER_OVERFLOW), UsbStatus::kBabble);
    EXPECT_EQ(StatusOf(LIBUSB_TRANSFER_ERROR), UsbStatus::kNotResponding);
    EXPECT_EQ(StatusOf(LIBUSB_TRANSFER_TIMED_OUT), UsbStatus::kTimedOut);
}

TEST(LibusbResult, RefusedTransfer_IsNeverASuccess) {
    for (int error = LIBUSB_ERROR_OTHER; error < 0; ++error) {
        EXPECT_NE(StatusOfRefusal(error), UsbStatus::kSuccess) << error;
    }
    EXPECT_EQ(StatusOfRefusal(LIBUSB_ERROR_NO_DEVICE), UsbStatus::kRemoved);
    EXPECT_EQ(StatusOfRefusal(LIBUSB_ERROR_NO_MEM), UsbStatus::kNoResources);
}

TEST(LibusbResult, RefusedCall_SaysWhatAndWhy) {
    EXPECT_TRUE(ResultOf(LIBUSB_SUCCESS, "interface 0: claim").has_value());
    const BackendResult<void> result = ResultOf(LIBUSB_ERROR_BUSY, "interface 0: claim");
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error().code, BackendErrorCode::kBusy);
    EXPECT_TRUE(result.error().message.starts_with("interface 0: claim: "));
    EXPECT_TRUE(result.error().message.ends_with("(LIBUSB_ERROR_BUSY)"));
}

}  // namespace
}  // namespace opendext::backends
