// SPDX-License-Identifier: Apache-2.0
#include "base/once_per_key.h"

#include <string>

#include <gtest/gtest.h>

namespace opendext {
namespace {

TEST(OncePerKey, KeyThatComesAgain_IsNotFirst) {
    OncePerKey once;
    EXPECT_TRUE(once.IsFirst("a"));
    EXPECT_TRUE(once.IsFirst("b"));
    EXPECT_FALSE(once.IsFirst("a"));
}

TEST(OncePerKey, TooManyKeys_EndAllRemarks) {
    OncePerKey once;
    for (int i = 0; i < 1000; ++i) {
        EXPECT_TRUE(once.IsFirst(std::to_string(i)));
    }
    EXPECT_FALSE(once.IsFirst("one more"));
}

}  // namespace
}  // namespace opendext
