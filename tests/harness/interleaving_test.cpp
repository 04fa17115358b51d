// SPDX-License-Identifier: Apache-2.0
// Orders that a seed chooses: the same seed, the same order; other seeds, other orders.
#include <cstdint>
#include <filesystem>
#include <set>
#include <utility>
#include <vector>

#include <opendext/testing.h>

#include "tests/harness/tickets/driver/TicketProtocol.h"

namespace {

using opendext::test::Client;
using opendext::test::System;

const std::filesystem::path kTickets =
    std::filesystem::path(OPENDEXT_BUILD_DIR) / "tests/harness/tickets.dext";

class InterleavingTest : public opendext::test::DriverTest {
protected:
    using Tickets = std::vector<uint64_t>;

    /// What several applications get that take tickets at the same time, in the order that the seed chooses.
    Tickets TakeAtOnce(uint32_t selector, uint64_t seed, size_t num_clients = 2,
                       size_t num_each = 1) {
        auto system = System::Start();
        EXPECT_TRUE(system.has_value());
        EXPECT_TRUE((*system)->Load(kTickets).has_value());
        std::vector<Client> clients;
        for (size_t i = 0; i < num_clients; ++i) {
            auto client = (*system)->WaitForService("TicketService").Open();
            EXPECT_TRUE(client.has_value());
            clients.push_back(*std::move(client));
        }
        Tickets tickets(num_clients * num_each);
        std::vector<std::function<void()>> takers;
        for (size_t i = 0; i < num_clients; ++i) {
            takers.emplace_back([&, i] {
                for (size_t j = 0; j < num_each; ++j) {
                    tickets[i * num_each + j] =
                        clients[i].CallScalar(selector).value_or(~uint64_t{0});
                }
            });
        }
        (*system)->Interleave(seed);
        (*system)->RunTogether(std::move(takers));
        (*system)->EndInterleaving();
        return tickets;
    }

    static bool AreDifferent(const Tickets &tickets) {
        return std::set(tickets.begin(), tickets.end()).size() == tickets.size();
    }
};

TEST_F(InterleavingTest, Race_IsFoundBySomeSeedAndReplayedByIt) {
    uint64_t bad = 0;
    uint64_t good = 0;
    for (uint64_t seed = 1; seed <= 100 && (bad == 0 || good == 0); ++seed) {
        (AreDifferent(TakeAtOnce(kTicketTake, seed)) ? good : bad) = seed;
    }
    ASSERT_NE(bad, 0U) << "no seed of 100 shows the race";
    ASSERT_NE(good, 0U) << "every seed shows the race";
    for (int round = 0; round < 10; ++round) {
        EXPECT_FALSE(AreDifferent(TakeAtOnce(kTicketTake, bad))) << "seed " << bad;
        EXPECT_TRUE(AreDifferent(TakeAtOnce(kTicketTake, good))) << "seed " << good;
    }
}

TEST_F(InterleavingTest, ManyThreads_SameSeedGivesTheSameTickets) {
    std::set<Tickets> seen;
    for (uint64_t seed = 1; seed <= 10; ++seed) {
        const Tickets first = TakeAtOnce(kTicketTake, seed, 4, 5);
        EXPECT_EQ(first, TakeAtOnce(kTicketTake, seed, 4, 5)) << "seed " << seed;
        seen.insert(first);
    }
    EXPECT_GT(seen.size(), 1U);
}

TEST_F(InterleavingTest, Locks_KeepThreadsApartUnderEverySeed) {
    for (uint64_t seed = 1; seed <= 30; ++seed) {
        EXPECT_TRUE(AreDifferent(TakeAtOnce(kTicketTakeLocked, seed, 3, 3))) << "seed " << seed;
    }
}

TEST_F(InterleavingTest, Sleep_TakesNoTime) {
    LoadDriver(kTickets);
    const Client client = Open("TicketService");
    system().Interleave(1);
    EXPECT_TRUE(client.Call(kTicketWait).ok());
    EXPECT_TRUE(log().WaitFor(kTicketWaitLine));
}

// Its own lock is one that nobody sees: the others go on after a while, and the log says why.
TEST_F(InterleavingTest, WaitForAForeignLock_IsNoDeadlock) {
    LoadDriver(kTickets);
    const Client one = Open("TicketService");
    const Client other = Open("TicketService");
    for (uint64_t seed = 1; seed <= 20 && !log().Contains("Use an IOLock"); ++seed) {
        system().Interleave(seed);
        system().RunTogether({[&] { EXPECT_TRUE(one.Call(kTicketStrand).ok()); },
                              [&] { EXPECT_TRUE(other.Call(kTicketStrand).ok()); }});
        system().EndInterleaving();
    }
    EXPECT_TRUE(log().Contains("Use an IOLock"));
}

TEST_F(InterleavingTest, OpensAndCloses_WorkInTurn) {
    LoadDriver(kTickets);
    system().Interleave(7);
    for (int round = 0; round < 3; ++round) {
        const Client client = Open("TicketService");
        EXPECT_EQ(client.CallScalar(kTicketTake), static_cast<uint64_t>(round));
    }
    EXPECT_TRUE(system().Settle());
}

}  // namespace
