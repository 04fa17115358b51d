// SPDX-License-Identifier: Apache-2.0
#include "base/unique_fd.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include <gtest/gtest.h>

namespace opendext {
namespace {

UniqueFd OpenNull() {
    return UniqueFd(::open("/dev/null", O_RDWR | O_CLOEXEC));
}

bool IsOpen(int fd) {
    return ::fcntl(fd, F_GETFD) >= 0;
}

TEST(UniqueFdTest, EndOfScope_ClosesTheDescriptor) {
    int number = -1;
    {
        const UniqueFd fd = OpenNull();
        number = fd.get();
        ASSERT_TRUE(IsOpen(number));
    }
    EXPECT_FALSE(IsOpen(number));
}

TEST(UniqueFdTest, MovedFrom_IsEmptyAndClosesNothing) {
    UniqueFd first = OpenNull();
    const int number = first.get();
    UniqueFd second = std::move(first);
    first.Reset();  // NOLINT(bugprone-use-after-move)
    EXPECT_FALSE(first.is_valid());
    EXPECT_EQ(second.get(), number);
    EXPECT_TRUE(IsOpen(number));
}

TEST(UniqueFdTest, MoveAssignment_ClosesTheOldDescriptor) {
    UniqueFd fd = OpenNull();
    const int old_number = fd.get();
    UniqueFd other = OpenNull();
    const int new_number = other.get();
    fd = std::move(other);
    EXPECT_FALSE(IsOpen(old_number));
    EXPECT_EQ(fd.get(), new_number);
}

TEST(UniqueFdTest, Release_LeavesTheDescriptorOpen) {
    UniqueFd fd = OpenNull();
    const int number = fd.Release();
    EXPECT_FALSE(fd);
    EXPECT_TRUE(IsOpen(number));
    ::close(number);
}

TEST(UniqueFdTest, ErrnoOfAFailure_SurvivesClosing) {
    UniqueFd fd = OpenNull();
    errno = ENOSPC;
    fd.Reset();
    EXPECT_EQ(errno, ENOSPC);
}

TEST(UniqueFdTest, Duplicate_IsAnotherCloseOnExecDescriptor) {
    const UniqueFd fd = OpenNull();
    const auto copy = fd.Duplicate();
    ASSERT_TRUE(copy.has_value());
    EXPECT_NE(copy->get(), fd.get());
    EXPECT_EQ(::fcntl(copy->get(), F_GETFD), FD_CLOEXEC);
}

TEST(UniqueFdTest, DuplicateOfNothing_IsBadDescriptor) {
    const auto copy = UniqueFd().Duplicate();
    ASSERT_FALSE(copy.has_value());
    EXPECT_EQ(copy.error().error_number, EBADF);
    EXPECT_EQ(copy.error().ToString(), "fcntl(F_DUPFD_CLOEXEC): Bad file descriptor (errno 9)");
}

}  // namespace
}  // namespace opendext
