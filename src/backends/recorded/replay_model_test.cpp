// SPDX-License-Identifier: Apache-2.0
#include "backends/recorded/replay_model.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backends/emulated/model_usb_wire.h"
#include "backends/recorded/hand_made_capture.h"
#include "backends/recorded/replay_choice.h"
#include "backends/usbip/test_transfer.h"
#include "base/log.h"

namespace opendext::backends {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Bytes = std::vector<std::byte>;

Bytes FromNumbers(std::initializer_list<int> numbers) {
    return HandMadeCapture::FromNumbers(numbers);
}

class Listener final : public UsbWireListener {
public:
    void OnAttached(UsbAttachment attachment) override { attached = std::move(attachment); }
    void OnDetached() override {}
    void OnDone(UsbTransfer &transfer, const UsbOutcome &outcome) override {
        transfer.OnComplete(outcome);
    }

    std::optional<UsbAttachment> attached;
};

std::string ErrorOf(const Bytes &file, std::string_view wanted = {}) {
    const auto model = ReplayModel::Create(file, "test.pcapng", wanted);
    return model ? "" : model.error();
}

class ReplayModelTest : public ::testing::Test {
protected:
    ReplayModelTest() {
        SetLogSink([this](LogLevel level, std::string_view line) {
            log_ += level >= LogLevel::kWarning ? std::string(line) + "\n" : "";
        });
    }
    ~ReplayModelTest() override {
        if (wire_ != nullptr) {
            wire_->End();
        }
        SetLogSink({});
    }

    void Play(const HandMadeCapture &capture) {
        auto model = ReplayModel::Create(capture.file(), "test.pcapng", {});
        ASSERT_TRUE(model) << model.error();
        auto wire = ModelUsbWire::Create(std::move(*model));
        ASSERT_TRUE(wire) << wire.error().message;
        wire_ = std::move(*wire);
        wire_->Begin(listener_);
        ASSERT_TRUE(wire_->SetConfiguration(1));
    }

    UsbOutcome Control(const UsbSetup &setup, const Bytes &data = {}) {
        control_ = TestTransfer::Control(setup);
        control_->Set(data);
        wire_->Start(*control_);
        return control_->Await();
    }

    UsbOutcome Send(uint8_t endpoint, const Bytes &data) {
        auto transfer = TestTransfer::Bulk(endpoint, {data.size()});
        transfer->Set(data);
        wire_->Start(*transfer);
        return transfer->Await();
    }

    std::unique_ptr<TestTransfer> Ask(uint8_t endpoint, size_t num_bytes) {
        auto transfer = TestTransfer::Bulk(endpoint, {num_bytes});
        wire_->Start(*transfer);
        return transfer;
    }

