// SPDX-License-Identifier: Apache-2.0
#include "channel/memory/safe_copy.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <csetjmp>
#include <csignal>
#include <cstring>
#include <vector>

#include "base/mapping.h"

namespace opendext::channel {
namespace {

TEST(SafeCopyTest, AccessibleBytes_AreCopiedWhatTheAlignment) {
    std::vector<char> from(70'000);
    for (size_t i = 0; i < from.size(); ++i) {
        from[i] = static_cast<char>(i * 7);
    }
    for (const size_t size : {size_t{0}, size_t{1}, size_t{4095}, size_t{65'537}}) {
        std::vector<char> to(70'001, 'x');
        EXPECT_EQ(CopyBytes(to.data() + 1, from.data() + 3, size), size);
        EXPECT_EQ(std::memcmp(to.data() + 1, from.data() + 3, size), 0);
        EXPECT_EQ(to[size + 1], 'x');
    }
}

TEST(SafeCopyTest, Copy_EndsAtTheFirstByteThatCannotBeReached) {
    const size_t page = PageSize();
    auto region = MappedRegion::MapAnonymous(3 * page);
    ASSERT_TRUE(region);
    std::memset(region->data(), 5, 3 * page);
    ASSERT_EQ(mprotect(region->data() + 2 * page, page, PROT_NONE), 0);
    std::vector<std::byte> other(3 * page, std::byte{1});
    EXPECT_EQ(CopyBytes(other.data(), region->data() + 10, 3 * page - 10), 2 * page - 10);
    EXPECT_EQ(other[2 * page - 11], std::byte{5});
    EXPECT_EQ(CopyBytes(region->data() + 10, other.data(), 3 * page - 10), 2 * page - 10);
    EXPECT_EQ(CopyBytes(other.data(), reinterpret_cast<const void *>(uintptr_t{8}), 100), 0U);
}

sigjmp_buf after_fault;
void JumpOut(int) {
    siglongjmp(after_fault, 1);
}

TEST(SafeCopyTest, FaultOfTheApplication_ReachesTheApplicationsHandler) {
    struct sigaction action = {};
    struct sigaction before = {};
    action.sa_handler = &JumpOut;
    ASSERT_EQ(sigaction(SIGSEGV, &action, &before), 0);
    char byte = 0;
    EXPECT_EQ(CopyBytes(&byte, "a", 1), 1U);
    auto region = MappedRegion::MapAnonymous(PageSize());
    ASSERT_TRUE(region && mprotect(region->data(), PageSize(), PROT_NONE) == 0);
    volatile bool was_caught = false;
    if (sigsetjmp(after_fault, 1) == 0) {
        *reinterpret_cast<volatile char *>(region->data()) = 1;
    } else {
        was_caught = true;
    }
    EXPECT_TRUE(was_caught);
    EXPECT_EQ(CopyBytes(&byte, region->data(), 1), 0U);
    ASSERT_EQ(sigaction(SIGSEGV, &before, nullptr), 0);
}

}  // namespace
}  // namespace opendext::channel
