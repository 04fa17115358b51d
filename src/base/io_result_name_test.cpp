// SPDX-License-Identifier: Apache-2.0
#include "base/io_result_name.h"

#include <gtest/gtest.h>

namespace opendext {
namespace {

TEST(IoResultName, KnownCodes_HaveTheirNames) {
    EXPECT_EQ(DescribeIoResult(static_cast<int32_t>(0xe00002c2)),
              "kIOReturnBadArgument (0xe00002c2)");
    EXPECT_EQ(DescribeIoResult(4), "KERN_INVALID_ARGUMENT (0x00000004)");
    EXPECT_EQ(DescribeIoResult(-308), "MIG_SERVER_DIED (0xfffffecc)");
}

TEST(IoResultName, CodesOfADriversOwn_AreNumbers) {
    EXPECT_EQ(DescribeIoResult(static_cast<int32_t>(0xe3ff8001)), "0xe3ff8001");
    EXPECT_EQ(DescribeIoResult(-1), "0xffffffff");
}

}  // namespace
}  // namespace opendext
