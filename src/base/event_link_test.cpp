// SPDX-License-Identifier: Apache-2.0
#include "base/event_link.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include "base/shared_region.h"

namespace opendext {
namespace {

using Outcome = EventLink::Outcome;
using Side = EventLink::Side;

struct EventLinkTest : testing::Test {
    std::shared_ptr<EventLink> first = *EventLink::Create();
    std::shared_ptr<EventLink> second = *EventLink::Attach(first->region(), Side::kSecond);
    uint64_t num_signals = 99;
    const EventLink::Deadline now = std::chrono::steady_clock::now();
};

TEST_F(EventLinkTest, Signals_AreCountedUntilTheOtherEndWaits) {
    EXPECT_TRUE(first->Signal());
    EXPECT_TRUE(first->Signal());
    EXPECT_EQ(first->Wait(now, num_signals), Outcome::kTimedOut) << "an end does not wake itself";
    EXPECT_EQ(second->Wait({}, num_signals), Outcome::kSignalled);
    EXPECT_EQ(num_signals, 2u);
    EXPECT_EQ(second->Wait(now, num_signals), Outcome::kTimedOut);
    EXPECT_EQ(num_signals, 0u);
}

TEST_F(EventLinkTest, Ends_WakeEachOtherInTurn) {
    constexpr int kNumTurns = 1000;
    std::thread other([this] {
        uint64_t count = 0;
        for (int i = 0; i < kNumTurns; ++i) {
            EXPECT_EQ(second->Wait({}, count), Outcome::kSignalled);
            EXPECT_EQ(count, 1u);
            EXPECT_TRUE(second->Signal());
        }
    });
    for (int i = 0; i < kNumTurns; ++i) {
        EXPECT_TRUE(first->Signal());
        EXPECT_EQ(first->Wait({}, num_signals), Outcome::kSignalled);
    }
    other.join();
}

TEST_F(EventLinkTest, Signals_OfSeveralThreadsAreNotLost) {
    constexpr uint64_t kNumEach = 5000;
    std::vector<std::thread> senders;
    for (int i = 0; i < 3; ++i) {
        senders.emplace_back([this] {
            for (uint64_t n = 0; n < kNumEach; ++n) {
                first->Signal();
            }
        });
    }
    uint64_t total = 0;
    while (total < 3 * kNumEach) {
        ASSERT_EQ(second->Wait({}, num_signals), Outcome::kSignalled);
        total += num_signals;
    }
    EXPECT_EQ(total, 3 * kNumEach);
    for (std::thread &sender : senders) {
        sender.join();
    }
}

TEST_F(EventLinkTest, Cancel_EndsTheWaitsOfBothEnds) {
    std::thread waiter([this] {
        uint64_t count = 0;
        EXPECT_EQ(second->Wait({}, count), Outcome::kCancelled);
    });
    std::thread same_end([this] {
        uint64_t count = 0;
        EXPECT_EQ(first->Wait({}, count), Outcome::kCancelled);
    });
    first->Cancel();
    waiter.join();
    same_end.join();
    EXPECT_TRUE(second->is_cancelled());
    EXPECT_FALSE(first->Signal());
    EXPECT_FALSE(second->Signal());
}

TEST_F(EventLinkTest, OtherEnd_ThatOverwritesTheLinkDoesNotUndoCancel) {
    first->Cancel();
    std::memset(second->region()->Writable(), 0, EventLink::kNumBytes);
    EXPECT_EQ(first->Wait({}, num_signals), Outcome::kCancelled);
    EXPECT_FALSE(first->Signal());
    EXPECT_TRUE(first->is_cancelled());
}

TEST_F(EventLinkTest, OtherEnd_ThatOverwritesTheLinkGivesAWrongCount) {
    std::memset(first->region()->Writable(), 0x55, EventLink::kNumBytes);
    EXPECT_EQ(second->Wait({}, num_signals), Outcome::kSignalled);
    EXPECT_EQ(num_signals, 0x55555555u);
    std::memset(first->region()->Writable(), 0x00, EventLink::kNumBytes);
    EXPECT_EQ(second->Wait({}, num_signals), Outcome::kSignalled);
    EXPECT_EQ(num_signals, 0x80000000u - 0x55555555u);
}

TEST_F(EventLinkTest, Region_ThatIsNoneIsRefused) {
    const auto none = EventLink::Attach(nullptr, Side::kSecond);
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error(), EINVAL);
}

TEST(LinkWaiter, OneThreadAtATime) {
    LinkWaiter waiter;
    EXPECT_FALSE(waiter.MayWait());
    EXPECT_FALSE(waiter.Disassociate());
    EXPECT_TRUE(waiter.AssociateThisThread());
    EXPECT_FALSE(waiter.AssociateOnWait());
    EXPECT_TRUE(waiter.MayWait());
    std::thread([&waiter] { EXPECT_FALSE(waiter.MayWait()); }).join();
    EXPECT_TRUE(waiter.Disassociate());
    EXPECT_TRUE(waiter.AssociateOnWait());
    EXPECT_FALSE(waiter.AssociateThisThread());
    EXPECT_TRUE(waiter.MayWait()) << "the first that waits";
    std::thread([&waiter] { EXPECT_FALSE(waiter.MayWait()); }).join();
}

}  // namespace
}  // namespace opendext
