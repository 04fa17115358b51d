// SPDX-License-Identifier: Apache-2.0
// Many requests, many threads, and what completions may do.
#include <atomic>
#include <functional>
#include <memory>
#include <numeric>
#include <thread>
#include <utility>
#include <vector>

#include "backends/remote/session_wire.h"
#include "backends/remote/testing/remote_session_fixture.h"

namespace opendext::backends {
namespace {

using RemoteLoadTest = RemoteSessionTest;

std::vector<int> Numbers(int count) {
    std::vector<int> numbers(static_cast<size_t>(count));
    std::iota(numbers.begin(), numbers.end(), 0);
    return numbers;
}

TEST_F(RemoteLoadTest, ThousandInFlight_EndInTheirOrder) {
    ClaimAll();
    for (int i = 0; i < 1000; ++i) {
        session->Submit(transfers.New(i, UsbTransferType::kInterrupt, 0x82, 8));
    }
    wire->WaitForStarts(1000);
    EXPECT_TRUE(transfers.ended().empty());
    for (UsbTransfer *const transfer : wire->Outstanding()) {
        wire->Finish(*transfer);
    }
    for (const auto &each : transfers.WaitFor(1000)) {
        EXPECT_EQ(each.outcome.num_bytes, 8U);
    }
    EXPECT_EQ(transfers.names(), Numbers(1000));
}

TEST_F(RemoteLoadTest, RingsThatWrap_LoseNothing) {
    ClaimAll();
    constexpr int kCount = 3 * static_cast<int>(remote::kNumSubmissions) + 17;
    for (int i = 0; i < kCount; ++i) {
        Submit(i, 0x01, 3);
        if (i % 500 == 499) {
            transfers.WaitFor(static_cast<size_t>(i) - 400);
        }
    }
    transfers.WaitFor(kCount);
    EXPECT_EQ(transfers.names(), Numbers(kCount));
    EXPECT_EQ(device.TakeReceived().size(), 3U * kCount);
}

TEST_F(RemoteLoadTest, MoreThanThereIsRoomFor_EndWithNoResources) {
    ClaimAll();
    for (int i = 0; i < static_cast<int>(remote::kNumSlots); ++i) {
        session->Submit(transfers.New(i, UsbTransferType::kInterrupt, 0x82, 8));
    }
    EXPECT_EQ(transfers.StatusOf(static_cast<int>(remote::kNumSlots) - 1), UsbStatus::kNoResources);
    // There is room for operations, and the next request finds it again.
    EXPECT_EQ(session->Configuration(), 1);
    session->Abort({0x82}, 0);
    transfers.WaitFor(remote::kNumSlots);
    Submit(-1, 0x01);
    transfers.WaitFor(remote::kNumSlots + 1);
    EXPECT_EQ(transfers.StatusOf(-1), UsbStatus::kSuccess);
}

TEST_F(RemoteLoadTest, AbortAfterEachOfManyRounds_EndsEachRound) {
    ClaimAll();
    for (int round = 0; round < 200; ++round) {
        for (int i = 0; i < 50; ++i) {
            session->Submit(transfers.New(i, UsbTransferType::kInterrupt, 0x82, 8));
            session->Abort({0x82}, 0);
        }
        transfers.WaitFor(50 * (static_cast<size_t>(round) + 1));
    }
    for (const auto &each : transfers.ended()) {
        ASSERT_EQ(each.outcome.status, UsbStatus::kAborted);
    }
}

TEST_F(RemoteLoadTest, ManyThreadsThatWait_AllGetTheirOwn) {
    std::vector<std::thread> threads;
    std::atomic<int> num_wrong = 0;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&, t] {
            AwaitedTransfer awaited;
            for (size_t i = 0; i < 500; ++i) {
                std::vector<std::byte> data((i * 7 + static_cast<size_t>(t)) % 300);
                auto transfer = awaited.Control({.request_type = 0x40, .request = 9}, data);
                const UsbOutcome outcome = awaited.SubmitAndWait(*session, std::move(transfer));
                num_wrong += outcome.num_bytes != data.size();
                num_wrong += i % 50 == 0 && session->Configuration() != 1;
            }
        });
    }
    for (int i = 0; i < 500; ++i) {
        session->Submit(transfers.Control(i, {.request_type = 0x40, .request = 9}));
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
    EXPECT_EQ(num_wrong, 0);
    transfers.WaitFor(500);
    EXPECT_EQ(transfers.names(), Numbers(500));
}

TEST_F(RemoteLoadTest, CompletionThatSubmits_GoesOn) {
    ClaimAll();
    std::atomic<int> num_left = 5000;
    Event done;
    std::function<void()> again = [&] {
        if (num_left.fetch_sub(1) > 1) {
            session->Submit(transfers.Bulk(0, 0x01, 8, again));
        } else {
            done.Set();
        }
    };
    session->Submit(transfers.Bulk(0, 0x01, 8, again));
    done.Wait();
    EXPECT_EQ(transfers.ended().size(), 5000U);
}

TEST_F(RemoteLoadTest, CompletionThatAsksTheDevice_IsAnsweredAtOnce) {
    ClaimAll();
    EXPECT_EQ(session->Configuration(), 1);
    std::atomic<bool> is_refused = false;
    Event done;
    session->Submit(transfers.Bulk(1, 0x01, 8, [&] {
        is_refused = CodeOf(session->Reset()) == BackendErrorCode::kBusy &&
                     session->Configuration() == 1 && session->IsPresent();
        done.Set();
    }));
    done.Wait();
    EXPECT_TRUE(is_refused);
}

TEST_F(RemoteLoadTest, CompletionThatWaitsForAnother_IsNotPolled) {
    // Submit of a completion, by the way of a thread that waits: it may only submit.
    ClaimAll();
    const std::atomic<uint32_t> word = 0;
    session->Submit(transfers.Bulk(
        1, 0x01, 8, [&] { session->SubmitAndPoll(transfers.Bulk(2, 0x01), word, 0); }));
    transfers.WaitFor(2);
}

TEST_F(RemoteLoadTest, RegionsByTheThousand_AreAllReached) {
    ClaimAll();
    constexpr int kCount = static_cast<int>(remote::kMostRegions) + 100;
    std::vector<std::shared_ptr<SharedRegion>> regions;
    RaiseDescriptorLimit();
    for (int i = 0; i < kCount; ++i) {
        auto made = SharedRegion::Create(8192, "usb-test");
        ASSERT_TRUE(made.has_value());
        regions.push_back(*made);
        auto out = transfers.Bulk(i, 0x01, 0);
        out->buffer = {{.address = regions.back()->Writable(),
                        .num_bytes = 8192,
                        .region = regions.back().get()}};
        session->Submit(std::move(out));
    }
    for (const auto &each : transfers.WaitFor(kCount)) {
        ASSERT_EQ(each.outcome.num_bytes, 8192U);
    }
    EXPECT_TRUE(session->IsPresent());
}

}  // namespace
}  // namespace opendext::backends
