// SPDX-License-Identifier: Apache-2.0
// LibusbWire on the emulated media device (MTP) of the virtual machine. Runs there, as root.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <gtest/gtest.h>

#include "tests/hardware/wire_rig.h"

namespace opendext::hardware {
namespace {

using backends::UsbAttachment;
using backends::UsbEndpoint;
using backends::UsbEndpointAddress;
using backends::UsbInterfaceSetting;
using backends::UsbOutcome;
using backends::UsbStatus;
using backends::UsbTransferType;

/// What each container of MTP begins with, little-endian.
struct ContainerHead {
    uint32_t num_bytes;
    uint16_t type;
    uint16_t code;
    uint32_t transaction;
};
static_assert(sizeof(ContainerHead) == 12);

constexpr uint16_t kCommandType = 1;
constexpr uint16_t kDataType = 2;
constexpr uint16_t kResponseType = 3;
constexpr uint16_t kGetDeviceInfo = 0x1001;
constexpr uint16_t kGetStorageIds = 0x1004;
constexpr uint16_t kOk = 0x2001;
constexpr uint16_t kSessionNotOpen = 0x2003;

class MtpTest : public testing::Test {
protected:
    static constexpr uint64_t kMostBytes = 4096;

    void SetUp() override {
        ASSERT_EQ(rig_.error(), "");
        const std::optional<UsbAttachment> attachment = rig_.WaitForDevice();
        ASSERT_TRUE(attachment.has_value());
        const UsbInterfaceSetting &setting =
            attachment->descriptors.configurations.front().settings.front();
        for (const UsbEndpoint &endpoint : setting.endpoints) {
            if (endpoint.type == UsbTransferType::kBulk) {
                (endpoint.address.is_in() ? in_ : out_) = endpoint.address;
            }
        }
        ASSERT_TRUE(rig_.wire().Claim(setting.number).has_value());
    }

    void SendCommand(uint16_t code) {
        const ContainerHead head = {.num_bytes = sizeof(head),
                                    .type = kCommandType,
                                    .code = code,
                                    .transaction = ++transaction_};
        const auto request = std::make_shared<Request>(UsbTransferType::kBulk, out_, sizeof(head));
        std::memcpy(request->memory.data(), &head, sizeof(head));
        EXPECT_EQ(rig_.Finish(*rig_.Start(request)).status, UsbStatus::kSuccess);
    }

    /// The next container that the device sends, with its head.
    struct Container {
        ContainerHead head{};
        std::vector<std::byte> payload;
    };
    Container Receive() {
        const auto request =
            rig_.Start(std::make_shared<Request>(UsbTransferType::kBulk, in_, kMostBytes));
        const UsbOutcome outcome = rig_.Finish(*request);
        EXPECT_EQ(outcome.status, UsbStatus::kSuccess);
        Container container;
        if (outcome.num_bytes < sizeof(ContainerHead)) {
            ADD_FAILURE() << outcome.num_bytes << " bytes are no container";
            return container;
        }
        std::memcpy(&container.head, request->memory.data(), sizeof(ContainerHead));
        container.payload.assign(request->memory.begin() + sizeof(ContainerHead),
                                 request->memory.begin() + static_cast<int64_t>(outcome.num_bytes));
        EXPECT_EQ(container.head.num_bytes, outcome.num_bytes);
        EXPECT_EQ(container.head.transaction, transaction_);
        return container;
    }

    WireRig rig_{"libusb:46f4:0004"};
    UsbEndpointAddress in_{};
    UsbEndpointAddress out_{};
    uint32_t transaction_ = 0;
};

TEST_F(MtpTest, DeviceInfo_IsReadAndAnswered) {
    SendCommand(kGetDeviceInfo);
    const Container data = Receive();
    EXPECT_EQ(data.head.type, kDataType);
    EXPECT_EQ(data.head.code, kGetDeviceInfo);
    const std::array<char, 8> name = {'Q', 0, 'E', 0,
                                      'M', 0, 'U', 0};  // UTF-16, as all of its text
    const auto bytes = std::as_bytes(std::span(name));
    EXPECT_NE(std::ranges::search(data.payload, bytes).begin(), data.payload.end());
    const Container response = Receive();
    EXPECT_EQ(response.head.type, kResponseType);
    EXPECT_EQ(response.head.code, kOk);
}

TEST_F(MtpTest, CommandWithoutSession_IsRefusedByTheDevice) {
    SendCommand(kGetStorageIds);
    const Container response = Receive();
    EXPECT_EQ(response.head.type, kResponseType);
    EXPECT_EQ(response.head.code, kSessionNotOpen);
}

}  // namespace
}  // namespace opendext::hardware
