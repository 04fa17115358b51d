// SPDX-License-Identifier: Apache-2.0
/// @file connection_fixture.h
/// For tests: one connection to a FakeUserClient, within the process and across the channel.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "channel/transport/connection_server.h"
#include "channel/transport/direct_connection.h"
#include "channel/transport/fake_user_client.h"
#include "channel/transport/shared_memory_connection.h"

namespace opendext::channel {

using Selector = FakeUserClient::Selector;

enum class Way { kDirect, kSharedMemory };

class CollectingSink final : public CompletionSink {
public:
    void Complete(const AsyncCompletion &completion) override {
        const std::lock_guard lock(mutex_);
        completions_.push_back(completion);
        changed_.notify_all();
    }
    std::vector<AsyncCompletion> Await(size_t count) {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, std::chrono::seconds(30),
                          [&] { return completions_.size() >= count; });
        return completions_;
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<AsyncCompletion> completions_;
};

class ConnectionTest : public testing::TestWithParam<Way> {
protected:
    void SetUp() override {
        if (GetParam() == Way::kDirect) {
            connection_ = std::make_shared<DirectConnection>(client_, &sink_);
            return;
        }
        app_bus_ = *BusThread::Start("app-bus");
        host_bus_ = *BusThread::Start("host-bus");
        server_ = *ConnectionServer::Start(*host_bus_, client_, nullptr);
        connection_ = *SharedMemoryConnection::Attach(*app_bus_, server_->MakeEndpoint(), &sink_);
    }

    int32_t Call(const ClientCall &call) {
        client_->Synchronize();
        const int32_t result = connection_->Call(call);
        client_->Synchronize();
        return result;
    }

    int32_t CallStructure(uint32_t selector, const std::vector<std::byte> &in,
                          std::vector<std::byte> &out) {
        uint64_t num_out = out.size();
        const int32_t result = Call({.selector = selector,
                                     .structure = in.data(),
                                     .num_structure_bytes = in.size(),
                                     .structure_output = out.data(),
                                     .num_structure_output = &num_out});
        out.resize(result == kSuccess ? num_out : out.size());
        return result;
    }

    uint64_t Sum(const std::vector<uint64_t> &scalars) {
        uint64_t sum = 0;
        uint32_t count = 1;
        EXPECT_EQ(connection_->Call({.selector = Selector::kSum,
                                     .scalars = scalars.data(),
                                     .num_scalars = static_cast<uint32_t>(scalars.size()),
                                     .scalar_output = &sum,
                                     .num_scalar_output = &count}),
                  kSuccess);
        EXPECT_EQ(count, 1U);
        return sum;
    }

    static std::vector<std::byte> Pattern(size_t num_bytes) {
        std::vector<std::byte> bytes(num_bytes);
        for (size_t i = 0; i < num_bytes; ++i) {
            bytes[i] = static_cast<std::byte>(i * 7 + (i >> 8));
        }
        return bytes;
    }

    CollectingSink sink_;
    std::shared_ptr<FakeUserClient> client_ = std::make_shared<FakeUserClient>();
    std::unique_ptr<BusThread> host_bus_;
    std::unique_ptr<BusThread> app_bus_;
    std::unique_ptr<ConnectionServer> server_;
    std::shared_ptr<ClientConnection> connection_;
};

/// Both ways, by name.
inline const auto kBothWays = testing::Values(Way::kDirect, Way::kSharedMemory);
inline std::string NameOfWay(const testing::TestParamInfo<Way> &way) {
    return way.param == Way::kDirect ? "Direct" : "SharedMemory";
}

}  // namespace opendext::channel
