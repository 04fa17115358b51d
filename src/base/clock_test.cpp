// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <mach/mach_time.h>
#include <time.h>

#include <gtest/gtest.h>

namespace opendext {
namespace {

TEST(Clock, MachTicks_AreNanosecondsOfUptime) {
    mach_timebase_info_data_t timebase{};
    ASSERT_EQ(mach_timebase_info(&timebase), KERN_SUCCESS);
    EXPECT_EQ(timebase.numer, 1u);
    EXPECT_EQ(timebase.denom, 1u);
    const uint64_t before = mach_absolute_time();
    const uint64_t between = clock_gettime_nsec_np(CLOCK_UPTIME_RAW);
    EXPECT_LE(before, between);
    EXPECT_LE(between, mach_absolute_time());
}

TEST(Clock, VirtualTime_MovesOnlyWhenAdvanced) {
    VirtualClock clock;
    const uint64_t uptime = mach_absolute_time();
    const uint64_t continuous = clock_gettime_nsec_np(CLOCK_MONOTONIC_RAW);
    EXPECT_EQ(mach_absolute_time(), uptime);
    clock.Advance(250);
    EXPECT_EQ(mach_absolute_time(), uptime + 250);
    EXPECT_EQ(clock_gettime_nsec_np(CLOCK_MONOTONIC_RAW), continuous + 250);
}

TEST(Clock, EndOfVirtualTime_RestoresTheSystemsClock) {
    { const VirtualClock clock; }
    EXPECT_FALSE(TimeIsVirtual());
    EXPECT_GT(NowNanoseconds(ClockDomain::kWall), 1'600'000'000'000'000'000u);
}

TEST(Clock, WaitUntilThePast_ReturnsAtOnce) {
    EXPECT_EQ(mach_wait_until(0), KERN_SUCCESS);
}

}  // namespace
}  // namespace opendext
