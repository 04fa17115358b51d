// SPDX-License-Identifier: Apache-2.0
#include "base/os_log.h"

#include <mutex>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace opendext {
namespace {

class OsLog : public testing::Test {
protected:
    OsLog() {
        SetOsLogSink([this](const OsLogLine &line) {
            const std::lock_guard lock(mutex_);
            messages_.emplace_back(line.message);
            types_.push_back(line.type);
            places_.push_back(std::string(line.subsystem) + ":" + std::string(line.category));
        });
    }
    ~OsLog() override { SetOsLogSink({}); }

    std::mutex mutex_;
    std::vector<std::string> messages_;
    std::vector<os_log_type_t> types_;
    std::vector<std::string> places_;
};

TEST_F(OsLog, PrivacyNotes_AreReadAndDropped) {
    os_log(OS_LOG_DEFAULT, "%{public}s is %{private}d of %{public, mask.hash}x", "value", 7, 0x1f);
    EXPECT_EQ(messages_, std::vector<std::string>{"value is 7 of 1f"});
}

// What the compiler objects to, and a driver may have all the same.
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wformat"
#pragma clang diagnostic ignored "-Wformat-nonliteral"

TEST_F(OsLog, LongLongFormats_TakeUint64) {
    const uint64_t big = UINT64_MAX;
    os_log(OS_LOG_DEFAULT, "%llu %#llx %lu %zu %08x", big, big, big, size_t{3}, 0xabcu);
    EXPECT_EQ(messages_,
              std::vector<std::string>{
                  "18446744073709551615 0xffffffffffffffff 18446744073709551615 3 00000abc"});
}

TEST_F(OsLog, StarPercentAndWriteback_AreSafe) {
    int untouched = 5;
    const char *format = "%*d 100%% %n";
    os_log(OS_LOG_DEFAULT, format, 4, 1, &untouched);
    ASSERT_EQ(messages_.size(), 1u);
    EXPECT_EQ(messages_[0].substr(0, 12), "   1 100% 0x");
    EXPECT_EQ(untouched, 5);
}

TEST_F(OsLog, UnfinishedFormat_IsPrintedAsItIs) {
    os_log(OS_LOG_DEFAULT, "half %{public");
    os_log(OS_LOG_DEFAULT, "end %");
    EXPECT_EQ(messages_, (std::vector<std::string>{"half %", "end %"}));
}

#pragma clang diagnostic pop

TEST_F(OsLog, TypesAndPlaces_ReachTheSink) {
    os_log_t log = os_log_create("com.example.dext", "dma");
    EXPECT_EQ(log, os_log_create("com.example.dext", "dma"));
    os_log_error(log, "one");
    os_log_debug(nullptr, "two");
    EXPECT_EQ(types_, (std::vector<os_log_type_t>{OS_LOG_TYPE_ERROR, OS_LOG_TYPE_DEBUG}));
    EXPECT_EQ(places_, (std::vector<std::string>{"com.example.dext:dma", ":"}));
}

TEST_F(OsLog, DisabledLog_DropsLines) {
    os_log(OS_LOG_DISABLED, "unseen");
    EXPECT_TRUE(messages_.empty());
}

TEST_F(OsLog, LongLine_IsCut) {
    os_log(OS_LOG_DEFAULT, "%s\n", std::string(10000, 'x').c_str());
    ASSERT_EQ(messages_.size(), 1u);
    EXPECT_EQ(messages_[0].size(), 4095u);
}

}  // namespace
}  // namespace opendext
