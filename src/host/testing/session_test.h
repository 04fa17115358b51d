// SPDX-License-Identifier: Apache-2.0
/// @file session_test.h
/// One open connection to a test driver, as the transport sees it.
#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <vector>

#include <gtest/gtest.h>

#include "host/testing/host_rig.h"

namespace opendext::host {

/// Room for one call and its answer.
struct CallRoom {
    channel::CallRequest request;
    channel::CallReply reply;
    std::array<uint64_t, channel::kMaxScalars> scalars = {};
    std::array<std::byte, channel::kMaxInlineBytes> bytes = {};

    int32_t Run(channel::CallTarget &target) {
        reply.scalars = std::span(scalars).first(request.scalar_output_capacity);
        reply.structure = bytes;
        target.Call(request, reply);
        return reply.result;
    }
};

/// Keeps what it is given.
class CollectingSink final : public channel::CompletionSink {
public:
    void Complete(const channel::AsyncCompletion &completion) override {
        const std::scoped_lock lock(mutex_);
        completions_.push_back(completion);
    }
    std::vector<channel::AsyncCompletion> Get() {
        const std::scoped_lock lock(mutex_);
        return completions_;
    }

private:
    std::mutex mutex_;
    std::vector<channel::AsyncCompletion> completions_;  // guarded by mutex_
};

/// Zero-filled memory.
inline SharedSlice SliceOf(uint64_t num_bytes) {
    return {.region = SharedRegion::Create(num_bytes, "test").value(),
            .offset = 0,
            .length = num_bytes};
}

/// With a TestDriver started and a TestClient open.
class SessionTest : public testing::Test {
protected:
    void SetUp() override {
        session = rig.OpenSession();
        ASSERT_NE(session, nullptr);
    }

    /// What the driver answers calls with.
    template <typename Method>
    void Answer(Method method) {
        rig.script.external_method = [method](TestClient *client, uint64_t,
                                              IOUserClientMethodArguments *arguments) {
            return method(client, *arguments);
        };
    }

    HostRig rig;
    std::shared_ptr<channel::UserClientPort> session;
    CallRoom call;
};

}  // namespace opendext::host
