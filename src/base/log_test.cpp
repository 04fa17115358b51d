// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace opendext {
namespace {

class LogTest : public testing::Test {
protected:
    LogTest() {
        SetLogLevel(LogLevel::kInfo);
        SetLogSink([this](LogLevel level, std::string_view line) {
            const std::lock_guard lock(mutex_);
            lines_.push_back(fmt::format("{}|{}", LogLevelName(level), line));
        });
    }
    ~LogTest() override {
        SetLogSink({});
        SetLogLevel(LogLevel::kInfo);
    }

    std::mutex mutex_;
    std::vector<std::string> lines_;
};

TEST_F(LogTest, Message_ReachesTheSinkFormatted) {
    LogWarning("{} of {} slots in use", 7, 8);
    EXPECT_THAT(lines_, testing::ElementsAre("warning|7 of 8 slots in use"));
}

TEST_F(LogTest, MessageBelowTheLevel_IsDropped) {
    LogDebug("unseen");
    EXPECT_TRUE(lines_.empty());
    SetLogLevel(LogLevel::kDebug);
    LogDebug("seen");
    EXPECT_THAT(lines_, testing::ElementsAre("debug|seen"));
}

TEST_F(LogTest, NewlinesAndEscapes_BecomeSpaces) {
    LogInfo("a\nb\x1b[31mc");
    EXPECT_THAT(lines_, testing::ElementsAre("info|a b [31mc"));
}

TEST_F(LogTest, SinkThatLogs_DoesNotDeadlock) {
    bool is_nested = false;
    std::vector<std::string> seen;
    SetLogSink([&](LogLevel, std::string_view line) {
        seen.emplace_back(line);
        if (!is_nested) {
            is_nested = true;
            LogError("inner");
        }
    });
    LogError("outer");
    EXPECT_THAT(seen, testing::ElementsAre("outer", "inner"));
}

TEST_F(LogTest, SinkReplacedWhileOthersLog_LosesNoLine) {
    constexpr int kNumLines = 2000;
    std::thread logger([] {
        for (int i = 0; i < kNumLines; ++i) {
            LogInfo("line");
        }
    });
    for (int i = 0; i < 200; ++i) {
        SetLogSink([this](LogLevel, std::string_view line) {
            const std::lock_guard lock(mutex_);
            lines_.emplace_back(line);
        });
    }
    logger.join();
    const std::lock_guard lock(mutex_);
    EXPECT_EQ(lines_.size(), size_t{kNumLines});
}

TEST(StderrLogTest, Levels_HaveTheirPrefix) {
    testing::internal::CaptureStderr();
    LogInfo("started");
    LogWarning("slow");
    LogError("stopped");
    EXPECT_EQ(testing::internal::GetCapturedStderr(),
              "opendext: started\nopendext: warning: slow\nopendext: error: stopped\n");
}

}  // namespace
}  // namespace opendext
