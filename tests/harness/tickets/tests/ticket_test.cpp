// SPDX-License-Identifier: Apache-2.0
// What an author of the ticket driver would write. One of these tests fails on purpose: see
// tests/harness/test_command_test.cpp.
#include <algorithm>
#include <cstdint>

#include <opendext/testing.h>

#include "TicketProtocol.h"

constexpr int kMany = 200;

class TicketTest : public opendext::test::DriverTest {
protected:
    /// Two applications that take many tickets at the same time. @return the highest.
    uint64_t TakeMany(uint32_t selector) {
        LoadDriver();
        const auto one = Open("TicketService");
        const auto other = Open("TicketService");
        uint64_t highest[2] = {};
        const auto take = [selector](const opendext::test::Client &client, uint64_t *last) {
            for (int i = 0; i < kMany; ++i) {
                *last = client.CallScalar(selector).value_or(~0ULL);
            }
        };
        system().RunTogether({[&] { take(one, &highest[0]); }, [&] { take(other, &highest[1]); }});
        return std::max(highest[0], highest[1]);
    }

    void TakeTwoOrdered(uint32_t selector, uint64_t seed) {
        LoadDriver();
        const auto one = Open("TicketService");
        const auto other = Open("TicketService");
        uint64_t first = 0;
        uint64_t second = 0;
        system().Interleave(seed);
        system().RunTogether({[&] { first = one.CallScalar(selector).value_or(~0ULL); },
                              [&] { second = other.CallScalar(selector).value_or(~0ULL); }});
        EXPECT_NE(first, second);
    }
};

TEST_F(TicketTest, TakenInTurn_AreDifferent) {
    LoadDriver();
    const auto client = Open("TicketService");
    EXPECT_EQ(client.CallScalar(kTicketTake), 0U);
    EXPECT_EQ(client.CallScalar(kTicketTake), 1U);
}

TEST_F(TicketTest, TakenLockedAtOnce_AreDifferent) {
    ForEachSeed(50, [this](uint64_t seed) { TakeTwoOrdered(kTicketTakeLocked, seed); });
}

TEST_F(TicketTest, TakenAtOnce_AreDifferent) {
    ForEachSeed(50, [this](uint64_t seed) { TakeTwoOrdered(kTicketTake, seed); });
}

TEST_F(TicketTest, TakenAtOnceForReal_AllComeBack) {
    EXPECT_LT(TakeMany(kTicketTake), 2U * kMany);
}

TEST_F(TicketTest, TakenLockedAtOnceForReal_NoneIsLost) {
    EXPECT_EQ(TakeMany(kTicketTakeLocked), 2U * kMany - 1);
}
