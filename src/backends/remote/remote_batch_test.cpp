// SPDX-License-Identifier: Apache-2.0
// Completions that a wire delivers in batches: who is woken, and who carries out what the driver submits in return.
#include <atomic>
#include <functional>
#include <memory>
#include <numeric>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "backends/api/completion_batch.h"
#include "backends/remote/testing/raw_session_peers.h"
#include "backends/remote/testing/remote_session_fixture.h"

namespace opendext::backends {
namespace {

using remote::EntryKind;
using remote::RawSessionClient;
using remote::SubmissionEntry;

constexpr int kNumHeld = 8;

/// A driver that is written by hand, with eight requests at the device, which keeps them. The session's thread sleeps.
class RemoteBatchTest : public RemoteSessionTest {
protected:
    RemoteBatchTest() {
        auto sockets = CreateUsbSessionSockets().value();
        EXPECT_TRUE(
            server->Serve(std::move(sockets.server), OpenSession(), [this] { session_ended.Set(); })
                .has_value());
        driver.emplace(std::move(sockets.client));
        driver->Join();
        for (int i = 0; i < kNumHeld; ++i) {
            driver->Push(Kept(static_cast<uint16_t>(i)));
        }
        wire->WaitForStarts(kNumHeld);
        AwaitServerSleeps();
        held = wire->Outstanding();
    }
    ~RemoteBatchTest() override {
        driver.reset();
        session_ended.Wait();
    }

    /// A control request that the device does not answer.
    static SubmissionEntry Kept(uint16_t slot) {
        SubmissionEntry entry = {};
        entry.slot = slot;
        entry.kind = static_cast<uint8_t>(EntryKind::kTransfer);
        entry.setup_request_type = 0x40;
        entry.setup_request = 4;
        return entry;
    }
    void AwaitServerSleeps() const {
        while (driver->memory().control.server_sleeps.load() == 0) {
            std::this_thread::yield();
        }
    }
    [[nodiscard]] std::atomic<uint32_t> &client_sleeps() const {
        return driver->memory().control.client_sleeps;
    }
    [[nodiscard]] int NumCompletions() {
        int count = 0;
        for (; driver->Take(); ++count) {}
        return count;
    }

    Event session_ended;
    std::optional<RawSessionClient> driver;
    std::vector<UsbTransfer *> held;
};

TEST_F(RemoteBatchTest, ClientThatSleeps_IsWokenWhenHalfHasEndedAndAtTheEnd) {
    client_sleeps().store(1);
    {
        const CompletionBatch batch;
        for (size_t i = 0; i < 3; ++i) {
            wire->Finish(*held[i]);
        }
        EXPECT_EQ(client_sleeps().load(), 1U);
        wire->Finish(*held[3]);
        EXPECT_EQ(client_sleeps().load(), 0U);
        client_sleeps().store(1);
        wire->Finish(*held[4]);
        EXPECT_EQ(client_sleeps().load(), 1U);
        EXPECT_EQ(NumCompletions(), 5);
    }
    EXPECT_EQ(client_sleeps().load(), 0U);
}

TEST_F(RemoteBatchTest, ClientThatSleepsOnItsWord_IsWokenThere) {
    std::atomic<uint32_t> &word = client_sleeps();
    word.store(remote::kSleepsOnWord);
    std::thread sleeper([&] {
        while (word.load() == remote::kSleepsOnWord) {
            FutexWait(word, remote::kSleepsOnWord);
        }
    });
    wire->Finish(*held[0]);
    sleeper.join();
    EXPECT_EQ(word.load(), 0U);
}

TEST_F(RemoteBatchTest, ClientThatPolls_IsNotWoken) {
    client_sleeps().store(1);
    driver->memory().slots[0].is_polled.store(1);
    {
        const CompletionBatch batch;
        wire->Finish(*held[0]);
    }
    EXPECT_EQ(client_sleeps().load(), 1U);
}

TEST_F(RemoteBatchTest, CompletionBesideABatch_WakesAtOnce) {
    client_sleeps().store(1);
    wire->Finish(*held[0]);
    EXPECT_EQ(client_sleeps().load(), 0U);
}

TEST_F(RemoteBatchTest, WhatIsSubmittedInABatch_StartsWithoutAWake) {
    {
        const CompletionBatch batch;
        wire->Finish(*held[0]);
        driver->PushUntold(Kept(0));
        wire->Finish(*held[1]);
        wire->WaitForStarts(kNumHeld + 1);
        driver->PushUntold(Kept(1));
    }
    wire->WaitForStarts(kNumHeld + 2);
    AwaitServerSleeps();
    driver->Push(Kept(8));
    wire->WaitForStarts(kNumHeld + 3);
}

TEST_F(RemoteBatchTest, ClientThatBreaksTheProtocolInABatch_LosesItsSession) {
    {
        const CompletionBatch batch;
        driver->PushUntold(Kept(5));  // which is in use
        wire->Finish(*held[0]);
    }
    driver->WaitForEnd();
    session_ended.Wait();
    EXPECT_TRUE(session->IsPresent());
}

/// A thread that ends what is at the device, in batches, until `is_over`.
void FinishInBatches(ScriptedUsbWire &wire, const std::atomic<bool> &is_over) {
    while (!is_over.load()) {
        const CompletionBatch batch;
        for (UsbTransfer *const transfer : wire.Outstanding()) {
            wire.Finish(*transfer);
        }
        std::this_thread::yield();
    }
}

using RemoteBatchLoadTest = RemoteSessionTest;

TEST_F(RemoteBatchLoadTest, RequestsInReturnForBatches_EndInTheirOrder) {
    ClaimAll();
    constexpr int kNumAtATime = 6;
    constexpr int kCount = 6000;
    std::atomic<bool> is_over = false;
    std::atomic<int> next = 0;
    std::atomic<int> num_left = kNumAtATime;
    Event done;
    std::function<void()> submit = [&] {
        if (const int name = next.fetch_add(1); name < kCount) {
            session->Submit(transfers.New(name, UsbTransferType::kInterrupt, 0x82, 8, submit));
        } else if (num_left.fetch_sub(1) == 1) {
            done.Set();
        }
    };
    for (int i = 0; i < kNumAtATime; ++i) {
        submit();
    }
    std::thread device_thread([&] { FinishInBatches(*wire, is_over); });
    done.Wait();
    is_over = true;
    device_thread.join();
    std::vector<int> expected(kCount);
    std::iota(expected.begin(), expected.end(), 0);
    EXPECT_EQ(transfers.names(), expected);
}

TEST_F(RemoteBatchLoadTest, SessionThatEndsBetweenBatches_EndsEachRequestOnce) {
    std::atomic<bool> is_over = false;
    std::thread device_thread([&] { FinishInBatches(*wire, is_over); });
    size_t num_submitted = 0;
    for (int round = 0; round < 50; ++round) {
        const std::shared_ptr<UsbBackend> brief = Join(OpenSession());
        for (int i = 0; i < 40; ++i, ++num_submitted) {
            brief->Submit(transfers.Control(i, {.request_type = 0x40, .request = 4}));
        }
    }
    transfers.WaitFor(num_submitted);
    is_over = true;
    device_thread.join();
    EXPECT_EQ(transfers.ended().size(), num_submitted);
}

}  // namespace
}  // namespace opendext::backends
