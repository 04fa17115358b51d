// SPDX-License-Identifier: Apache-2.0
#include "channel/transport/connection_table.h"

#include <atomic>
#include <cerrno>
#include <memory>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "channel/transport/fake_user_client.h"

namespace opendext::channel {
namespace {

class ConnectionTableTest : public testing::Test {
protected:
    void AwaitEmpty() {
        while (table_.size() != 0) {
            std::this_thread::yield();
        }
    }

    std::unique_ptr<BusThread> bus_thread_ = *BusThread::Start("host-bus");
    ConnectionTable table_{*bus_thread_};
};

TEST_F(ConnectionTableTest, EndedConnection_GoesByItself) {
    auto client = std::make_shared<FakeUserClient>();
    {
        const auto endpoint = table_.Serve(client);
        ASSERT_TRUE(endpoint.has_value());
        EXPECT_EQ(table_.size(), 1U);
    }
    EXPECT_TRUE(client->AwaitClose());
    AwaitEmpty();
}

// Opening waits for the bus thread, on which connections end: neither may hold what the other needs.
TEST_F(ConnectionTableTest, OpensWhileOthersEnd_DoNotBlockEachOther) {
    std::atomic<int> num_failures = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&] {
            for (int i = 0; i < 50; ++i) {
                num_failures += !table_.Serve(std::make_shared<FakeUserClient>()).has_value();
            }
        });
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
    EXPECT_EQ(num_failures, 0);
    AwaitEmpty();
}

TEST_F(ConnectionTableTest, ClearedTable_ClosesAndRefuses) {
    auto client = std::make_shared<FakeUserClient>();
    const auto endpoint = table_.Serve(client);
    table_.Clear();
    EXPECT_TRUE(client->AwaitClose());
    EXPECT_EQ(table_.Serve(std::make_shared<FakeUserClient>()).error(), ECANCELED);
}

}  // namespace
}  // namespace opendext::channel
