// SPDX-License-Identifier: Apache-2.0
// A driver that uses USBDriverKit as public drivers do: semantics.md 3.4, 8.3, 8.4.
#include <algorithm>
#include <numeric>
#include <vector>

#include "tests/rig/private_folder.h"
#include "tests/rig/wait_until.h"
#include "tests/system/usb_pump/UsbPumpProtocol.h"
#include "tests/system/usb_test.h"

namespace opendext::rig {

namespace {

constexpr const char *kPumped =
    "model:usb-loopback,class=composite,speed=full,product=8,bcd=0x0250";
constexpr const char *kPumpedWithoutSize =
    "model:usb-loopback,class=composite,speed=full,product=9,bcd=0x0250";
constexpr const char *kOtherRelease = "model:usb-loopback,class=composite,product=8,bcd=0x0251";

/// What comes back from the device, one element for each read that has ended.
class Reads {
public:
    Reads(const LoopPort &port, const Connection &client) {
        uint64_t reference[kIOAsyncCalloutCount] = {};
        reference[kIOAsyncCalloutFuncIndex] = reinterpret_cast<uint64_t>(&OnRead);
        reference[kIOAsyncCalloutRefconIndex] = reinterpret_cast<uint64_t>(this);
        EXPECT_EQ(
            IOConnectCallAsyncScalarMethod(client.get(), kUsbPumpRead, port.mach_port(), reference,
                                           kIOAsyncCalloutCount, nullptr, 0, nullptr, nullptr),
            kIOReturnSuccess);
    }
    Reads(const Reads &) = delete;
    Reads &operator=(const Reads &) = delete;

    [[nodiscard]] bool WaitForCount(size_t count) const {
        return LoopPort::RunUntil([&] { return reads_.size() >= count; });
    }
    [[nodiscard]] const std::vector<std::vector<uint8_t>> &all() const { return reads_; }

private:
    static void OnRead(void *self, IOReturn result, void **words, uint32_t num_words) {
        EXPECT_EQ(result, kIOReturnSuccess);
        const auto num_bytes = reinterpret_cast<uintptr_t>(words[0]);
        EXPECT_EQ(num_words, std::max<size_t>(kUsbPumpLeastWords, 1 + (num_bytes + 7) / 8));
        const auto *const first = reinterpret_cast<const uint8_t *>(words + 1);
        static_cast<Reads *>(self)->reads_.emplace_back(first, first + num_bytes);
    }

    std::vector<std::vector<uint8_t>> reads_;
};

class UsbPumpTest : public DriverTest {
protected:
    void StartPump(const char *device) {
        Start({.dexts = {BuiltDext("usb_pump")}, .devices = {device}});
    }
    kern_return_t Write(const Connection &client, const std::vector<uint8_t> &bytes) {
        return IOConnectCallStructMethod(client.get(), kUsbPumpWrite, bytes.data(), bytes.size(),
                                         nullptr, nullptr);
    }
};

std::vector<uint8_t> Counting(size_t num_bytes) {
    std::vector<uint8_t> bytes(num_bytes);
    std::iota(bytes.begin(), bytes.end(), uint8_t{1});
    return bytes;
}

TEST_P(UsbPumpTest, WhatTheApplicationWrites_ComesBackByItsReads) {
    StartPump(kPumped);
    LoopPort port;
    const Connection client = Open(WaitForService("UsbPump"));
    const Reads reads(port, client);
    const std::vector<uint8_t> sent = Counting(3 * kUsbPumpChunkBytes + 8);
    std::vector<uint8_t> received;
    for (size_t round = 1; round <= 5; ++round) {
        EXPECT_EQ(Write(client, sent), kIOReturnSuccess);
        ASSERT_TRUE(reads.WaitForCount(4 * round));
    }
    for (const auto &read : reads.all()) {
        received.insert(received.end(), read.begin(), read.end());
    }
    for (size_t round = 0; round < 5; ++round) {
        EXPECT_TRUE(std::equal(sent.begin(), sent.end(), received.begin() + round * sent.size()));
    }
    EXPECT_TRUE(log().WaitFor("UsbPump: 5 endpoints")) << "asked for one by one";
}

TEST_P(UsbPumpTest, EmptyTransfer_EndsWhatFillsItsLastPacket) {
    StartPump(kPumped);
    LoopPort port;
    const Connection client = Open(WaitForService("UsbPump"));
    const Reads reads(port, client);
    EXPECT_EQ(Write(client, Counting(kUsbPumpChunkBytes)), kIOReturnSuccess);
    ASSERT_TRUE(reads.WaitForCount(2));
    EXPECT_EQ(reads.all()[0], Counting(kUsbPumpChunkBytes));
    EXPECT_TRUE(reads.all()[1].empty());
}

TEST_P(UsbPumpTest, ApplicationThatGoesInARead_LeavesTheDriverToTheNext) {
    StartPump(kPumped);
    for (int round = 0; round < 3; ++round) {
        LoopPort port;
        const Connection client = Open(WaitForService("UsbPump"));
        const Reads reads(port, client);
        EXPECT_EQ(Write(client, Counting(5)), kIOReturnSuccess);
        ASSERT_TRUE(reads.WaitForCount(1));
        EXPECT_EQ(reads.all()[0], Counting(5));
    }
}

TEST_P(UsbPumpTest, WhatASignedDriverOnAMacWouldNotGet_IsWarnedOf) {
    StartPump(kPumped);
    EXPECT_TRUE(WaitForService("UsbPump"));
    EXPECT_TRUE(log().WaitFor("transport.usb is <true/> in the driver's entitlements"));
    if (GetParam() == RigVariant::kTwoProcess) {  // else it may have been said to another test
        EXPECT_TRUE(log().WaitFor("a buffer with kIOMemoryDirectionOut is read-only"));
    }
}

TEST_P(UsbPumpTest, BufferOfNoBytes_FailsStartWithTheReason) {
    StartPump(kPumpedWithoutSize);
    EXPECT_TRUE(log().WaitFor("CreateIOBuffer: refused with kIOReturnNoMemory: a buffer of 0"));
    EXPECT_TRUE(log().WaitFor("Start of 'UsbPump' failed with kIOReturnNoMemory (0xe00002bd)"));
    EXPECT_FALSE(log().Contains(kUsbPumpStops));
    EXPECT_TRUE(FindServices("UsbPump").empty());
}

TEST_P(UsbPumpTest, OtherRelease_IsNotDriven) {
    StartPump(kOtherRelease);
    EXPECT_TRUE(FindServices("UsbPump").empty());
    if (GetParam() == RigVariant::kTwoProcess) {
        const std::string readiness = static_cast<TwoProcessRig &>(*rig_).readiness();
        EXPECT_TRUE(
            readiness.contains("bcdDevice wants 0x250, interface 0 of 'USB loopback' has 0x251"))
            << readiness;
    }
}

OPENDEXT_BOTH_VARIANTS(UsbPumpTest);

}  // namespace

}  // namespace opendext::rig
