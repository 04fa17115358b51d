// SPDX-License-Identifier: Apache-2.0
#include "models/usb_loopback/usb_loopback_model.h"

#include <algorithm>

#include "models/usb_loopback/byte_pattern.h"
#include "models/usb_model_fixture.h"

namespace opendext::models {
namespace {

using namespace usb_loopback;
using backends::UsbStatus;
using backends::UsbTransferType;

class UsbLoopbackTest : public UsbModelTest {
protected:
    explicit UsbLoopbackTest(std::string_view specification = "usb-loopback,tick-ms=0") {
        Plug(specification);
        Configure();
    }
    backends::UsbOutcome Read(uint8_t endpoint, size_t num_bytes) {
        return Wait(StartIn(endpoint, num_bytes));
    }
    backends::UsbOutcome Write(uint8_t endpoint, std::string_view text) {
        return Wait(StartOut(endpoint, text));
    }
};

TEST_F(UsbLoopbackTest, Writes_ComeBackWithTheirEnds) {
    EXPECT_EQ(Write(kLoopbackOut, "hello").num_bytes, 5U);
    EXPECT_EQ(Write(kLoopbackOut, "").num_bytes, 0U);
    EXPECT_EQ(Write(kLoopbackOut, "world").num_bytes, 5U);
    EXPECT_EQ(Read(kLoopbackIn, 100).num_bytes, 5U);
    EXPECT_EQ(Text(5), "hello");
    EXPECT_EQ(Read(kLoopbackIn, 100).num_bytes, 0U);
    EXPECT_EQ(Read(kLoopbackIn, 3).num_bytes, 3U);
    EXPECT_EQ(Text(3), "wor");
    EXPECT_EQ(Read(kLoopbackIn, 100).num_bytes, 2U);
    EXPECT_EQ(AskFor<Counters>(kGetCounters).loopback_bytes, 10U);
}

TEST_F(UsbLoopbackTest, ReadThatWaits_GetsTheNextWrite) {
    const int read = StartIn(kLoopbackIn, 8);
    EXPECT_FALSE(HasEnded(read));
    EXPECT_EQ(Write(kLoopbackOut, "0123456789").num_bytes, 10U);
    EXPECT_EQ(Wait(read).num_bytes, 8U);
    EXPECT_EQ(Text(8), "01234567");
    EXPECT_EQ(Read(kLoopbackIn, 8).num_bytes, 2U);
    EXPECT_EQ(Text(2), "89");
}

TEST_F(UsbLoopbackTest, WritesThatDoNotFit_WaitForReads) {
    const std::string large(40 << 10, 'a');
    EXPECT_EQ(Write(kLoopbackOut, large).status, UsbStatus::kSuccess);
    const int second = StartOut(kLoopbackOut, large);
    const int third = StartOut(kLoopbackOut, "end");  // would fit, but stays behind
    EXPECT_FALSE(HasEnded(second));
    EXPECT_EQ(Read(kLoopbackIn, large.size()).num_bytes, large.size());
    EXPECT_EQ(Wait(second).num_bytes, large.size());
    EXPECT_EQ(Wait(third).num_bytes, 3U);
}

TEST_F(UsbLoopbackTest, AbortedTransfers_TakeNothing) {
    (void)StartIn(kLoopbackIn, 8);
    session->Abort({kLoopbackIn}, 0);
    EXPECT_EQ(Write(kLoopbackOut, "kept").num_bytes, 4U);
    EXPECT_EQ(Read(kLoopbackIn, 8).num_bytes, 4U);
}

TEST_F(UsbLoopbackTest, Source_ContinuesItsPattern) {
    for (const size_t num_bytes : {100, 65536, 70000}) {
        const uint64_t position = AskFor<Counters>(kGetCounters).source_bytes;
        EXPECT_EQ(Read(kSourceIn, num_bytes).num_bytes, num_bytes);
        EXPECT_EQ(FindMismatch(*latest, position), std::nullopt);
    }
    EXPECT_EQ(Tell(kSetSource, kSourceZeros), UsbStatus::kSuccess);
    EXPECT_EQ(Read(kSourceIn, 1000).num_bytes, 1000U);
    EXPECT_EQ(std::ranges::count(*latest, std::byte{0}), 1000);
    EXPECT_EQ(Tell(kSetSource, kSourceNothing), UsbStatus::kSuccess);
    EXPECT_EQ(Read(kSourceIn, 1000).num_bytes, 1000U);
}

TEST_F(UsbLoopbackTest, Sink_ChecksWhenToldTo) {
    EXPECT_EQ(Write(kSinkOut, "anything").num_bytes, 8U);
    EXPECT_EQ(Tell(kClear), UsbStatus::kSuccess);
    EXPECT_EQ(Tell(kSetSinkCheck, 1), UsbStatus::kSuccess);
    const auto bytes = std::make_shared<std::vector<std::byte>>(100'000);
    FillPattern(*bytes, 0);
    (void)Wait(Start(kSinkOut, bytes));
    Counters counters = AskFor<Counters>(kGetCounters);
    EXPECT_EQ(counters.sink_bytes, 100'000U);
    EXPECT_EQ(counters.sink_mismatches, 0U);
    FillPattern(*bytes, 100'000);
    (*bytes)[77'777] ^= std::byte{1};
    (void)Wait(Start(kSinkOut, bytes));
    counters = AskFor<Counters>(kGetCounters);
    EXPECT_EQ(counters.sink_mismatches, 1U);
    EXPECT_EQ(counters.sink_first_mismatch, 177'777U);
}

TEST_F(UsbLoopbackTest, Echo_HoldsUpTo4096Bytes) {
    std::vector<std::byte> bytes(kEchoBytes);
    FillPattern(bytes, 3);
    EXPECT_EQ(Tell(kEchoWrite, 0, 0, bytes), UsbStatus::kSuccess);
    EXPECT_EQ(Ask(kEchoRead, kEchoBytes), bytes);
    EXPECT_EQ(Ask(kEchoRead, 10).size(), 10U);
    bytes.resize(5);
    EXPECT_EQ(Tell(kEchoWrite, 0, 0, bytes), UsbStatus::kSuccess);
    EXPECT_EQ(Ask(kEchoRead, 10), bytes);  // short
    bytes.resize(kEchoBytes + 1);
    EXPECT_EQ(Tell(kEchoWrite, 0, 0, bytes), UsbStatus::kStalled);
}

TEST_F(UsbLoopbackTest, Ticks_ComeWhenAskedFor) {
    const int first = StartIn(kTicksIn, kTickBytes, UsbTransferType::kInterrupt);
    EXPECT_FALSE(HasEnded(first));
    EXPECT_EQ(Tell(kTick), UsbStatus::kSuccess);
    EXPECT_EQ(Wait(first).num_bytes, kTickBytes);
    EXPECT_EQ((*latest)[0], std::byte{1});
    EXPECT_EQ(Tell(kTick), UsbStatus::kSuccess);  // kept
    EXPECT_EQ(Wait(StartIn(kTicksIn, kTickBytes, UsbTransferType::kInterrupt)).num_bytes,
              kTickBytes);
    EXPECT_EQ((*latest)[0], std::byte{2});
}

TEST_F(UsbLoopbackTest, Ticks_ComeByThemselvesWithAPeriod) {
    const int first = StartIn(kTicksIn, kTickBytes, UsbTransferType::kInterrupt);
    EXPECT_EQ(Tell(kSetTickPeriod, 1), UsbStatus::kSuccess);
    EXPECT_EQ(Wait(first).num_bytes, kTickBytes);
    EXPECT_EQ(Wait(StartIn(kTicksIn, kTickBytes, UsbTransferType::kInterrupt)).num_bytes,
              kTickBytes);
}

TEST_F(UsbLoopbackTest, Frames_AreCounted) {
    ASSERT_TRUE(session->SetAlternateSetting(kFrameInterface, kFramesOn).has_value());
    for (const uint8_t endpoint : {kFramesOut, kFramesIn}) {
        auto bytes = std::make_shared<std::vector<std::byte>>(160);
        auto transfer =
            transfers.New(++last_name, UsbTransferType::kIsochronous, endpoint, 0, [bytes] {});
        transfer->buffer = {{.address = bytes->data(), .num_bytes = bytes->size()}};
        transfer->frames.assign(8, {.num_requested = 20});
        session->Submit(std::move(transfer));
        EXPECT_EQ(Wait(last_name).num_bytes, 160U);
        if (endpoint == kFramesIn) {
            EXPECT_EQ((*bytes)[140], std::byte{7});  // the eighth frame's number
            EXPECT_EQ((*bytes)[145], PatternByte(5));
        }
    }
    const auto counters = AskFor<Counters>(kGetCounters);
    EXPECT_EQ(counters.frames_out, 8U);
    EXPECT_EQ(counters.frame_bytes_out, 160U);
    EXPECT_EQ(counters.frames_in, 8U);
}

TEST_F(UsbLoopbackTest, StallOfARequest_IsOverWithIt) {
    EXPECT_EQ(Tell(kStall), UsbStatus::kStalled);
    EXPECT_TRUE(Ask(kStall, 8).empty());
    EXPECT_EQ(Tell(0xEE), UsbStatus::kStalled);
    EXPECT_EQ(Tell(kTick), UsbStatus::kSuccess);
}

TEST_F(UsbLoopbackTest, HaltedEndpoints_StallUntilCleared) {
    for (const uint8_t endpoint : {kLoopbackIn, kTicksIn, kLoopbackOut, kSourceIn}) {
        const auto type =
            endpoint == kTicksIn ? UsbTransferType::kInterrupt : UsbTransferType::kBulk;
        // More than fits, so that a write waits, too.
        const int before = StartIn(endpoint, 100'000, type);
        EXPECT_EQ(Tell(kHalt, 0, endpoint), UsbStatus::kSuccess);
        if (endpoint != kSourceIn) {
            EXPECT_EQ(Wait(before).status, UsbStatus::kStalled) << int{endpoint};
        }
        EXPECT_EQ(Wait(StartIn(endpoint, 8, type)).status, UsbStatus::kStalled);
        EXPECT_TRUE(session->ClearHalt({endpoint}, true).has_value());
        const int after = StartIn(endpoint, 8, type);
        session->Abort({endpoint}, 0);
        EXPECT_NE(Wait(after).status, UsbStatus::kStalled) << int{endpoint};
    }
}

TEST_F(UsbLoopbackTest, RequestThatIsNeverAnswered_TimesOut) {
    const auto nothing = std::make_shared<std::vector<std::byte>>();
    EXPECT_EQ(Wait(StartControl({.request_type = 0x40, .request = kNak}, nothing, 1)).status,
              UsbStatus::kTimedOut);
}

TEST_F(UsbLoopbackTest, HeldEndpoint_AnswersNothing) {
    EXPECT_EQ(Tell(kHold, 1, kSourceIn), UsbStatus::kSuccess);
    const int held = StartIn(kSourceIn, 8);
    EXPECT_EQ(Tell(kHold, 0, kSourceIn), UsbStatus::kSuccess);
    EXPECT_FALSE(HasEnded(held));
    session->Abort({kSourceIn}, 0);
    EXPECT_EQ(Read(kSourceIn, 8).status, UsbStatus::kSuccess);
}

TEST_F(UsbLoopbackTest, PlannedFaults_HitTheNextRequestOnce) {
    EXPECT_EQ(Tell(kShortPacket, 3, kSourceIn), UsbStatus::kSuccess);
    EXPECT_EQ(Read(kSourceIn, 100).num_bytes, 3U);
    EXPECT_EQ(Tell(kBabble, 0, kSourceIn), UsbStatus::kSuccess);
    EXPECT_EQ(Read(kSourceIn, 100).status, UsbStatus::kBabble);
    EXPECT_EQ(Tell(kNoResponse, 0, kSinkOut), UsbStatus::kSuccess);
    EXPECT_EQ(Write(kSinkOut, "x").status, UsbStatus::kNotResponding);
    EXPECT_EQ(Read(kSourceIn, 100).num_bytes, 100U);
    EXPECT_EQ(Write(kSinkOut, "x").status, UsbStatus::kSuccess);
    EXPECT_EQ(Tell(kShortPacket, 3, kSinkOut), UsbStatus::kStalled);  // a device cannot
    const auto bytes = std::make_shared<std::vector<std::byte>>(8);
    EXPECT_EQ(
        Wait(StartControl({.request_type = 0xC0, .request = kBabble, .length = 8}, bytes)).status,
        UsbStatus::kBabble);
}

TEST_F(UsbLoopbackTest, DetachAfterRequests_LeavesInTheMiddle) {
    const int waiting = StartIn(kLoopbackIn, 8);
    EXPECT_EQ(Tell(kDetach, 2, kStaysAway), UsbStatus::kSuccess);
    EXPECT_EQ(Read(kSourceIn, 8).status, UsbStatus::kSuccess);
    EXPECT_EQ(Read(kSourceIn, 8).status, UsbStatus::kRemoved);
    EXPECT_EQ(Wait(waiting).status, UsbStatus::kRemoved);
    (void)listener.WaitFor(3);
    EXPECT_EQ(listener.kinds(), "ACD");
}

TEST_F(UsbLoopbackTest, DeviceThatComesBack_IsAsNew) {
    EXPECT_EQ(Tell(kSetSource, kSourceZeros), UsbStatus::kSuccess);
    EXPECT_EQ(Tell(kDetach, 0, kComesBack), UsbStatus::kSuccess);
    (void)listener.WaitFor(4);
    EXPECT_EQ(listener.kinds(), "ACDA");
    Open();
    Configure();
    EXPECT_EQ(Read(kSourceIn, 300).status, UsbStatus::kSuccess);
    EXPECT_EQ(FindMismatch(*latest, 0), std::nullopt);
}

TEST_F(UsbLoopbackTest, HangingDevice_CanStillBeLeft) {
    EXPECT_EQ(Tell(kHang), UsbStatus::kSuccess);
    const int read = StartIn(kSourceIn, 8);
    const auto nothing = std::make_shared<std::vector<std::byte>>();
    const int request = StartControl({.request_type = 0x40, .request = kTick}, nothing);
    EXPECT_FALSE(HasEnded(read));
    EXPECT_FALSE(HasEnded(request));
    EXPECT_TRUE(session->Reset().has_value());
    EXPECT_EQ(Wait(read).status, UsbStatus::kAborted);
    EXPECT_EQ(Wait(request).status, UsbStatus::kAborted);
    EXPECT_EQ(Tell(kTick), UsbStatus::kSuccess);  // a reset ends the hang
}

TEST_F(UsbLoopbackTest, SmallConfiguration_HasTheLoopbackAlone) {
    Configure(kSmallConfiguration);
    EXPECT_EQ(Write(kLoopbackOut, "abc").num_bytes, 3U);
    EXPECT_EQ(Read(kLoopbackIn, 8).num_bytes, 3U);
    EXPECT_EQ(Read(kSourceIn, 8).status, UsbStatus::kNotOpen);
}

TEST_F(UsbLoopbackTest, ThousandRequests_CompleteInOrder) {
    std::vector<int> names;
    for (int i = 0; i < 1000; ++i) {
        names.push_back(StartIn(kLoopbackIn, 8));
    }
    for (int i = 0; i < 1000; ++i) {
        names.push_back(StartOut(kLoopbackOut, "12345678"));
    }
    std::vector<int> reads;
    for (const auto &each : transfers.WaitFor(2000)) {
        if (each.name <= names[999]) {
            reads.push_back(each.name);
        }
    }
    names.resize(1000);
    EXPECT_EQ(reads, names);
}

class SuperSpeedLoopbackTest : public UsbLoopbackTest {
protected:
    SuperSpeedLoopbackTest() : UsbLoopbackTest("usb-loopback,speed=super,class=composite") {}
};

TEST_F(SuperSpeedLoopbackTest, EachStream_LoopsBackByItself) {
    EXPECT_EQ(session->Descriptors().device.device_class, 0);
    ASSERT_TRUE(session->SetStreams({kLoopbackOut}, 16).has_value());
    ASSERT_TRUE(session->SetStreams({kLoopbackIn}, 16).has_value());
    const int last = StartOut(kLoopbackOut, "sixteen", 16);
    const int first = StartOut(kLoopbackOut, "one", 1);
    EXPECT_EQ(Wait(StartIn(kLoopbackIn, 16, UsbTransferType::kBulk, 1)).num_bytes, 3U);
    EXPECT_EQ(Text(3), "one");
    EXPECT_EQ(Wait(StartIn(kLoopbackIn, 16, UsbTransferType::kBulk, 16)).num_bytes, 7U);
    EXPECT_EQ(Wait(first).status, UsbStatus::kSuccess);
    EXPECT_EQ(Wait(last).status, UsbStatus::kSuccess);
}

TEST(BytePattern, EveryOffset_ContinuesTheTable) {
    std::vector<std::byte> bytes(1000);
    for (const uint64_t position : {uint64_t{0}, uint64_t{65'000}, ~uint64_t{0} - 2000}) {
        FillPattern(bytes, position);
        for (size_t i = 0; i < bytes.size(); ++i) {
            ASSERT_EQ(bytes[i], PatternByte(position + i)) << position << " " << i;
        }
        EXPECT_EQ(FindMismatch(bytes, position), std::nullopt);
        bytes[999] ^= std::byte{0x80};
        EXPECT_EQ(FindMismatch(bytes, position), 999U);
    }
}

}  // namespace
}  // namespace opendext::models
