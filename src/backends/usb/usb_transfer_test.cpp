// SPDX-License-Identifier: Apache-2.0
// What a WiredUsbPort promises of transfers: one end each, in order, whatever the wire does.
#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include "backends/usb/wired_port_fixture.h"

namespace opendext::backends {
namespace {

using Names = std::vector<int>;

// The wire keeps every transfer until told.
class HeldTransfers : public WiredPortTest {
protected:
    HeldTransfers() { ClaimInterface(); }

    void Finish(size_t index, UsbOutcome outcome) {
        wire->Finish(*wire->Started().at(index), outcome);
    }
    std::unique_ptr<UsbTransfer> WithTimeout(int name, uint8_t endpoint, uint32_t timeout_ms) {
        auto transfer = transfers.Bulk(name, endpoint);
        transfer->timeout_ms = timeout_ms;
        return transfer;
    }
};

TEST_F(HeldTransfers, Outcome_IsTheWires) {
    Submit(1, 0x81, 100);
    Finish(0, {.status = UsbStatus::kStalled, .num_bytes = 7});
    const auto ended = transfers.ended();
    ASSERT_EQ(ended.size(), 1U);
    EXPECT_EQ(ended[0].outcome.status, UsbStatus::kStalled);
    EXPECT_EQ(ended[0].outcome.num_bytes, 7U);
}

TEST_F(HeldTransfers, MoreBytesThanAskedFor_AreBabble) {
    Submit(1, 0x81, 100);
    session->Submit(transfers.Control(2, {.request_type = 0xC0, .length = 4}));
    Finish(0, {.num_bytes = 101});
    Finish(1, {.num_bytes = ~0ULL - 1});
    const auto ended = transfers.ended();
    EXPECT_EQ(ended.at(0).outcome.status, UsbStatus::kBabble);
    EXPECT_EQ(ended.at(0).outcome.num_bytes, 100U);
    EXPECT_EQ(ended.at(1).outcome.status, UsbStatus::kBabble);
    EXPECT_EQ(ended.at(1).outcome.num_bytes, 4U);
}

TEST_F(HeldTransfers, FramesThatGotTooMuch_AreBabble) {
    ASSERT_TRUE(session->SetAlternateSetting(0, 1).has_value());
    auto transfer = transfers.New(1, UsbTransferType::kIsochronous, 0x83, 20);
    transfer->frames = {{.num_requested = 10}, {.num_requested = 10}};
    UsbTransfer &borrowed = *transfer;
    session->Submit(std::move(transfer));
    borrowed.frames[0].num_done = 11;
    borrowed.frames[1] = {.num_requested = 10, .num_done = 3, .status = UsbStatus::kSuccess};
    Finish(0, {});
    const auto ended = transfers.ended();
    EXPECT_EQ(ended.at(0).outcome.num_bytes, 13U);
    EXPECT_EQ(ended.at(0).frames[0].status, UsbStatus::kBabble);
    EXPECT_EQ(ended.at(0).frames[1].status, UsbStatus::kSuccess);
}

TEST_F(HeldTransfers, SecondEnd_IsIgnored) {
    Submit(1, 0x81);
    UsbTransfer &transfer = *wire->Started()[0];
    Submit(2, 0x81);
    wire->on_cancel = [](ScriptedUsbWire &self, UsbTransfer &cancelled) {
        self.Finish(cancelled, {.status = UsbStatus::kAborted});
        self.FinishAgain(cancelled);
    };
    session->Abort({0x81}, 0);
    wire->FinishAgain(transfer);
    EXPECT_EQ(transfers.names(), (Names{1, 2}));
    wire->on_cancel = {};
}

TEST_F(HeldTransfers, EndsOutOfOrder_CompleteInOrder) {
    for (int name = 0; name < 4; ++name) {
        Submit(name, 0x81);
    }
    Submit(9, 0x01);  // another endpoint does not wait
    Finish(3, {});
    Finish(1, {});
    Finish(4, {});
    EXPECT_EQ(transfers.names(), (Names{9}));
    Finish(0, {});
    EXPECT_EQ(transfers.names(), (Names{9, 0, 1}));
    Finish(2, {});
    EXPECT_EQ(transfers.names(), (Names{9, 0, 1, 2, 3}));
}

TEST_F(HeldTransfers, Requests_AreChecked) {
    session->Submit(transfers.New(1, UsbTransferType::kInterrupt, 0x81, 8));
    session->Submit(transfers.Bulk(2, 0x82));
    auto transfer = transfers.Control(3, {.request_type = 0xC0, .length = 8});
    transfer->setup.length = 9;
    session->Submit(std::move(transfer));
    transfer = transfers.Bulk(4, 0x01);
    transfer->buffer.push_back({.address = nullptr, .num_bytes = 1});
    session->Submit(std::move(transfer));
    transfer = transfers.Bulk(5, 0x01);
    transfer->buffer.push_back(transfer->buffer[0]);
    transfer->buffer.back().num_bytes = ~0ULL;
    session->Submit(std::move(transfer));
    transfer = transfers.Bulk(6, 0x01);
    transfer->stream = 1;
    session->Submit(std::move(transfer));
    transfer = transfers.Control(7, {.request_type = 0xC0, .length = 8});
    transfer->endpoint = {0x81};
    session->Submit(std::move(transfer));
    for (const int name : {1, 3, 4, 5, 6, 7}) {
        EXPECT_EQ(transfers.StatusOf(name), UsbStatus::kInvalidArgument) << name;
    }
    EXPECT_EQ(transfers.StatusOf(2), UsbStatus::kNotOpen);
    EXPECT_TRUE(wire->Started().empty());
}

TEST_F(HeldTransfers, IsochronousFrames_AreChecked) {
    ASSERT_TRUE(session->SetAlternateSetting(0, 1).has_value());
    session->Submit(transfers.New(1, UsbTransferType::kIsochronous, 0x83, 8));
    auto transfer = transfers.New(2, UsbTransferType::kIsochronous, 0x83, 8);
    transfer->frames = {{.num_requested = 8}, {.num_requested = 1}};
    session->Submit(std::move(transfer));
    EXPECT_EQ(transfers.StatusOf(1), UsbStatus::kInvalidArgument);
    EXPECT_EQ(transfers.StatusOf(2), UsbStatus::kInvalidArgument);
}

TEST_F(HeldTransfers, RequestsThatThePortHasOperationsFor_AreRefused) {
    session->Submit(transfers.Control(1, {.request_type = 0, .request = 5, .value = 9}));
    session->Submit(transfers.Control(2, {.request_type = 0, .request = 9, .value = 2}));
    session->Submit(transfers.Control(3, {.request_type = 1, .request = 11}));
    for (const int name : {1, 2, 3}) {
        EXPECT_EQ(transfers.StatusOf(name), UsbStatus::kUnsupported) << name;
    }
    session->Submit(transfers.Control(4, {.request_type = 0x40, .request = 9}));
    EXPECT_EQ(wire->Outstanding().size(), 1U);
}

TEST_F(HeldTransfers, EndpointsOfOthers_AreNotOpen) {
    const auto other = OpenSession();
    other->Submit(transfers.Bulk(1, 0x81));
    EXPECT_EQ(transfers.StatusOf(1), UsbStatus::kNotOpen);
    other->Submit(transfers.Control(2, {.request_type = 0xC0}));  // needs no claim
    EXPECT_EQ(wire->Outstanding().size(), 1U);
}

TEST_F(HeldTransfers, Abort_EndsOnlyThisSessionsOfThatEndpoint) {
    const auto other = OpenSession();
    other->Submit(transfers.Control(1, {.request_type = 0xC0}));
    session->Submit(transfers.Control(2, {.request_type = 0xC0}));
    Submit(3, 0x81);
    Submit(4, 0x81);
    Submit(5, 0x01);
    wire->num_moved_at_cancel = 3;
    session->Abort({0x81}, 0);
    EXPECT_EQ(transfers.names(), (Names{3, 4}));
    EXPECT_EQ(transfers.ended()[0].outcome.status, UsbStatus::kAborted);
    EXPECT_EQ(transfers.ended()[0].outcome.num_bytes, 3U);
    // The latest first: a device must not begin 4 because 3 is gone.
    EXPECT_EQ(wire->Cancelled(), (std::vector{wire->Started()[3], wire->Started()[2]}));
    session->Abort({0}, 0);
    EXPECT_EQ(transfers.names(), (Names{3, 4, 2}));
}

TEST_F(HeldTransfers, AbortOfAStream_LeavesTheOthers) {
    ASSERT_TRUE(session->SetStreams({0x81}, 4).has_value());
    for (const int stream : {1, 2, 3}) {
        auto transfer = transfers.Bulk(stream, 0x81);
        transfer->stream = static_cast<uint16_t>(stream);
        session->Submit(std::move(transfer));
    }
    session->Abort({0x81}, 2);
    EXPECT_EQ(transfers.names(), (Names{2}));
    Finish(2, {});  // each stream has its own order
    EXPECT_EQ(transfers.names(), (Names{2, 3}));
    session->Abort({0x81}, 0);
    EXPECT_EQ(transfers.names(), (Names{2, 3, 1}));
}

TEST_F(HeldTransfers, TransferThatEndedByItself_IsNotAborted) {
    wire->on_cancel = [](ScriptedUsbWire &self, UsbTransfer &transfer) {
        self.Finish(transfer, {.status = UsbStatus::kSuccess, .num_bytes = 8});
    };
    Submit(1, 0x81);
    session->Abort({0x81}, 0);
    EXPECT_EQ(transfers.StatusOf(1), UsbStatus::kSuccess);
}

TEST_F(HeldTransfers, Release_EndsTheInterfacesTransfers) {
    ClaimInterface(1);
    Submit(1, 0x81);
    session->Submit(transfers.New(2, UsbTransferType::kInterrupt, 0x82, 8));
    session->Release(0);
    EXPECT_EQ(transfers.names(), (Names{1}));
    Submit(3, 0x81);
    EXPECT_EQ(transfers.StatusOf(3), UsbStatus::kNotOpen);
}

TEST_F(HeldTransfers, Timeout_SaysWhatHadMoved) {
    wire->num_moved_at_cancel = 5;
    session->Submit(WithTimeout(1, 0x81, 1));
    const auto ended = transfers.WaitFor(1);
    EXPECT_EQ(ended[0].outcome.status, UsbStatus::kTimedOut);
    EXPECT_EQ(ended[0].outcome.num_bytes, 5U);
}

TEST_F(HeldTransfers, Timeout_DoesNotWaitForThoseBefore) {
    Submit(1, 0x81);
    session->Submit(WithTimeout(2, 0x81, 1));
    Submit(3, 0x81);
    (void)transfers.WaitFor(1);
    EXPECT_EQ(transfers.names(), (Names{2}));
    Finish(2, {});
    EXPECT_EQ(transfers.names(), (Names{2}));
    Finish(0, {});
    (void)transfers.WaitFor(3);  // the thread that watches timeouts may still be at it
    EXPECT_EQ(transfers.names(), (Names{2, 1, 3}));
}

TEST_F(HeldTransfers, EarlierTimeout_IsNotDelayedByALaterOne) {
    session->Submit(WithTimeout(1, 0x81, 60'000));
    session->Submit(WithTimeout(2, 0x01, 1));
    (void)transfers.WaitFor(1);
    EXPECT_EQ(transfers.names(), (Names{2}));
    session->Abort({0x81}, 0);
    EXPECT_EQ(transfers.StatusOf(1), UsbStatus::kAborted);
}

TEST_F(HeldTransfers, TransferThatIsDoneInTime_DoesNotTimeOut) {
    session->Submit(WithTimeout(1, 0x81, 1000));
    Finish(0, {});
    session->Submit(WithTimeout(2, 0x81, 1020));
    (void)transfers.WaitFor(2);
    EXPECT_EQ(transfers.StatusOf(1), UsbStatus::kSuccess);
    EXPECT_EQ(transfers.StatusOf(2), UsbStatus::kTimedOut);
    EXPECT_EQ(wire->Cancelled().size(), 1U);
}

TEST_F(HeldTransfers, AbortWhileTheWireStarts_IsCarriedOutAfterwards) {
    wire->on_start = [this](ScriptedUsbWire &self, UsbTransfer &) {
        session->Abort({0x81}, 0);
        EXPECT_TRUE(self.Cancelled().empty());
    };
    Submit(1, 0x81);
    EXPECT_EQ(wire->Cancelled().size(), 1U);
    EXPECT_EQ(transfers.StatusOf(1), UsbStatus::kAborted);
    wire->on_start = {};
}

TEST_F(HeldTransfers, TransferBehindAnotherStart_IsStartedAfterIt) {
    std::atomic<bool> second_is_in = false;
    std::thread second;
    wire->on_start = [&](ScriptedUsbWire &self, UsbTransfer &) {
        if (self.Started().size() == 1) {
            second = std::thread([&] {
                Submit(2, 0x81);
                second_is_in = true;
            });
            while (!second_is_in) {
                std::this_thread::yield();
            }
            EXPECT_EQ(self.Started().size(), 1U);
        }
    };
    Submit(1, 0x81);
    second.join();
    EXPECT_EQ(wire->Started().size(), 2U);
    wire->on_start = {};
}

TEST_F(HeldTransfers, AbortBeforeTheStart_NeverReachesTheWire) {
    wire->on_start = [&](ScriptedUsbWire &self, UsbTransfer &) {
        if (self.Started().size() == 1) {
            std::thread([this] { Submit(2, 0x81); }).join();
            session->Abort({0x81}, 0);
            EXPECT_TRUE(transfers.names().empty());  // 1 comes first
        }
    };
    Submit(1, 0x81);
    EXPECT_EQ(transfers.names(), (Names{1, 2}));
    EXPECT_EQ(transfers.StatusOf(2), UsbStatus::kAborted);
    EXPECT_EQ(wire->Started().size(), 1U);
    wire->on_start = {};
}

TEST_F(HeldTransfers, UnplugWithinAStart_EndsThatTransfer) {
    wire->on_start = [](ScriptedUsbWire &self, UsbTransfer &) { self.Detach(); };
    Submit(1, 0x81);
    EXPECT_EQ(transfers.StatusOf(1), UsbStatus::kRemoved);
    EXPECT_EQ(listener.kinds(), "ACD");
    wire->on_start = {};
}

class AnsweredTransfers : public WiredPortTest {
protected:
    AnsweredTransfers() : WiredPortTest(ScriptedUsbWire::AnswerNow) { ClaimInterface(); }
};

TEST_F(AnsweredTransfers, Submit_CompletesWithin) {
    Submit(1, 0x81);
    EXPECT_EQ(transfers.names(), (Names{1}));
    EXPECT_EQ(transfers.num_alive(), 0);
}

TEST_F(AnsweredTransfers, SubmitFromOnComplete_DoesNotNest) {
    int depth = 0;
    int deepest = 0;
    int left = 1000;
    std::function<void()> again = [&] {
        deepest = std::max(deepest, ++depth);
        if (--left > 0) {
            session->Submit(transfers.Bulk(left, 0x81, 8, again));
        }
        --depth;
    };
    session->Submit(transfers.Bulk(left, 0x81, 8, again));
    EXPECT_EQ(transfers.ended().size(), 1000U);
    EXPECT_EQ(deepest, 1);
}

TEST_F(AnsweredTransfers, SessionThatEndsInOnComplete_IsGone) {
    session->Submit(transfers.Bulk(1, 0x81, 8, [this] { session.reset(); }));
    EXPECT_EQ(session, nullptr);
    EXPECT_TRUE(OpenSession()->Claim(0).has_value());
}

class RacingTransfers : public WiredPortTest {
protected:
    RacingTransfers() : WiredPortTest(ScriptedUsbWire::AnswerElsewhere) { ClaimInterface(); }
};

TEST_F(RacingTransfers, AnswersFromManyThreads_CompleteInOrder) {
    Names expected;
    for (int name = 0; name < 100; ++name) {
        expected.push_back(name);
        Submit(name, 0x81);
    }
    (void)transfers.WaitFor(100);
    EXPECT_EQ(transfers.names(), expected);
}

// Two threads submit, one aborts, the wire answers from anywhere or not at all, and the device goes in between.
TEST_F(RacingTransfers, EverythingAtOnce_EndsEveryTransferOnce) {
    std::mutex mutex;
    std::minstd_rand random(7);
    wire->on_start = [&](ScriptedUsbWire &self, UsbTransfer &transfer) {
        uint32_t choice = 0;
        {
            const std::lock_guard lock(mutex);
            choice = random() % 4;
        }
        switch (choice) {
            case 0:
                return self.Finish(transfer);
            case 1:
                return self.Spawn([&self, &transfer] { self.Finish(transfer); });
            default:
                return;  // until it is cancelled
        }
    };
    constexpr int kEach = 300;
    std::atomic<bool> is_over = false;
    std::atomic<int> num_submitted = 0;
    const auto submit = [&](int first, uint8_t endpoint) {
        for (int name = first; name < first + kEach; ++name) {
            auto transfer = transfers.Bulk(name, endpoint);
            transfer->timeout_ms = name % 3 == 0 ? 1 : 0;
            session->Submit(std::move(transfer));
            ++num_submitted;
        }
    };
    std::thread first([&] { submit(0, 0x81); });
    std::thread second([&] { submit(kEach, 0x81); });
    std::thread third([&] { submit(2 * kEach, 0x01); });
    std::thread aborter([&] {
        while (!is_over) {
            session->Abort({0x81}, 0);
            (void)session->SetAlternateSetting(0, 0);
            std::this_thread::yield();
        }
    });
    while (num_submitted < 2 * kEach) {
        std::this_thread::yield();
    }
    wire->Detach();
    for (std::thread *thread : {&first, &second, &third}) {
        thread->join();
    }
    is_over = true;
    aborter.join();
    wire->JoinAll();
    // The thread that watches timeouts may still be at it.
    (void)transfers.WaitFor(size_t{3} * kEach);
    (void)listener.WaitFor(3);
    EXPECT_EQ(transfers.ended().size(), size_t{3} * kEach);
    EXPECT_EQ(listener.kinds(), "ACD");
}

TEST_F(RacingTransfers, PortThatEndsUnderUse_EndsEverything) {
    std::atomic<bool> is_over = false;
    std::thread user([&] {
        for (int name = 0; !is_over; ++name) {
            Submit(name, 0x81);
            (void)session->Claim(1);
            session->Release(1);
            (void)session->CurrentFrame();
        }
    });
    (void)transfers.WaitFor(20);
    port.reset();
    is_over = true;
    user.join();
    EXPECT_EQ(transfers.num_alive(), 0);
}

}  // namespace
}  // namespace opendext::backends
