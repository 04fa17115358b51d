// SPDX-License-Identifier: Apache-2.0
#include "backends/api/completion_batch.h"

#include <gtest/gtest.h>

#include <thread>

namespace opendext::backends {
namespace {

struct CountingMember final : CompletionBatch::Member {
    void OnBatchEnd() override {
        ++num_ends;
        if (num_ends < num_wanted) {
            (void)CompletionBatch::Current()->Join(self.lock());
        }
    }
    int num_ends = 0;
    int num_wanted = 1;
    std::weak_ptr<CountingMember> self;
};

std::shared_ptr<CountingMember> NewMember() {
    auto member = std::make_shared<CountingMember>();
    member->self = member;
    return member;
}

TEST(CompletionBatch, MemberThatJoinsTwice_IsToldOnceAtTheEnd) {
    const auto member = NewMember();
    {
        CompletionBatch batch;
        EXPECT_TRUE(batch.Join(member));
        EXPECT_FALSE(batch.Join(member));
        EXPECT_EQ(member->num_ends, 0);
    }
    EXPECT_EQ(member->num_ends, 1);
}

TEST(CompletionBatch, MemberThatJoinsWhileItIsTold_IsToldAgain) {
    const auto first = NewMember();
    const auto second = NewMember();
    first->num_wanted = 3;
    {
        CompletionBatch batch;
        EXPECT_TRUE(batch.Join(first));
        EXPECT_TRUE(batch.Join(second));
    }
    EXPECT_EQ(first->num_ends, 3);
    EXPECT_EQ(second->num_ends, 1);
}

TEST(CompletionBatch, IsOpenOnItsThreadAlone) {
    EXPECT_EQ(CompletionBatch::Current(), nullptr);
    {
        const CompletionBatch batch;
        EXPECT_EQ(CompletionBatch::Current(), &batch);
        std::thread([] { EXPECT_EQ(CompletionBatch::Current(), nullptr); }).join();
    }
    EXPECT_EQ(CompletionBatch::Current(), nullptr);
}

TEST(CompletionBatch, MemberThatNobodyElseHas_LivesUntilItIsTold) {
    const auto member = NewMember();
    const std::weak_ptr<CountingMember> watched = member;
    auto owner = member;
    {
        CompletionBatch batch;
        EXPECT_TRUE(batch.Join(owner));
        owner.reset();
        EXPECT_EQ(watched.use_count(), 2);
    }
    EXPECT_EQ(watched.use_count(), 1);
}

}  // namespace
}  // namespace opendext::backends
