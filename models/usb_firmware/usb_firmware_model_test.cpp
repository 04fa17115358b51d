// SPDX-License-Identifier: Apache-2.0
#include "models/usb_firmware/usb_firmware_model.h"

#include <algorithm>

#include "models/usb_model_fixture.h"

namespace opendext::models {
namespace {

using namespace usb_firmware;
using backends::UsbStatus;
using backends::UsbTransferType;
using Bytes = std::vector<std::byte>;

Bytes MakeImage(size_t num_bytes) {
    Bytes image(num_bytes);
    for (size_t i = 0; i < num_bytes; ++i) {
        image[i] = static_cast<std::byte>(i * 7 + (i >> 10));
    }
    constexpr std::string_view kHead("ODFW\x04\x03\x02\x01", 8);
    std::copy_n(std::as_bytes(std::span(kHead)).begin(), std::min(num_bytes, kHead.size()),
                image.begin());
    return image;
}

Bytes HashOf(const Bytes &image) {
    Sha256 hash;
    hash.Update(image);
    const Sha256Digest digest = hash.Finish();
    return {digest.begin(), digest.end()};
}

Bytes SizeBytes(uint64_t size) {
    Bytes bytes(sizeof(size));
    std::memcpy(bytes.data(), &size, sizeof(size));
    return bytes;
}

class UsbFirmwareTest : public UsbModelTest {
protected:
    explicit UsbFirmwareTest(std::string_view specification = "usb-firmware,heartbeat-ms=1") {
        Plug(specification);
        Configure();
    }
    UsbStatus Begin(uint64_t size) { return Tell(kBegin, 0, 0, SizeBytes(size)); }
    UsbStatus Send(const Bytes &bytes) {
        return Wait(Start(kDownloadOut, std::make_shared<Bytes>(bytes))).status;
    }
    LoaderError error() { return static_cast<LoaderError>(AskFor<Status>(kGetStatus).error); }
    LoaderState state() { return static_cast<LoaderState>(AskFor<Status>(kGetStatus).state); }

