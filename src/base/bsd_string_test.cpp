// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include <gtest/gtest.h>

TEST(BsdString, CopyThatFits_ReturnsItsLength) {
    char buffer[8];
    EXPECT_EQ(strlcpy(buffer, "dext", sizeof(buffer)), 4u);
    EXPECT_STREQ(buffer, "dext");
}

TEST(BsdString, CopyThatDoesNotFit_IsCutAndTerminated) {
    char buffer[4];
    EXPECT_EQ(strlcpy(buffer, "driver", sizeof(buffer)), 6u);
    EXPECT_STREQ(buffer, "dri");
}

TEST(BsdString, AppendThatDoesNotFit_ReturnsTheLengthWanted) {
    char buffer[6] = "abc";
    EXPECT_EQ(strlcat(buffer, "defg", sizeof(buffer)), 7u);
    EXPECT_STREQ(buffer, "abcde");
}
