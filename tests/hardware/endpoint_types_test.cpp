// SPDX-License-Identifier: Apache-2.0
// Endpoints other than plain bulk ones, on the emulated devices of the virtual machine. Runs there, as root.
#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

#include <gtest/gtest.h>

#include "tests/hardware/wire_rig.h"

namespace opendext::hardware {
namespace {

using backends::UsbAttachment;
using backends::UsbEndpointAddress;
using backends::UsbInterfaceSetting;
using backends::UsbIsochronousFrame;
using backends::UsbOutcome;
using backends::UsbStatus;
using backends::UsbTransferType;

class EndpointTypesTest : public testing::Test {
protected:
    void Open(const char *specification, uint8_t interface_number, uint8_t alternate) {
        rig_ = std::make_unique<WireRig>(specification);
        ASSERT_EQ(rig_->error(), "");
        attachment_ = rig_->WaitForDevice();
        ASSERT_TRUE(attachment_.has_value());
        ASSERT_TRUE(rig_->wire().Claim(interface_number).has_value());
        const auto selected = rig_->wire().SetAlternateSetting(interface_number, alternate);
        ASSERT_TRUE(selected.has_value()) << selected.error().message;
        setting_ =
            attachment_->descriptors.configurations.front().Find(interface_number, alternate);
        ASSERT_NE(setting_, nullptr);
    }

    std::unique_ptr<WireRig> rig_;
    std::optional<UsbAttachment> attachment_;
    const UsbInterfaceSetting *setting_ = nullptr;
};

class AudioTest : public EndpointTypesTest {
protected:
    static constexpr uint32_t kFrameBytes = 192;  // 48 kHz, two channels of 16 bits.
    static constexpr size_t kNumFrames = 200;     // More than the kernel takes in one request.

    void SetUp() override { Open("libusb:46f4:0002", 1, 1); }

    std::shared_ptr<Request> MakeSound() {
        auto request = std::make_shared<Request>(UsbTransferType::kIsochronous,
                                                 setting_->endpoints.front().address,
                                                 kFrameBytes * kNumFrames);
        request->frames.resize(kNumFrames, UsbIsochronousFrame{.num_requested = kFrameBytes});
        return request;
    }
};

TEST_F(AudioTest, IsochronousWrite_TellsOfEachFrame) {
    ASSERT_EQ(setting_->endpoints.front().type, UsbTransferType::kIsochronous);
    const std::shared_ptr<Request> first = rig_->Start(MakeSound());
    const std::shared_ptr<Request> second = rig_->Start(MakeSound());
    for (const std::shared_ptr<Request> &request : {first, second}) {
        const UsbOutcome outcome = rig_->Finish(*request);
        EXPECT_EQ(outcome.status, UsbStatus::kSuccess);
        EXPECT_TRUE(std::ranges::all_of(request->frames, [](const UsbIsochronousFrame &frame) {
            return frame.status == UsbStatus::kSuccess && frame.num_done == kFrameBytes;
        }));
    }
}

TEST_F(AudioTest, FrameThatHasPassedOrIsFarAhead_IsRefused) {
    const uint64_t now = rig_->wire().CurrentFrame().frame;
    const std::shared_ptr<Request> late = MakeSound();
    late->first_frame = now - 10;
    EXPECT_EQ(rig_->Finish(*rig_->Start(late)).status, UsbStatus::kTooLate);
    const std::shared_ptr<Request> early = MakeSound();
    early->first_frame = now + 100'000;
    EXPECT_EQ(rig_->Finish(*rig_->Start(early)).status, UsbStatus::kTooEarly);
}

/// A USB Attached SCSI disk: its status and data endpoints have a stream for each command.
class StreamsTest : public EndpointTypesTest {
protected:
    static constexpr uint16_t kTag = 3;
    static constexpr uint16_t kNumStreams = 16;

    void SetUp() override { Open("libusb:46f4:0003", 0, 0); }

    UsbEndpointAddress EndpointOf(size_t index) const {
        return setting_->endpoints.at(index).address;
    }
    std::shared_ptr<Request> MakeRequest(UsbEndpointAddress endpoint, uint64_t num_bytes,
                                         uint16_t stream) {
        auto request = std::make_shared<Request>(UsbTransferType::kBulk, endpoint, num_bytes);
        request->stream = stream;
        return request;
    }
};

TEST_F(StreamsTest, Streams_CarryWhatBelongsToThem) {
    // In the order of QEMU's descriptors.
    const UsbEndpointAddress command = EndpointOf(0);
    const UsbEndpointAddress status = EndpointOf(1);
    const UsbEndpointAddress data_in = EndpointOf(2);
    EXPECT_EQ(setting_->endpoints.at(0).max_streams_log2, 0);
    EXPECT_GE(setting_->endpoints.at(1).max_streams_log2, 4);
    for (const UsbEndpointAddress endpoint : {status, data_in}) {
        const auto allocated = rig_->wire().SetStreams(endpoint, kNumStreams);
        ASSERT_TRUE(allocated.has_value()) << allocated.error().message;
    }
    const auto other_status = rig_->Start(MakeRequest(status, 512, kTag + 1));
    const auto its_status = rig_->Start(MakeRequest(status, 512, kTag));
    const auto data = rig_->Start(MakeRequest(data_in, 36, kTag));
    const auto inquiry = MakeRequest(command, 32, 0);
    inquiry->memory[0] = std::byte{1};  // A command,
    inquiry->memory[3] = static_cast<std::byte>(kTag);
    inquiry->memory[16] = std::byte{0x12};  // INQUIRY,
    inquiry->memory[20] = std::byte{36};    // of 36 bytes.
    EXPECT_EQ(rig_->Finish(*rig_->Start(inquiry)).status, UsbStatus::kSuccess);
    EXPECT_EQ(rig_->Finish(*data).num_bytes, 36U);
    EXPECT_EQ(std::memcmp(data->memory.data() + 8, "QEMU", 4), 0);
    EXPECT_EQ(rig_->Finish(*its_status).status, UsbStatus::kSuccess);
    EXPECT_EQ(its_status->memory[3], static_cast<std::byte>(kTag));
    EXPECT_EQ(other_status->num_completions(), 0);
    rig_->wire().Cancel(*other_status);
    EXPECT_EQ(rig_->Finish(*other_status).status, UsbStatus::kAborted);
    EXPECT_TRUE(rig_->wire().SetStreams(status, 0).has_value());
}

TEST_F(StreamsTest, EndpointWithoutStreams_IsRefused) {
    EXPECT_FALSE(rig_->wire().SetStreams(EndpointOf(0), kNumStreams).has_value());
}

}  // namespace
}  // namespace opendext::hardware
