// SPDX-License-Identifier: Apache-2.0
#include "base/interval_index.h"

#include <algorithm>
#include <cstdint>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace opendext {
namespace {

using Index = IntervalIndex<int>;

constexpr uint64_t kLast = UINT64_MAX;

bool TakeAny(int /*value*/) {
    return true;
}

TEST(IntervalIndex, Empty_FindsNothing) {
    const Index index;
    EXPECT_EQ(index.FindCovering(0, 1), nullptr);
    EXPECT_EQ(index.FindSame(0, 1, 0, kLast, TakeAny), nullptr);
    EXPECT_EQ(index.size(), 0U);
}

TEST(IntervalIndex, EqualRanges_ComeInTheOrderOfTheirTags) {
    Index index;
    index.Insert(10, 20, 7, 1);
    index.Insert(10, 20, 3, 2);
    index.Insert(10, 21, 0, 3);
    EXPECT_EQ(index.FindSame(10, 20, 0, kLast, TakeAny)->value, 2);
    EXPECT_EQ(index.FindSame(10, 20, 4, kLast, TakeAny)->value, 1);
    EXPECT_EQ(index.FindSame(10, 20, 4, 6, TakeAny), nullptr);
    EXPECT_EQ(index.FindSame(10, 20, 8, kLast, TakeAny), nullptr);
    EXPECT_EQ(index.FindSame(10, 20, 0, kLast, [](int value) { return value == 1; })->value, 1);
    EXPECT_EQ(index.FindSame(10, 22, 0, kLast, TakeAny), nullptr);
}

TEST(IntervalIndex, LongRangeThatStartsEarly_CoversAmongManyShortOnes) {
    Index index;
    for (uint64_t i = 0; i < 1000; ++i) {
        index.Insert(10 * i, 10 * i + 5, 0, static_cast<int>(i));
    }
    EXPECT_EQ(index.FindCovering(4, 6), nullptr);
    Index::Node *whole = index.Insert(3, 9000, 0, -1);
    EXPECT_EQ(index.FindCovering(4, 6)->value, -1);
    EXPECT_EQ(index.FindCovering(7777, 8999)->value, -1);
    EXPECT_EQ(index.Erase(whole), -1);
    EXPECT_EQ(index.FindCovering(7777, 8999), nullptr);
    EXPECT_EQ(index.FindCovering(7770, 7775)->value, 777);
}

struct Range {
    uint64_t start;
    uint64_t end;
    Index::Node *node;
};

bool Covers(const Range &range, uint64_t start, uint64_t end) {
    return range.start <= start && range.end >= end;
}

TEST(IntervalIndex, RandomRanges_AreFoundAsByLookingAtAll) {
    std::mt19937_64 random(20240601);
    Index index;
    std::vector<Range> all;
    for (int step = 0; step < 20000; ++step) {
        const uint64_t start = random() % 64;
        const uint64_t end = start + 1 + random() % 16;
        if (random() % 2 == 0 && all.size() < 200) {
            all.push_back({start, end, index.Insert(start, end, random() % 3, step)});
        } else if (!all.empty()) {
            std::swap(all[random() % all.size()], all.back());
            index.Erase(all.back().node);
            all.pop_back();
        }
        ASSERT_EQ(index.size(), all.size());
        const Index::Node *covering = index.FindCovering(start, end);
        ASSERT_EQ(covering != nullptr, std::ranges::any_of(all, [&](const Range &each) {
                      return Covers(each, start, end);
                  }));
        ASSERT_TRUE(covering == nullptr || (covering->start <= start && covering->end >= end));
        const Index::Node *same = index.FindSame(start, end, 0, kLast, TakeAny);
        ASSERT_EQ(same != nullptr, std::ranges::any_of(all, [&](const Range &each) {
                      return each.start == start && each.end == end;
                  }));
    }
}

}  // namespace
}  // namespace opendext
