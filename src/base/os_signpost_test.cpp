// SPDX-License-Identifier: Apache-2.0
#include <os/signpost.h>

#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/os_log.h"

namespace opendext {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;

class SignpostTest : public ::testing::Test {
protected:
    void SetUp() override {
        SetOsLogSink([lines = lines_](const OsLogLine &line) {
            EXPECT_EQ(line.type, OS_LOG_TYPE_DEBUG);
            EXPECT_EQ(line.category, "signposts");
            lines->emplace_back(line.message);
        });
    }
    void TearDown() override { SetOsLogSink({}); }

    const std::shared_ptr<std::vector<std::string>> lines_ =
        std::make_shared<std::vector<std::string>>();
    const os_log_t log_ = os_log_create("test", "signposts");
};

TEST_F(SignpostTest, Event_IsALineWithItsNameAndText) {
    os_signpost_event_emit(log_, OS_SIGNPOST_ID_EXCLUSIVE, "frame");
    os_signpost_event_emit(log_, OS_SIGNPOST_ID_EXCLUSIVE, "100%", "%d of %s", 3, "four");
    EXPECT_THAT(*lines_, ElementsAre(MatchesRegex("signpost frame at [0-9]+ ns"),
                                     MatchesRegex("signpost 100% at [0-9]+ ns: 3 of four")));
}

TEST_F(SignpostTest, EndOfAnInterval_TellsHowLongItWas) {
    const os_signpost_id_t first = os_signpost_id_generate(log_);
    const os_signpost_id_t second = os_signpost_id_generate(log_);
    EXPECT_NE(first, second);
    os_signpost_interval_begin(log_, first, "transfer");
    os_signpost_interval_begin(log_, second, "transfer", "%u bytes", 512U);
    os_signpost_interval_end(log_, first, "transfer");
    os_signpost_interval_end(log_, first, "transfer");
    EXPECT_THAT(*lines_, ElementsAre(HasSubstr("begins at"),
                                     MatchesRegex("signpost transfer 0x.* begins at .*: 512 bytes"),
                                     MatchesRegex("signpost transfer 0x.* ends at .*, after "
                                                  "[0-9]+ ns"),
                                     MatchesRegex("signpost transfer 0x[^,]* ends at [0-9]+ ns")));
}

TEST_F(SignpostTest, NoIdOrADisabledLog_IsNoLine) {
    os_signpost_event_emit(log_, OS_SIGNPOST_ID_NULL, "nothing");
    os_signpost_event_emit(log_, OS_SIGNPOST_ID_INVALID, "nothing");
    os_signpost_event_emit(OS_LOG_DISABLED, OS_SIGNPOST_ID_EXCLUSIVE, "nothing");
    EXPECT_THAT(*lines_, IsEmpty());
    EXPECT_EQ(os_signpost_id_generate(OS_LOG_DISABLED), OS_SIGNPOST_ID_NULL);
}

TEST_F(SignpostTest, IdOfAnObject_IsAlwaysTheSame) {
    EXPECT_EQ(os_signpost_id_make_with_pointer(log_, this),
              os_signpost_id_make_with_pointer(log_, this));
}

}  // namespace
}  // namespace opendext
