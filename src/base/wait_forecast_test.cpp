// SPDX-License-Identifier: Apache-2.0
#include "base/wait_forecast.h"

#include <gtest/gtest.h>

namespace opendext {
namespace {

using Nanoseconds = WaitForecast::Nanoseconds;

constexpr Nanoseconds kUsual{400'000};

/// `count` waits of that length, and up to `spread` more.
void Wait(WaitForecast &forecast, int count, Nanoseconds length, Nanoseconds spread = {}) {
    for (int i = 0; i < count; ++i) {
        (void)forecast.Next();
        forecast.Learn(length + spread * (i % 3) / 2);
    }
}

TEST(WaitForecastTest, WaitsThatAreAlike_HaveAWindowAroundThem) {
    WaitForecast forecast;
    EXPECT_FALSE(forecast.Next());
    Wait(forecast, 30, kUsual, Nanoseconds(20'000));
    const auto window = forecast.Next();
    ASSERT_TRUE(window);
    EXPECT_LT(window->from, kUsual);
    EXPECT_GT(window->to, kUsual + Nanoseconds(20'000));
    EXPECT_LT(window->to - window->from, kUsual / 2);
}

TEST(WaitForecastTest, WaitsThatDiffer_HaveNone) {
    WaitForecast forecast;
    Wait(forecast, 60, kUsual, 2 * kUsual);
    EXPECT_FALSE(forecast.Next());
}

TEST(WaitForecastTest, ShortAndLongWaits_HaveNone) {
    WaitForecast shorter;
    Wait(shorter, 60, WaitForecast::kShortest / 2);
    EXPECT_FALSE(shorter.Next());
    WaitForecast longer;
    Wait(longer, 60, 2 * WaitForecast::kLongest);
    EXPECT_FALSE(longer.Next());
}

TEST(WaitForecastTest, Pause_IsNotWhatComesNext) {
    WaitForecast forecast;
    Wait(forecast, 30, kUsual);
    Wait(forecast, 1, 100 * kUsual);
    Wait(forecast, 10, kUsual);
    const auto window = forecast.Next();
    ASSERT_TRUE(window);
    EXPECT_LT(window->to, 2 * kUsual);
}

TEST(WaitForecastTest, MissedWindows_BecomeRare) {
    WaitForecast forecast;
    Wait(forecast, 30, kUsual);
    int num_windows = 0;
    for (int i = 0; i < 1000; ++i) {
        num_windows += forecast.Next() ? 1 : 0;
        forecast.Learn(100 * kUsual);
    }
    EXPECT_LT(num_windows, 30);
    EXPECT_GT(num_windows, 0);
}

TEST(WaitForecastTest, ManyShortWaitsBefore_DoNotHideLongOnes) {
    WaitForecast forecast;
    Wait(forecast, 20, Nanoseconds(5'000));
    Wait(forecast, 60, 10 * kUsual / 4);
    EXPECT_TRUE(forecast.Next());
}

TEST(WaitForecastTest, ChangedWaits_AreFollowed) {
    WaitForecast forecast;
    Wait(forecast, 30, kUsual);
    Wait(forecast, 60, 3 * kUsual);
    const auto window = forecast.Next();
    ASSERT_TRUE(window);
    EXPECT_LT(window->from, 3 * kUsual);
    EXPECT_GT(window->to, 3 * kUsual);
}

}  // namespace
}  // namespace opendext
