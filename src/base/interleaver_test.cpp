// SPDX-License-Identifier: Apache-2.0
#include "base/interleaver.h"

#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace opendext {
namespace {

/// Threads that write their names, with points in between.
std::string Order(uint64_t seed, size_t num_threads, size_t num_letters) {
    std::string order;  // by who has the turn
    Interleaver &interleaver = Interleaver::Instance();
    interleaver.Begin(seed);
    std::vector<std::thread> threads;
    for (size_t i = 0; i < num_threads; ++i) {
        threads.emplace_back([&order, i, num_letters, member = interleaver.Admit()] {
            Interleaver::Instance().Enter(member);
            for (size_t j = 0; j < num_letters; ++j) {
                order += static_cast<char>('a' + i);
                Interleaver::Point();
            }
            Interleaver::Instance().Leave(member);
        });
    }
    Interleaver::Rest();
    interleaver.End();
    for (std::thread &thread : threads) {
        thread.join();
    }
    return order;
}

TEST(InterleaverTest, SameSeed_SameOrder) {
    for (uint64_t seed = 0; seed < 20; ++seed) {
        EXPECT_EQ(Order(seed, 4, 5), Order(seed, 4, 5)) << seed;
    }
}

TEST(InterleaverTest, OtherSeed_OtherOrder) {
    EXPECT_NE(Order(1, 4, 5), Order(2, 4, 5));
}

TEST(InterleaverTest, Rest_ComesWhenAllHaveEnded) {
    EXPECT_EQ(Order(3, 3, 4).size(), 12U);
}

TEST(InterleaverTest, Wait_OthersGoOnUntilWake) {
    Interleaver &interleaver = Interleaver::Instance();
    interleaver.Begin(1);
    std::atomic<uint32_t> word{0};
    std::thread waker([&word, member = interleaver.Admit()] {
        Interleaver::Instance().Enter(member);
        Interleaver::Instance().Wake(word);
        Interleaver::Instance().Leave(member);
    });
    EXPECT_TRUE(interleaver.Wait(word));
    EXPECT_EQ(word, 1U);
    interleaver.End();
    waker.join();
}

TEST(InterleaverTest, End_LetsEverybodyGo) {
    Interleaver &interleaver = Interleaver::Instance();
    interleaver.Begin(1);
    std::atomic<bool> has_run = false;
    std::thread late([&has_run, member = interleaver.Admit()] {
        Interleaver::Instance().Enter(member);
        has_run = true;
        Interleaver::Instance().Leave(member);
    });
    interleaver.End();
    late.join();
    EXPECT_TRUE(has_run);
}

TEST(InterleaverTest, NotInForce_NothingIsAdmitted) {
    EXPECT_EQ(Interleaver::Instance().Admit(), nullptr);
    EXPECT_FALSE(Interleaver::IsMember());
    Interleaver::Point();
    Interleaver::Rest();
    std::atomic<uint32_t> word{0};
    EXPECT_FALSE(Interleaver::Instance().Wait(word));
}

}  // namespace
}  // namespace opendext
