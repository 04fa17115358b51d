// SPDX-License-Identifier: Apache-2.0
#include "toolchain/project/path_pattern.h"

#include <gtest/gtest.h>

namespace opendext::toolchain {
namespace {

TEST(PathPattern, StarsStayWithinOneFolder) {
    EXPECT_TRUE(FitsPathPattern("a.md", "*.md"));
    EXPECT_FALSE(FitsPathPattern("b/a.md", "*.md"));
    EXPECT_TRUE(FitsPathPattern("b/a.m", "b/*.[mh]"));
}

TEST(PathPattern, TwoStarsAreAnyNumberOfFolders) {
    EXPECT_TRUE(FitsPathPattern("a.md", "**/*.md"));
    EXPECT_TRUE(FitsPathPattern("b/c/a.md", "**/*.md"));
    EXPECT_TRUE(FitsPathPattern("b/c/d/a.md", "b/**/a.md"));
    EXPECT_FALSE(FitsPathPattern("c/a.md", "b/**/a.md"));
}

TEST(PathPattern, FolderStandsForWhatIsInIt) {
    EXPECT_TRUE(FitsPathPattern("b/c/a.md", "b"));
    EXPECT_TRUE(FitsPathPattern("b/c/a.md", "b/**"));
    EXPECT_FALSE(FitsPathPattern("bc/a.md", "b"));
    EXPECT_FALSE(FitsPathPattern("a.md", ""));
}

TEST(PathPattern, ManyStars_AreFast) {
    std::string path = "a";
    std::string pattern = "**";
    for (int i = 0; i < 200; ++i) {
        path += "/a";
        pattern += "/**";
    }
    EXPECT_FALSE(FitsPathPattern(path, pattern + "/b"));
}

}  // namespace
}  // namespace opendext::toolchain