    std::string log_;
    Listener listener_;
    std::unique_ptr<ModelUsbWire> wire_;
    std::unique_ptr<TestTransfer> control_;
};

const UsbSetup kAskVersion{.request_type = 0xC0, .request = 1, .length = 4};
const UsbSetup kSetMode{.request_type = 0x40, .request = 2, .value = 7, .length = 2};

TEST_F(ReplayModelTest, Device_IsRebuiltFromItsDescriptors) {
    Play(HandMadeCapture().Enumeration());
    ASSERT_TRUE(listener_.attached);
    EXPECT_EQ(listener_.attached->speed, UsbSpeed::kHigh);
    EXPECT_EQ(listener_.attached->descriptors.device.vendor, 0x1209);
    EXPECT_EQ(listener_.attached->product, "Hi!");
    EXPECT_EQ(listener_.attached->descriptors.configurations.at(0).settings.at(0).endpoints.size(),
              3U);
}

TEST_F(ReplayModelTest, ControlRequests_AreAnsweredByTheirSetupInTheRecordedOrder) {
    Play(HandMadeCapture()
             .Enumeration()
             .Control(kAskVersion, FromNumbers({1, 0}))
             .Control(kSetMode, FromNumbers({8, 9}))
             .Control(kAskVersion, FromNumbers({2, 0, 0, 0})));
    EXPECT_EQ(Control(kAskVersion).num_bytes, 2U);
    EXPECT_EQ(control_->Bytes()[0], std::byte{1});
    EXPECT_EQ(Control(kAskVersion).num_bytes, 4U);
    EXPECT_EQ(control_->Bytes()[0], std::byte{2});
    EXPECT_EQ(Control(kAskVersion).num_bytes, 4U) << "the last answer stays";
    EXPECT_EQ(Control(kSetMode, FromNumbers({8, 9})).status, UsbStatus::kSuccess);
    EXPECT_THAT(log_, IsEmpty());
}

TEST_F(ReplayModelTest, RecordedStall_Stalls) {
    Play(HandMadeCapture().Enumeration().Control(kAskVersion, {}, -EPIPE));
    EXPECT_EQ(Control(kAskVersion).status, UsbStatus::kStalled);
    EXPECT_THAT(log_, IsEmpty());
}

TEST_F(ReplayModelTest, RequestWithOtherData_StallsWithALine) {
    HandMadeCapture capture;
    capture.Enumeration().Control(kSetMode, FromNumbers({8, 9}));
    Play(capture);
    EXPECT_EQ(Control(kSetMode, FromNumbers({8, 1})).status, UsbStatus::kStalled);
    EXPECT_THAT(log_, AllOf(HasSubstr("request 40 02, value 0x0007"),
                            HasSubstr(fmt::format("packet {}", capture.last_packet() - 1)),
                            HasSubstr("byte 1 of the data was recorded as 0x09, and is 0x01")));
}

TEST_F(ReplayModelTest, RequestThatWasNotRecorded_StallsAndTellsWhatWasExpected) {
    HandMadeCapture capture;
    capture.Enumeration().Control(kAskVersion, FromNumbers({1, 0}));
    Play(capture);
    EXPECT_EQ(Control({.request_type = 0xC0, .request = 9, .length = 4}).status,
              UsbStatus::kStalled);
    EXPECT_THAT(log_, AllOf(HasSubstr("request c0 09"), HasSubstr("next is request c0 01"),
                            HasSubstr(fmt::format("packet {}", capture.last_packet() - 1))));
}

TEST_F(ReplayModelTest, InData_ComesInTheRecordedOrder) {
    Play(HandMadeCapture()
             .Enumeration()
             .In(0x81, 512, FromNumbers({1, 2}))
             .In(0x81, 512, {})
             .In(0x81, 512, FromNumbers({3})));
    EXPECT_EQ(Ask(0x81, 512)->Await().num_bytes, 2U);
    EXPECT_EQ(Ask(0x81, 512)->Await().num_bytes, 0U);
    const auto third = Ask(0x81, 512);
    EXPECT_EQ(third->Await().num_bytes, 1U);
    EXPECT_EQ(third->Bytes()[0], std::byte{3});
}

TEST_F(ReplayModelTest, InRequestsOfOtherSizes_GetTheSamePackets) {
    Bytes data(1536, std::byte{1});
    data[512] = std::byte{2};
    data[1024] = std::byte{3};
    Play(HandMadeCapture().Enumeration().In(0x81, 1536, data).In(0x81, 1024, Bytes(100)));
    const auto first = Ask(0x81, 512);
    EXPECT_EQ(first->Await().num_bytes, 512U);
    const auto rest =
        Ask(0x81, 4096);  // the rest of the first and all of the second, which is short
    EXPECT_EQ(rest->Await().num_bytes, 1124U);
    EXPECT_EQ(rest->Bytes()[0], std::byte{2});
    EXPECT_EQ(rest->Bytes()[512], std::byte{3});
    EXPECT_THAT(log_, IsEmpty());
}

TEST_F(ReplayModelTest, InRequestThatIsTooSmallForAPacket_StallsWithALine) {
    Play(HandMadeCapture().Enumeration().In(0x81, 512, Bytes(100)));
    EXPECT_EQ(Ask(0x81, 64)->Await().status, UsbStatus::kStalled);
    EXPECT_THAT(log_, HasSubstr("asks endpoint 0x81 for 64 bytes"));
}

TEST_F(ReplayModelTest, InData_WaitsForWhatTheDriverHadSentBefore) {
    Play(HandMadeCapture()
             .Enumeration()
             .Submit(0x81, UsbTransferType::kBulk, 512)
             .Out(0x02, FromNumbers({1}))
             .Complete(0x81, UsbTransferType::kBulk, 1, FromNumbers({7})));
    const auto in = Ask(0x81, 512);
    EXPECT_EQ(in->num_completions(), 0);
    EXPECT_EQ(Send(0x02, FromNumbers({1})).status, UsbStatus::kSuccess);
    EXPECT_EQ(in->Await().num_bytes, 1U);
}

TEST_F(ReplayModelTest, EndOfTheRecording_LeavesInRequestsWaiting) {
    Play(HandMadeCapture().Enumeration());
    const auto in = Ask(0x81, 512);
    EXPECT_EQ(in->num_completions(), 0);
    wire_->Cancel(*in);
    EXPECT_EQ(in->Await().status, UsbStatus::kAborted);
}

TEST_F(ReplayModelTest, OutDataInOtherParts_IsTheSame) {
    Bytes data(1030);
    data[600] = std::byte{5};
    Play(HandMadeCapture()
             .Enumeration()
             .Out(0x02, Bytes(data.begin(), data.begin() + 512))
             .Out(0x02, Bytes(data.begin() + 512, data.end())));
    EXPECT_EQ(Send(0x02, data).num_bytes, 1030U);
    EXPECT_THAT(log_, IsEmpty());
}

TEST_F(ReplayModelTest, OtherOutData_StallsWithALineUntilTheHaltIsCleared) {
    HandMadeCapture capture;
    capture.Enumeration().Out(0x02, FromNumbers({1, 2, 3}));
    Play(capture);
    EXPECT_EQ(Send(0x02, FromNumbers({1, 9, 3})).status, UsbStatus::kStalled);
    EXPECT_THAT(log_,
                AllOf(HasSubstr("test.pcapng: the driver sends 0x09 to endpoint 0x02 as byte 1"),
                      HasSubstr(fmt::format("packet {}", capture.last_packet() - 1))));
    EXPECT_EQ(Send(0x02, FromNumbers({1, 2, 3})).status, UsbStatus::kStalled);
    ASSERT_TRUE(wire_->ClearHalt({0x02}, true));
    EXPECT_EQ(Send(0x02, FromNumbers({1, 2, 3})).status, UsbStatus::kSuccess);
}

TEST_F(ReplayModelTest, OutDataOfAnotherLength_StallsWithALine) {
    Play(HandMadeCapture().Enumeration().Out(0x02, FromNumbers({1, 2, 3})));
    EXPECT_EQ(Send(0x02, FromNumbers({1, 2})).status, UsbStatus::kStalled);
    EXPECT_THAT(log_, HasSubstr("has 3"));
    ASSERT_TRUE(wire_->ClearHalt({0x02}, true));
    EXPECT_EQ(Send(0x02, FromNumbers({1, 2, 3, 4})).status, UsbStatus::kStalled);
    EXPECT_THAT(log_, HasSubstr("ends after 3"));
}

TEST_F(ReplayModelTest, ErrorsOfTheRecording_ComeAgain) {
    Play(HandMadeCapture()
             .Enumeration()
             .Out(0x02, FromNumbers({1}), -EPROTO)
             .In(0x81, 512, {}, -EOVERFLOW)
             .In(0x81, 512, {}, -EPIPE));
    EXPECT_EQ(Send(0x02, FromNumbers({1})).status, UsbStatus::kNotResponding);
    EXPECT_EQ(Ask(0x81, 512)->Await().status, UsbStatus::kBabble);
    EXPECT_EQ(Ask(0x81, 512)->Await().status, UsbStatus::kStalled);
}

TEST_F(ReplayModelTest, CaptureThatEndsWithinAPacket_IsUsedUpToThere) {
    HandMadeCapture capture;
    capture.Enumeration();
    Bytes file = capture.file();
    capture.In(0x81, 512, Bytes(100));
    file.insert(file.end(), capture.file().begin() + static_cast<ptrdiff_t>(file.size()),
                capture.file().end() - 7);
    const auto model = ReplayModel::Create(file, "test.pcapng", {});
    ASSERT_TRUE(model) << model.error();
    EXPECT_THAT(log_, AllOf(HasSubstr("test.pcapng: byte "), HasSubstr("the file ends after")));
}

TEST(ReplayChoice, CaptureWithoutDescriptors_SaysWhatIsMissing) {
    const HandMadeCapture nothing = HandMadeCapture().In(0x81, 512, Bytes(3));
    EXPECT_THAT(ErrorOf(nothing.file()),
                AllOf(HasSubstr("device 1.5"), HasSubstr("GET_DESCRIPTOR(device)")));
    HandMadeCapture half;
    half.Descriptor(0x0100, 0,
                    FromNumbers({18, 1, 0, 2, 0xFF, 0, 0, 64, 9, 0x12, 1, 0, 0, 1, 0, 0, 0, 1}));
    half.Descriptor(0x0200, 0, FromNumbers({9, 2, 39, 0, 1, 1, 0, 0x80, 50}));
    EXPECT_THAT(ErrorOf(half.file()), HasSubstr("GET_DESCRIPTOR(configuration 0)"));
}

TEST(ReplayChoice, CaptureWithSeveralDevices_ListsThem) {
    HandMadeCapture capture;
    capture.Enumeration().SetDevice(6);
    capture.Enumeration();
    EXPECT_THAT(ErrorOf(capture.file()), HasSubstr("@1.5 (1209:0001), @1.6 (1209:0001)"));
    EXPECT_EQ(ErrorOf(capture.file(), "1.6"), "");
    EXPECT_THAT(ErrorOf(capture.file(), "1.7"), HasSubstr("no packet of a USB device"));
}

TEST(ReplayChoice, FileThatIsNoCapture_IsRefused) {
    EXPECT_THAT(ErrorOf(Bytes(100)), HasSubstr("test.pcapng: byte 0: neither"));
    Bytes ethernet;
    EncodeCaptureStart(1, "test", ethernet);
    EncodeCapturePacket(0, Bytes(60), "", ethernet);
    EXPECT_THAT(ErrorOf(ethernet),
                AllOf(HasSubstr("packets of link type 1"), HasSubstr("266 (a Mac's)")));
}

TEST(ReplayChoice, Specification_IsAFileAndADevice) {
    EXPECT_EQ(ParseReplaySpecification("a.pcapng").path, "a.pcapng");
    EXPECT_EQ(ParseReplaySpecification("replay:a@b.pcapng").path, "a@b.pcapng");
    EXPECT_EQ(ParseReplaySpecification("a.pcapng@1.12").path, "a.pcapng");
    EXPECT_EQ(ParseReplaySpecification("a.pcapng@1.12").device, "1.12");
    const auto missing = ReplayModel::Load("/nonexistent/file");
    ASSERT_FALSE(missing);
    EXPECT_THAT(missing.error(), HasSubstr("/nonexistent/file: cannot be read"));
}

}  // namespace
}  // namespace opendext::backends
