// SPDX-License-Identifier: Apache-2.0
#include "runtime/service/latency_request.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/log.h"

namespace opendext::service {
namespace {

// With a plain file in place of the kernel's.
class LatencyRequestTest : public ::testing::Test {
protected:
    void SetUp() override {
        char name[] = "/tmp/opendext-latency-XXXXXX";
        close(mkstemp(name));
        path_ = name;
        requests_ = std::make_unique<LatencyRequests>(path_);
    }
    void TearDown() override { unlink(path_.c_str()); }

    /// What has been written last.
    [[nodiscard]] std::optional<int32_t> Microseconds() const {
        int32_t value = 0;
        const int fd = open(path_.c_str(), O_RDONLY | O_CLOEXEC);
        const bool is_read = read(fd, &value, sizeof value) == sizeof value;
        close(fd);
        return is_read ? std::optional(value) : std::nullopt;
    }
    /// How many descriptors of this process are on the file.
    [[nodiscard]] bool IsHeld() const {
        for (int fd = 3; fd < 256; ++fd) {
            struct stat opened = {};
            struct stat named = {};
            if (fstat(fd, &opened) == 0 && stat(path_.c_str(), &named) == 0 &&
                opened.st_ino == named.st_ino && opened.st_dev == named.st_dev) {
                return true;
            }
        }
        return false;
    }

    std::string path_;
    std::unique_ptr<LatencyRequests> requests_;
    int owners_[2] = {};
};

TEST_F(LatencyRequestTest, StrictestRequest_IsInForce) {
    EXPECT_FALSE(IsHeld());
    requests_->Set(&owners_[0], 40000);
    EXPECT_EQ(Microseconds(), 40);
    requests_->Set(&owners_[1], 5000);
    EXPECT_EQ(Microseconds(), 5);
    requests_->Set(&owners_[1], 0);
    EXPECT_EQ(Microseconds(), 40);
    EXPECT_TRUE(IsHeld());
}

TEST_F(LatencyRequestTest, WithoutRequests_TheFileIsClosed) {
    requests_->Set(&owners_[0], 0);
    EXPECT_FALSE(IsHeld());
    requests_->Set(&owners_[0], 10000);
    EXPECT_TRUE(IsHeld());
    requests_->Set(&owners_[0], 0);
    EXPECT_FALSE(IsHeld());
}

TEST_F(LatencyRequestTest, FileThatMayNotBeOpened_IsToldOfOnce) {
    LatencyRequests refused("/no/such/file");
    const auto lines = std::make_shared<std::vector<std::string>>();
    SetLogSink([lines](LogLevel, std::string_view line) { lines->emplace_back(line); });
    refused.Set(&owners_[0], 10000);
    refused.Set(&owners_[1], 5000);
    refused.Set(&owners_[0], 0);
    SetLogSink({});
    EXPECT_THAT(*lines, ::testing::ElementsAre(::testing::HasSubstr("/no/such/file")));
}

}  // namespace
}  // namespace opendext::service
