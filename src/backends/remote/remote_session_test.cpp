// SPDX-License-Identifier: Apache-2.0
// A remote session does what the session at its other end does.
#include <cstring>
#include <memory>
#include <numeric>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "backends/remote/session_wire.h"
#include "backends/remote/testing/remote_session_fixture.h"

namespace opendext::backends {
namespace {

using Log = std::vector<std::string>;

std::vector<std::byte> CountingBytes(size_t num_bytes) {
    std::vector<std::byte> bytes(num_bytes);
    for (size_t i = 0; i < num_bytes; ++i) {
        bytes[i] = static_cast<std::byte>(i % 251);
    }
    return bytes;
}

/// Memory of a region, as a driver's buffer is.
struct RegionBuffer {
    explicit RegionBuffer(uint64_t num_bytes, const char *name = "usb-test")
        : region(SharedRegion::Create(num_bytes, name).value()) {}

    [[nodiscard]] HostSpan Span(uint64_t offset, uint64_t num_bytes) const {
        return {.address = region->Writable() + offset,
                .num_bytes = num_bytes,
                .region = region.get(),
                .region_offset = offset};
    }

    std::shared_ptr<SharedRegion> region;
};

TEST_F(RemoteSessionTest, Facts_AreThoseOfTheDevice) {
    const UsbDescriptors expected = TestUsbDescriptors();
    EXPECT_EQ(session->Descriptors().device_bytes, expected.device_bytes);
    ASSERT_EQ(session->Descriptors().configurations.size(), 2U);
    EXPECT_EQ(session->Descriptors().configurations[0].bytes, expected.configurations[0].bytes);
    EXPECT_EQ(session->Descriptors().configurations[1].bytes, expected.configurations[1].bytes);
    EXPECT_TRUE(session->Descriptors().capabilities.empty());
    EXPECT_EQ(session->Speed(), UsbSpeed::kSuper);
    EXPECT_EQ(session->Address(), 3);
    EXPECT_TRUE(session->IsPresent());
    EXPECT_EQ(session->Configuration(), 1);
    EXPECT_EQ(session->AlternateSetting(0), 0);
    EXPECT_EQ(session->CurrentFrame().frame, 77U);
    EXPECT_EQ(session->CurrentFrame().mach_time, 5U);
}

TEST_F(RemoteSessionTest, ControlData_GoesOutAndComesIn) {
    for (const size_t num_bytes : {0UL, 1UL, 64UL, 4096UL, 4097UL, 65535UL}) {
        std::vector<std::byte> sent = CountingBytes(num_bytes);
        std::vector<std::byte> received(num_bytes + 5);
        AwaitedTransfer awaited;
        auto out =
            awaited.Control({.request_type = 0x40, .request = 1, .value = 7, .index = 9}, sent);
        EXPECT_EQ(awaited.SubmitAndWait(*session, std::move(out)).num_bytes, num_bytes);
        EXPECT_EQ(device.last().setup.value, 7);
        EXPECT_EQ(device.last().setup.index, 9);
        received.resize(std::min<size_t>(received.size(), 65535));
        auto in = awaited.Control({.request_type = 0xC0, .request = 2}, received);
        const UsbOutcome outcome = awaited.SubmitAndWait(*session, std::move(in));
        EXPECT_EQ(outcome.status, UsbStatus::kSuccess);
        ASSERT_EQ(outcome.num_bytes, num_bytes);
        received.resize(num_bytes);
        EXPECT_EQ(received, sent);
    }
}

TEST_F(RemoteSessionTest, Stall_ComesThrough) {
    session->Submit(transfers.Control(1, {.request_type = 0x40, .request = 3}));
    transfers.WaitFor(1);
    EXPECT_EQ(transfers.StatusOf(1), UsbStatus::kStalled);
}

TEST_F(RemoteSessionTest, EndpointThatIsNotClaimed_IsNotOpen) {
    Submit(1, 0x01);
    transfers.WaitFor(1);
    EXPECT_EQ(transfers.StatusOf(1), UsbStatus::kNotOpen);
}

TEST_F(RemoteSessionTest, MemoryInNoRegion_IsCopied) {
    ClaimAll();
    for (const size_t num_bytes : {1UL, 4096UL, 4097UL, 300000UL}) {
        std::vector<std::byte> sent = CountingBytes(num_bytes);
        auto out = transfers.Bulk(1, 0x01, 0);
        const size_t first = num_bytes / 3;
        out->buffer = {{.address = sent.data(), .num_bytes = first},
                       {.address = sent.data() + first, .num_bytes = num_bytes - first}};
        const size_t num_before = transfers.ended().size();
        session->Submit(std::move(out));
        std::vector<std::byte> received(num_bytes);
        auto in = transfers.Bulk(2, 0x81, 0);
        in->buffer = {{.address = received.data(), .num_bytes = first},
                      {.address = received.data() + first, .num_bytes = num_bytes - first}};
        session->Submit(std::move(in));
        const auto ended = transfers.WaitFor(num_before + 2);
        EXPECT_EQ(ended.back().outcome.num_bytes, num_bytes);
        EXPECT_EQ(device.TakeReceived(), sent);
        EXPECT_EQ(received, sent);
    }
}

TEST_F(RemoteSessionTest, MemoryOfARegion_IsTheDevicesOwn) {
    ClaimAll();
    const RegionBuffer buffer(1 << 20);
    auto in = transfers.Bulk(1, 0x81, 0);
    in->buffer = {buffer.Span(5000, 100000)};
    session->Submit(std::move(in));
    transfers.WaitFor(1);
    EXPECT_EQ(std::vector(buffer.region->Writable() + 5000, buffer.region->Writable() + 105000),
              CountingBytes(100000));
    const std::vector<HostSpan> seen = device.last().buffer;
    ASSERT_EQ(seen.size(), 1U);
    EXPECT_NE(seen[0].region, nullptr);
    EXPECT_EQ(seen[0].region_offset, 5000U);
    // The server has mapped the same pages.
    buffer.region->Writable()[5000] = std::byte{0xEE};
    EXPECT_EQ(seen[0].address[0], std::byte{0xEE});
}

TEST_F(RemoteSessionTest, PiecesOfRegions_FollowEachOther) {
    ClaimAll();
    const RegionBuffer first(1 << 16);
    const RegionBuffer second(1 << 16);
    const std::vector<std::byte> sent = CountingBytes(50000);
    std::memcpy(first.region->Writable() + 100, sent.data(), 20000);
    std::memcpy(second.region->Writable() + 8, sent.data() + 20000, 10000);
    std::memcpy(first.region->Writable() + 30000, sent.data() + 30000, 20000);
    auto out = transfers.Bulk(1, 0x01, 0);
    out->buffer = {first.Span(100, 20000), second.Span(8, 10000), {}, first.Span(30000, 20000)};
    session->Submit(std::move(out));
    transfers.WaitFor(1);
    EXPECT_EQ(device.last().buffer.size(), 3U);
    EXPECT_EQ(device.TakeReceived(), sent);
}

TEST_F(RemoteSessionTest, MorePiecesThanASlotHolds_FollowEachOther) {
    ClaimAll();
    const RegionBuffer buffer(1 << 20);
    const std::vector<std::byte> sent = CountingBytes(1000 * 50);
    std::memcpy(buffer.region->Writable(), sent.data(), sent.size());
    auto out = transfers.Bulk(1, 0x01, 0);
    out->buffer.clear();
    for (uint64_t i = 0; i < 1000; ++i) {
        out->buffer.push_back(buffer.Span(i * 50, 50));
    }
    session->Submit(std::move(out));
    transfers.WaitFor(1);
    EXPECT_EQ(device.last().buffer.size(), 1000U);
    EXPECT_EQ(device.TakeReceived(), sent);
}

TEST_F(RemoteSessionTest, IsochronousFrames_ComeBack) {
    ClaimAll();
    ASSERT_TRUE(session->SetAlternateSetting(0, 1).has_value());
    for (const size_t num_frames : {size_t{3}, size_t{400}, size_t{kMostUsbFrames}}) {
        const uint32_t frame_bytes = 16;
        std::vector<std::byte> received(num_frames * frame_bytes, std::byte{0xAA});
        auto in = transfers.New(1, UsbTransferType::kIsochronous, 0x83, 0);
        in->first_frame = 12345;
        in->frames.assign(num_frames, {.num_requested = frame_bytes});
        in->buffer = {{.address = received.data(), .num_bytes = received.size()}};
        const size_t num_before = transfers.ended().size();
        session->Submit(std::move(in));
        const auto ended = transfers.WaitFor(num_before + 1).back();
        EXPECT_EQ(device.last().first_frame, 12345U);
        EXPECT_EQ(ended.outcome.num_bytes, num_frames * (frame_bytes - 1));
        ASSERT_EQ(ended.frames.size(), num_frames);
        for (size_t i = 0; i < num_frames; ++i) {
            EXPECT_EQ(ended.frames[i].num_done, frame_bytes - 1);
            EXPECT_EQ(ended.frames[i].status, UsbStatus::kSuccess);
            EXPECT_EQ(ended.frames[i].mach_time, 1000 + i);
            EXPECT_EQ(received[i * frame_bytes], static_cast<std::byte>(i));
            // What was not received was not written.
            EXPECT_EQ(received[i * frame_bytes + frame_bytes - 1], std::byte{0xAA});
        }
    }
}

TEST_F(RemoteSessionTest, MoreFramesThanASessionMayHaveUnderWay_EndWithNoResources) {
    ClaimAll();
    ASSERT_TRUE(session->SetAlternateSetting(0, 1).has_value());
    device.Hold(0x83);
    const auto submit = [&](int name) {
        auto in = transfers.New(name, UsbTransferType::kIsochronous, 0x83, 1);
        in->frames.resize(kMostUsbFrames);
        session->Submit(std::move(in));
    };
    constexpr auto kNumThatFit =
        static_cast<int>(remote::kMostFramesUnderWay / uint64_t{kMostUsbFrames});
    for (int i = 0; i <= kNumThatFit; ++i) {
        submit(i);
    }
    transfers.WaitFor(1);
    EXPECT_EQ(transfers.StatusOf(kNumThatFit), UsbStatus::kNoResources);
    session->Abort({0x83}, 0);
    transfers.WaitFor(static_cast<size_t>(kNumThatFit) + 1);
    // They have been given back.
    submit(100);
    device.WaitFor(static_cast<size_t>(kNumThatFit) + 1);
    session->Abort({0x83}, 0);
}

TEST_F(RemoteSessionTest, Timeout_IsTheDevices) {
    auto hung = transfers.Control(1, {.request_type = 0x40, .request = 4});
    hung->timeout_ms = 20;
    session->Submit(std::move(hung));
    transfers.WaitFor(1);
    EXPECT_EQ(transfers.StatusOf(1), UsbStatus::kTimedOut);
}

TEST_F(RemoteSessionTest, Streams_ArePassedOn) {
    ClaimAll();
    ASSERT_TRUE(session->SetStreams({0x81}, 4).has_value());
    device.Hold(0x81);
    for (int stream = 1; stream <= 2; ++stream) {
        auto in = transfers.Bulk(stream, 0x81);
        in->stream = static_cast<uint16_t>(stream);
        session->Submit(std::move(in));
    }
    device.WaitFor(2);
    EXPECT_EQ(device.last().stream, 2);
    session->Abort({0x81}, 2);
    transfers.WaitFor(1);
    EXPECT_EQ(transfers.names(), (std::vector<int>{2}));
    session->Abort({0x81}, 0);
    transfers.WaitFor(2);
    EXPECT_EQ(transfers.StatusOf(1), UsbStatus::kAborted);
}

TEST_F(RemoteSessionTest, Abort_EndsWhatWasSubmittedBefore) {
    ClaimAll();
    for (int i = 0; i < 10; ++i) {
        session->Submit(transfers.New(i, UsbTransferType::kInterrupt, 0x82, 8));
    }
    session->Abort({0x82}, 0);
    session->Submit(transfers.New(10, UsbTransferType::kInterrupt, 0x82, 8));
    const auto ended = transfers.WaitFor(10);
    EXPECT_EQ(transfers.names(), (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
    EXPECT_EQ(ended[0].outcome.status, UsbStatus::kAborted);
    EXPECT_EQ(ended[0].outcome.num_bytes, 3U);
    session->Abort({0x82}, 0);
    transfers.WaitFor(11);
    session->Abort({0x82}, 0);  // nothing is there
}

TEST_F(RemoteSessionTest, Operations_AreTheSessions) {
    EXPECT_EQ(CodeOf(session->SetAlternateSetting(0, 1)), BackendErrorCode::kInvalidArgument);
    ASSERT_TRUE(session->Claim(0).has_value());
    ASSERT_TRUE(session->Claim(std::nullopt).has_value());
    EXPECT_EQ(CodeOf(session->Claim(9)), BackendErrorCode::kNotFound);
    ASSERT_TRUE(session->SetAlternateSetting(0, 1).has_value());
    EXPECT_EQ(session->AlternateSetting(0), 1);
    ASSERT_TRUE(session->ClearHalt({0x83}, true).has_value());
    ASSERT_TRUE(session->ClearHalt({0x83}, false).has_value());
    ASSERT_TRUE(session->Reset().has_value());
    session->Release(0);
    ASSERT_TRUE(session->SetConfiguration(2, false).has_value());
    EXPECT_EQ(session->Configuration(), 2);
    const Log log = wire->TakeLog();
    for (const char *const expected : {"claim 0", "setting 0.1", "clear 131 told", "clear 131",
                                       "reset", "release 0", "configuration 2"}) {
        EXPECT_NE(std::ranges::find(log, expected), log.end()) << expected;
    }
    EXPECT_FALSE(listener.WaitFor(4).back().publishes);
}

TEST_F(RemoteSessionTest, RefusedOperation_SaysWhy) {
    const auto direct = OpenSession();
    ASSERT_TRUE(direct->Claim(0).has_value());
    const auto refused = session->Claim(0);
    ASSERT_EQ(CodeOf(refused), BackendErrorCode::kBusy);
    EXPECT_EQ(refused.error().message, OpenSession()->Claim(0).error().message);
}

TEST_F(RemoteSessionTest, NewSession_IsAnothersWithItsOwnClaims) {
    const auto other = session->NewSession().value();
    EXPECT_EQ(other->Address(), 3);
    EXPECT_EQ(other->Descriptors().device_bytes, session->Descriptors().device_bytes);
    ASSERT_TRUE(session->Claim(0).has_value());
    EXPECT_EQ(CodeOf(other->Claim(0)), BackendErrorCode::kBusy);
    const auto third = other->NewSession().value();
    EXPECT_EQ(server->num_sessions(), 3U);
    ASSERT_TRUE(third->Claim(1).has_value());
}

TEST_F(RemoteSessionTest, ClientWithTooManySessions_IsRefusedMore) {
    std::vector<std::shared_ptr<UsbBackend>> opened;
    for (size_t i = 0; i < UsbSessionServer::kMostOpened; ++i) {
        opened.push_back(session->NewSession().value());
    }
    const auto refused = opened.back()->NewSession();
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, BackendErrorCode::kNoResources);
}

/// Calls the device when it is destroyed, as what it keeps may.
class CallsAtItsEnd final : public UsbTransfer {
public:
    struct Result {
        Event has_ended;
        std::thread::id thread;
        BackendResult<void> called;
    };

    CallsAtItsEnd(UsbBackend &session, Result &result) : session_(session), result_(result) {
        setup = {.request_type = 0x40, .request = 9};
    }
    ~CallsAtItsEnd() override {
        result_.thread = std::this_thread::get_id();
        result_.called = session_.ClearHalt({0x01}, true);
        result_.has_ended.Set();
    }
    CallsAtItsEnd(const CallsAtItsEnd &) = delete;
    CallsAtItsEnd &operator=(const CallsAtItsEnd &) = delete;

    void OnComplete(const UsbOutcome & /*outcome*/) override {}

private:
    UsbBackend &session_;
    Result &result_;
};

TEST_F(RemoteSessionTest, TransferThatItsPollerDestroys_MayCallTheDevice) {
    ClaimAll();
    CallsAtItsEnd::Result result;
    const std::atomic<uint32_t> never = 0;
    session->SubmitAndPoll(std::make_unique<CallsAtItsEnd>(*session, result), never, 0);
    result.has_ended.Wait();
    // The session's own thread may have been faster; it has to be there for others.
    const bool is_ours = result.thread == std::this_thread::get_id();
    EXPECT_EQ(CodeOf(result.called), is_ours ? BackendErrorCode{-1} : BackendErrorCode::kBusy);
}

TEST_F(RemoteSessionTest, OperationThatHangs_HoldsUpNothingElse) {
    ClaimAll();
    // Kept by the device: that its thread is done with them comes through shared memory.
    struct Events {
        Event hangs;
        Event may_go_on;
    };
    const auto events = std::make_shared<Events>();
    device.SetOnOperation([events](const std::string &operation) -> BackendResult<void> {
        if (operation == "clear 1 told") {
            events->hangs.Set();
            events->may_go_on.Wait();
        }
        return {};
    });
    const auto other = Join(OpenSession());
    std::thread clearing([&] { EXPECT_TRUE(session->ClearHalt({0x01}, true).has_value()); });
    events->hangs.Wait();
    session->Submit(transfers.Control(1, {.request_type = 0x40, .request = 9}));
    transfers.WaitFor(1);
    EXPECT_EQ(session->Configuration(), 1);
    other->Submit(transfers.Control(2, {.request_type = 0x40, .request = 9}));
    transfers.WaitFor(2);
    EXPECT_TRUE(other->NewSession().has_value());
    events->may_go_on.Set();
    clearing.join();
}

}  // namespace
}  // namespace opendext::backends