    // Waits for the running device and takes it into use.
    void UseTheRunningDevice() {
        (void)listener.WaitFor(4);
        ASSERT_EQ(listener.kinds(), "ACDA");
        ASSERT_EQ(listener.latest().descriptors.device.product, kRunningProductId);
        Open();
        Configure();
    }
};

TEST_F(UsbFirmwareTest, Image_MakesTheDeviceComeBackRunning) {
    constexpr uint64_t kSize = 3'000'000;
    const Bytes image = MakeImage(kSize);
    EXPECT_EQ(state(), LoaderState::kIdle);
    EXPECT_EQ(Begin(kSize), UsbStatus::kSuccess);
    EXPECT_EQ(Send({image.begin(), image.begin() + 1'000'000}), UsbStatus::kSuccess);
    EXPECT_EQ(AskFor<Status>(kGetStatus).received_bytes, 1'000'000U);
    EXPECT_EQ(state(), LoaderState::kReceiving);
    EXPECT_EQ(Send({image.begin() + 1'000'000, image.end()}), UsbStatus::kSuccess);
    EXPECT_EQ(Tell(kFinish, 0, 0, HashOf(image)), UsbStatus::kSuccess);
    UseTheRunningDevice();
    const auto info = AskFor<Info>(kGetInfo);
    EXPECT_EQ(info.num_bytes, kSize);
    EXPECT_EQ(info.version, 0x01020304U);
    EXPECT_TRUE(std::ranges::equal(std::as_bytes(std::span(info.sha256)), HashOf(image)));
}

TEST_F(UsbFirmwareTest, RunningDevice_HasAHeartbeat) {
    EXPECT_EQ(Begin(0), UsbStatus::kSuccess);
    EXPECT_EQ(Tell(kFinish, 0, 0, HashOf({})), UsbStatus::kSuccess);
    UseTheRunningDevice();
    EXPECT_EQ(session->Descriptors().configurations[0].settings[0].interface_class, kRunningClass);
    EXPECT_EQ(AskFor<Info>(kGetInfo).version, 0U);
    for (uint8_t number = 1; number <= 3; ++number) {
        const int name = StartIn(kHeartbeatIn, kHeartbeatBytes, UsbTransferType::kInterrupt);
        EXPECT_EQ(Wait(name).num_bytes, kHeartbeatBytes);
        EXPECT_EQ((*latest)[0], std::byte{number});
    }
    EXPECT_TRUE(session->Reset().has_value());
    EXPECT_EQ(AskFor<Info>(kGetInfo).num_bytes, 0U);  // still running
    EXPECT_EQ(Tell(kBegin, 0, 0, SizeBytes(1)), UsbStatus::kStalled);
    EXPECT_EQ(Tell(kRestart), UsbStatus::kSuccess);
    (void)listener.WaitFor(7);
    EXPECT_EQ(listener.latest().descriptors.device.product, kLoaderProductId);
}

TEST_F(UsbFirmwareTest, Blocks_DownloadAsWell) {
    const Bytes image = MakeImage(10'000);
    EXPECT_EQ(Begin(image.size()), UsbStatus::kSuccess);
    for (uint16_t number = 0; number < 10; ++number) {
        const auto from = image.begin() + ptrdiff_t{number} * 1000;
        EXPECT_EQ(Tell(kBlock, number, 0, {from, from + 1000}), UsbStatus::kSuccess);
    }
    EXPECT_EQ(AskFor<Status>(kGetStatus).next_block, 10U);
    EXPECT_EQ(Tell(kFinish, 0, 0, HashOf(image)), UsbStatus::kSuccess);
    UseTheRunningDevice();
}

TEST_F(UsbFirmwareTest, WrongHash_StaysInTheLoader) {
    const Bytes image = MakeImage(5000);
    Bytes hash = HashOf(image);
    hash[31] ^= std::byte{1};
    EXPECT_EQ(Begin(image.size()), UsbStatus::kSuccess);
    EXPECT_EQ(Send(image), UsbStatus::kSuccess);
    EXPECT_EQ(Tell(kFinish, 0, 0, hash), UsbStatus::kStalled);
    EXPECT_EQ(state(), LoaderState::kFailed);
    EXPECT_EQ(error(), LoaderError::kWrongHash);
    // Everything works again from BEGIN on.
    hash[31] ^= std::byte{1};
    EXPECT_EQ(Begin(image.size()), UsbStatus::kSuccess);
    EXPECT_EQ(error(), LoaderError::kNone);
    EXPECT_EQ(Send(image), UsbStatus::kSuccess);
    EXPECT_EQ(Tell(kFinish, 0, 0, hash), UsbStatus::kSuccess);
    UseTheRunningDevice();
}

TEST_F(UsbFirmwareTest, MistakesOfTheHost_AreNamed) {
    EXPECT_EQ(Tell(kFinish, 0, 0, HashOf({})), UsbStatus::kStalled);
    EXPECT_EQ(error(), LoaderError::kNotBegun);
    EXPECT_EQ(Tell(kCancel), UsbStatus::kSuccess);
    EXPECT_EQ(state(), LoaderState::kIdle);
    EXPECT_EQ(Begin(100), UsbStatus::kSuccess);
    EXPECT_EQ(Tell(kFinish, 0, 0, HashOf({})), UsbStatus::kStalled);
    EXPECT_EQ(error(), LoaderError::kTooFewBytes);
    EXPECT_EQ(Begin(100), UsbStatus::kSuccess);
    EXPECT_EQ(Tell(kBlock, 1, 0, Bytes(10)), UsbStatus::kStalled);
    EXPECT_EQ(error(), LoaderError::kOutOfOrder);
    EXPECT_EQ(Begin(100), UsbStatus::kSuccess);
    EXPECT_EQ(Tell(kBlock, 0, 0, Bytes(101)), UsbStatus::kStalled);
    EXPECT_EQ(error(), LoaderError::kTooManyBytes);
    EXPECT_EQ(Tell(kBegin, 0, 0, Bytes(7)), UsbStatus::kStalled);
    EXPECT_EQ(Tell(kFinish, 0, 0, Bytes(31)), UsbStatus::kStalled);
    EXPECT_EQ(error(), LoaderError::kTooManyBytes);  // the reason of before
}

TEST_F(UsbFirmwareTest, BulkDataThatIsNotExpected_StallsUntilCleared) {
    EXPECT_EQ(Send(Bytes(10)), UsbStatus::kStalled);
    EXPECT_EQ(error(), LoaderError::kNotBegun);
    EXPECT_TRUE(session->ClearHalt({kDownloadOut}, true).has_value());
    EXPECT_EQ(Begin(10), UsbStatus::kSuccess);
    EXPECT_EQ(Send(Bytes(11)), UsbStatus::kStalled);
    EXPECT_EQ(error(), LoaderError::kTooManyBytes);
    EXPECT_TRUE(session->ClearHalt({kDownloadOut}, true).has_value());
    const Bytes image = MakeImage(10);
    EXPECT_EQ(Begin(10), UsbStatus::kSuccess);
    EXPECT_EQ(Send(image), UsbStatus::kSuccess);
    EXPECT_EQ(Tell(kFinish, 0, 0, HashOf(image)), UsbStatus::kSuccess);
    UseTheRunningDevice();
}

class SlowUsbFirmwareTest : public UsbFirmwareTest {
protected:
    SlowUsbFirmwareTest() : UsbFirmwareTest("usb-firmware,rate-kib=1024") {}
};

TEST_F(SlowUsbFirmwareTest, DownloadThatIsAborted_CanBeBegunAnew) {
    EXPECT_EQ(Begin(64 << 20), UsbStatus::kSuccess);
    const int name = Start(kDownloadOut, std::make_shared<Bytes>(64 << 20));
    while (AskFor<Status>(kGetStatus).received_bytes == 0) {
        std::this_thread::yield();
    }
    EXPECT_FALSE(HasEnded(name));
    session->Abort({kDownloadOut}, 0);
    EXPECT_EQ(Wait(name).status, UsbStatus::kAborted);
    EXPECT_EQ(Begin(10), UsbStatus::kSuccess);
    EXPECT_EQ(AskFor<Status>(kGetStatus).received_bytes, 0U);
}

}  // namespace
}  // namespace opendext::models
