// SPDX-License-Identifier: Apache-2.0
// What an author of the ticket driver would write. One of these tests fails on purpose: see
// tests/harness/test_command_test.cpp.
#include <cstdint>

#include <opendext/testing.h>

#include "TicketProtocol.h"

class TicketTest : public opendext::test::DriverTest {
protected:
    /// Two applications that take a ticket at the same time.
    void TakeTwo(uint32_t selector, uint64_t *first, uint64_t *second) {
        LoadDriver();
        const auto one = Open("TicketService");
        const auto other = Open("TicketService");
        system().RunTogether({[&] { *first = one.CallScalar(selector).value_or(~0ULL); },
                              [&] { *second = other.CallScalar(selector).value_or(~0ULL); }});
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

TEST_F(TicketTest, TakenAtOnceForReal_BothComeBack) {
    uint64_t first = ~0ULL;
    uint64_t second = ~0ULL;
    TakeTwo(kTicketTake, &first, &second);
    EXPECT_LE(first, 1U);
    EXPECT_LE(second, 1U);
}

TEST_F(TicketTest, TakenLockedAtOnceForReal_BothComeBack) {
    uint64_t first = ~0ULL;
    uint64_t second = ~0ULL;
    TakeTwo(kTicketTakeLocked, &first, &second);
    EXPECT_EQ(first + second, 1U);
}
