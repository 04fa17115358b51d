// SPDX-License-Identifier: Apache-2.0
// Drivers' objects on a device model: the whole way, from a driver's call to the device's callback.
#include <algorithm>
#include <atomic>
#include <cstring>
#include <deque>
#include <thread>

#include <DriverKit/IOBufferMemoryDescriptor.h>
#include <DriverKit/OSData.h>
#include <gtest/gtest.h>

#include "backends/emulated/model_usb_wire.h"
#include "backends/emulated/scripted_usb_model.h"
#include "families/usb/usb_rig.h"

namespace opendext::usb {
namespace {

using backends::ModelUsbWire;
using backends::ScriptedUsbModel;
using backends::UsbControlReply;
using backends::UsbDescription;
using backends::UsbDeviceBuilder;
using backends::UsbModelRequest;
using backends::UsbSetup;
using backends::UsbStatus;
using memory::Retained;

UsbDescription LoopbackDescription() {
    return UsbDeviceBuilder(0x1209, 0x0001, backends::UsbSpeed::kHigh)
        .Strings("OpenDext", "Loopback", "0001")
        .Configuration(1)
        .Interface(0, 0, 0xFF, 0, 0, "Loop")
        .Bulk(0x01)
        .Bulk(0x81)
        .Interface(0, 1, 0xFF, 0, 0)
        .Isochronous(0x82, 64, 1)
        .Interface(1, 0, 0xFF, 0, 0)
        .Interrupt(0x83, 8, 4)
        .Build()
        .value();
}

// What goes out at 0x01 comes back at 0x81, packet by packet. Vendor request 1 halts 0x81, 2 keeps four bytes, 3 gives
// them back. 0x82 and 0x83 give the number of the request in every byte.
class Loopback : public testing::Test {
protected:
    Loopback() : Loopback(std::make_unique<ScriptedUsbModel>(LoopbackDescription())) {}
    ~Loopback() override {
        const std::scoped_lock lock(model.mutex());
        model.on_request = {};
    }

    Retained<IOUSBHostPipe> CopyPipe(uint8_t address) {
        IOUSBHostPipe *pipe = nullptr;
        EXPECT_EQ(interface->CopyPipe(address, &pipe), kIOReturnSuccess);
        return Retained<IOUSBHostPipe>(pipe);
    }
    CompletionLog &log() { return rig.driver->ivars->log; }
    Retained<OSAction> NewAction() {
        OSAction *made = nullptr;
        EXPECT_EQ(rig.driver->CreateActionIOCompleted(0, &made), kIOReturnSuccess);
        return Retained<OSAction>(made);
    }

    ScriptedUsbModel &model;
    UsbRig rig;
    Retained<IOUSBHostDevice> device;
    Retained<IOUSBHostInterface> interface;

private:
    explicit Loopback(std::unique_ptr<ScriptedUsbModel> made)
        : model(*made),
          rig(ModelUsbWire::Create(std::move(made)).value()),
          device(rig.NewDevice()) {
        model.on_request = [this](const UsbModelRequest &request) { OnRequest(request); };
        model.on_control = [this](const UsbSetup &setup, std::span<std::byte> data) {
            return OnControl(setup, data);
        };
        EXPECT_EQ(device->Open(rig.driver.get(), 0, 0), kIOReturnSuccess);
        EXPECT_EQ(device->SetConfiguration(1, true), kIOReturnSuccess);
        interface = rig.NewInterface(0);
        EXPECT_EQ(interface->Open(rig.driver.get(), 0, nullptr), kIOReturnSuccess);
    }

    void OnRequest(const UsbModelRequest &request) {
        if (request.endpoint.value == 0x01) {
            std::vector<std::byte> packet;
            for (const std::span<std::byte> piece : request.pieces) {
                packet.insert(packet.end(), piece.begin(), piece.end());
            }
            packets.push_back(std::move(packet));
            model.port().Complete(request.id, UsbStatus::kSuccess, request.num_bytes);
        } else if (request.endpoint.value == 0x81 && !packets.empty()) {
            const std::vector<std::byte> packet = std::move(packets.front());
            packets.pop_front();
            size_t done = 0;
            for (const std::span<std::byte> piece : request.pieces) {
                const size_t here = std::min(piece.size(), packet.size() - done);
                std::ranges::copy(std::span(packet).subspan(done, here), piece.begin());
                done += here;
            }
            model.port().Complete(request.id, UsbStatus::kSuccess, packet.size());
        } else if (request.endpoint.value == 0x82 || request.endpoint.value == 0x83) {
            for (const std::span<std::byte> piece : request.pieces) {
                std::ranges::fill(piece, static_cast<std::byte>(num_samples));
            }
            ++num_samples;
            model.port().Complete(request.id, UsbStatus::kSuccess, request.num_bytes);
        }
    }
    UsbControlReply OnControl(const UsbSetup &setup, std::span<std::byte> data) {
        switch (setup.request) {
            case 1:
                model.port().Halt({0x81});
                return UsbControlReply::Success();
            case 2:
                std::ranges::copy(data.first(std::min(sizeof(kept), data.size())), kept);
                return UsbControlReply::Success();
            case 3:
                std::ranges::copy(std::span(kept).first(std::min(sizeof(kept), data.size())),
                                  data.begin());
                return UsbControlReply::Success(std::min(sizeof(kept), data.size()));
            default:
                return UsbControlReply::Stall();
        }
    }

    std::deque<std::vector<std::byte>> packets;
    uint8_t num_samples = 0;
    std::byte kept[4] = {};
};

TEST_F(Loopback, BytesComeBackThroughTheDevice) {
    const auto out = CopyPipe(0x01);
    const auto in = CopyPipe(0x81);
    const TestBuffer sent(100'000, kIOMemoryDirectionOut);
    const TestBuffer received(100'000, kIOMemoryDirectionIn);
    for (size_t i = 0; i < sent.bytes.size(); ++i) {
        sent.bytes[i] = static_cast<std::byte>(i * 31);
    }
    uint32_t moved = 0;
    ASSERT_EQ(out->IO(sent.memory.get(), 100'000, &moved, 1000), kIOReturnSuccess);
    EXPECT_EQ(moved, 100'000U);
    ASSERT_EQ(in->IO(received.memory.get(), 100'000, &moved, 1000), kIOReturnSuccess);
    EXPECT_EQ(moved, 100'000U);
    EXPECT_TRUE(std::ranges::equal(sent.bytes, received.bytes));
}

// The mission: firmware comes as OSData, fills a buffer of either kind, and the device gets its bytes.
TEST_F(Loopback, FirmwareOfAnOSData_ReachesTheDevice) {
    std::vector<uint8_t> bytes(10'000);
    for (size_t i = 0; i < bytes.size(); ++i) {
        bytes[i] = static_cast<uint8_t>(i * 7);
    }
    const Retained<OSData> firmware(OSData::withBytes(bytes.data(), bytes.size()));
    const auto out = CopyPipe(0x01);
    const auto in = CopyPipe(0x81);
    IOBufferMemoryDescriptor *buffers[2] = {};
    ASSERT_EQ(interface->CreateIOBuffer(kIOMemoryDirectionInOut, bytes.size(), &buffers[0]),
              kIOReturnSuccess);
    ASSERT_EQ(
        IOBufferMemoryDescriptor::Create(kIOMemoryDirectionInOut, bytes.size(), 0, &buffers[1]),
        kIOReturnSuccess);
    for (IOBufferMemoryDescriptor *made : buffers) {
        const Retained<IOBufferMemoryDescriptor> buffer(made);
        IOAddressSegment range{};
        ASSERT_EQ(buffer->GetAddressRange(&range), kIOReturnSuccess);
        auto *const begin = reinterpret_cast<void *>(range.address);
        std::memcpy(begin, firmware->getBytesNoCopy(), firmware->getLength());
        uint32_t moved = 0;
        ASSERT_EQ(out->IO(buffer.get(), 10'000, &moved, 1000), kIOReturnSuccess);
        EXPECT_EQ(moved, 10'000U);
        std::memset(begin, 0, firmware->getLength());
        ASSERT_EQ(in->IO(buffer.get(), 10'000, &moved, 1000), kIOReturnSuccess);
        EXPECT_EQ(std::memcmp(begin, firmware->getBytesNoCopy(), firmware->getLength()), 0);
    }
}

TEST_F(Loopback, LessThanAskedFor_IsAShortPacket) {
    const auto out = CopyPipe(0x01);
    const auto in = CopyPipe(0x81);
    const TestBuffer buffer(1024);
    uint32_t moved = 0;
    ASSERT_EQ(out->IO(buffer.memory.get(), 100, nullptr, 0), kIOReturnSuccess);
    EXPECT_EQ(in->IO(buffer.memory.get(), 1024, &moved, 0), kIOReturnSuccess);
    EXPECT_EQ(moved, 100U);
    ASSERT_EQ(out->IO(nullptr, 0, nullptr, 0), kIOReturnSuccess);
    EXPECT_EQ(in->IO(buffer.memory.get(), 1024, &moved, 0), kIOReturnSuccess);
    EXPECT_EQ(moved, 0U);
    ASSERT_EQ(out->IO(buffer.memory.get(), 100, nullptr, 0), kIOReturnSuccess);
    EXPECT_EQ(in->IO(buffer.memory.get(), 99, &moved, 0), kIOReturnOverrun);
    EXPECT_EQ(moved, 99U);
}

TEST_F(Loopback, VendorRequests_ReachTheDevice) {
    const TestBuffer buffer(4);
    std::memcpy(buffer.bytes.data(), "abcd", 4);
    uint16_t moved = 0;
    ASSERT_EQ(device->DeviceRequest(rig.driver.get(), 0x40, 2, 0, 0, 4, buffer.memory.get(), &moved,
                                    1000),
              kIOReturnSuccess);
    EXPECT_EQ(moved, 4);
    std::memset(buffer.bytes.data(), 0, 4);
    ASSERT_EQ(interface->DeviceRequest(0xC0, 3, 0, 0, 4, buffer.memory.get(), &moved, 1000),
              kIOReturnSuccess);
    EXPECT_EQ(std::memcmp(buffer.bytes.data(), "abcd", 4), 0);
    EXPECT_EQ(interface->DeviceRequest(0x40, 99, 0, 0, 0, nullptr, nullptr, 1000),
              kUSBHostReturnPipeStalled);
    EXPECT_EQ(interface->DeviceRequest(0x40, 2, 0, 0, 0, nullptr, nullptr, 1000), kIOReturnSuccess);
}

TEST_F(Loopback, Strings_AreTheDevices) {
    const IOUSBDeviceDescriptor *descriptor = device->CopyDeviceDescriptor();
    ASSERT_NE(descriptor, nullptr);
    const IOUSBStringDescriptor *product = device->CopyStringDescriptor(descriptor->iProduct);
    ASSERT_NE(product, nullptr);
    EXPECT_EQ(product->bLength, 2 + 2 * std::strlen("Loopback"));
    EXPECT_EQ(product->bString[0], 'L');
    IOUSBHostFreeDescriptor(product);
    IOUSBHostFreeDescriptor(descriptor);
    EXPECT_EQ(device->CopyStringDescriptor(200), nullptr);
}

TEST_F(Loopback, HaltedEndpoint_StallsUntilItIsCleared) {
    const auto out = CopyPipe(0x01);
    const auto in = CopyPipe(0x81);
    const TestBuffer buffer(64);
    const auto action = NewAction();
    ASSERT_EQ(in->AsyncIO(buffer.memory.get(), 64, action.get(), 0), kIOReturnSuccess);
    ASSERT_EQ(interface->DeviceRequest(0x40, 1, 0, 0, 0, nullptr, nullptr, 0), kIOReturnSuccess);
    EXPECT_EQ(log().WaitFor(1)[0].status, kUSBHostReturnPipeStalled);
    EXPECT_EQ(in->IO(buffer.memory.get(), 64, nullptr, 0), kUSBHostReturnPipeStalled);
    ASSERT_EQ(in->ClearStall(true), kIOReturnSuccess);
    ASSERT_EQ(out->IO(buffer.memory.get(), 8, nullptr, 0), kIOReturnSuccess);
    EXPECT_EQ(in->IO(buffer.memory.get(), 64, nullptr, 0), kIOReturnSuccess);
}

TEST_F(Loopback, DeviceThatHangs_TimesOut) {
    const auto in = CopyPipe(0x81);
    const TestBuffer buffer(64);
    EXPECT_EQ(in->IO(buffer.memory.get(), 64, nullptr, 1), kIOReturnTimeout);
}

TEST_F(Loopback, Unplug_EndsWhatIsOutstandingAndWaits) {
    const auto in = CopyPipe(0x81);
    const TestBuffer buffer(64);
    const auto action = NewAction();
    for (int i = 0; i < 100; ++i) {
        ASSERT_EQ(in->AsyncIO(buffer.memory.get(), 64, action.get(), 0), kIOReturnSuccess);
    }
    std::thread unplug([&] { model.port().Detach(); });
    EXPECT_NE(in->IO(buffer.memory.get(), 64, nullptr, 0), kIOReturnSuccess);
    unplug.join();
    rig.listener.WaitFor(3);  // attached, configured, detached
    for (const auto &ended : log().WaitFor(100)) {
        EXPECT_EQ(ended.status, kIOReturnAborted);
    }
    EXPECT_EQ(in->IO(buffer.memory.get(), 64, nullptr, 0), kIOReturnNoDevice);
    EXPECT_EQ(interface->SelectAlternateSetting(0), kIOReturnNoDevice);
    EXPECT_EQ(rig.driver->Stop(interface.get()), kIOReturnSuccess);
}

TEST_F(Loopback, DeviceThatComesBackAsAnother_IsGoneForItsDriver) {
    const auto in = CopyPipe(0x81);
    const TestBuffer buffer(64);
    const auto action = NewAction();
    ASSERT_EQ(in->AsyncIO(buffer.memory.get(), 64, action.get(), 0), kIOReturnSuccess);
    const auto before = rig.listener.latest().id;
    model.port().Reattach(UsbDeviceBuilder(0x1209, 0x0002, backends::UsbSpeed::kHigh)
                              .Configuration(1)
                              .Interface(0, 0, 0xFF, 0, 0)
                              .Build()
                              .value());
    EXPECT_EQ(log().WaitFor(1)[0].status, kIOReturnAborted);
    EXPECT_EQ(device->DeviceRequest(rig.driver.get(), 0x40, 2, 0, 0, 0, nullptr, nullptr, 0),
              kIOReturnNoDevice);
    // attached, configured, detached, attached
    rig.listener.WaitFor(4);
    EXPECT_NE(rig.listener.latest().id, before);
    const auto second = rig.NewDevice();
    const IOUSBDeviceDescriptor *descriptor = second->CopyDeviceDescriptor();
    ASSERT_NE(descriptor, nullptr);
    EXPECT_EQ(descriptor->idProduct, 2);
    IOUSBHostFreeDescriptor(descriptor);
}

TEST_F(Loopback, AnotherSetting_HasEndpointsOfItsOwn) {
    ASSERT_EQ(interface->SelectAlternateSetting(1), kIOReturnSuccess);
    EXPECT_NE(model.TakeHeard().find("setting 0.1"), std::string::npos);
    const auto frames = CopyPipe(0x82);
    IOUSBHostPipe *none = nullptr;
    EXPECT_EQ(interface->CopyPipe(0x81, &none), kIOReturnError);
    const TestBuffer data(64);
    const TestBuffer list(sizeof(IOUSBIsochronousFrame));
    reinterpret_cast<IOUSBIsochronousFrame *>(list.bytes.data())->requestCount = 64;
    uint64_t now = 0;
    ASSERT_EQ(interface->GetFrameNumber(&now, nullptr), kIOReturnSuccess);
    EXPECT_EQ(frames->IsochIO(data.memory.get(), list.memory.get(), now - 1, nullptr),
              kIOReturnIsoTooOld);
    EXPECT_EQ(frames->IsochIO(data.memory.get(), list.memory.get(), now + 1'000'000, nullptr),
              kIOReturnIsoTooNew);
}

TEST_F(Loopback, Frames_ComeInTheirOrder) {
    constexpr size_t kNumFrames = 16;
    ASSERT_EQ(interface->SelectAlternateSetting(1), kIOReturnSuccess);
    const auto pipe = CopyPipe(0x82);
    const TestBuffer data(kNumFrames * 64);
    const TestBuffer list(kNumFrames * sizeof(IOUSBIsochronousFrame));
    auto *const frames = reinterpret_cast<IOUSBIsochronousFrame *>(list.bytes.data());
    for (size_t i = 0; i < kNumFrames; ++i) {
        frames[i].requestCount = 64;
    }
    ASSERT_EQ(pipe->IsochIO(data.memory.get(), list.memory.get(), 0, nullptr), kIOReturnSuccess);
    for (size_t i = 0; i < kNumFrames; ++i) {
        EXPECT_EQ(frames[i].status, kIOReturnSuccess);
        EXPECT_EQ(frames[i].completeCount, 64U);
        EXPECT_EQ(data.bytes[i * 64], static_cast<std::byte>(i));
        EXPECT_TRUE(i == 0 || frames[i].timeStamp >= frames[i - 1].timeStamp);
    }
}

TEST_F(Loopback, InterruptPipe_HasNoTimeout) {
    const auto second = rig.NewInterface(1);
    ASSERT_EQ(second->Open(rig.driver.get(), 0, nullptr), kIOReturnSuccess);
    IOUSBHostPipe *made = nullptr;
    ASSERT_EQ(second->CopyPipe(0x83, &made), kIOReturnSuccess);
    const Retained<IOUSBHostPipe> interrupts(made);
    const TestBuffer buffer(8);
    uint32_t moved = 0;
    EXPECT_EQ(interrupts->IO(buffer.memory.get(), 8, &moved, 0), kIOReturnSuccess);
    EXPECT_EQ(moved, 8U);
    EXPECT_EQ(interrupts->IO(buffer.memory.get(), 8, &moved, 1), kIOReturnBadArgument);
}

TEST_F(Loopback, ManyThreadsOnTwoPipes_LoseNothing) {
    constexpr uint32_t kNumThreads = 3;
    constexpr uint32_t kRounds = 300;
    const auto out = CopyPipe(0x01);
    const auto in = CopyPipe(0x81);
    const TestBuffer buffer(64);
    const auto action = NewAction();
    std::vector<std::thread> threads;
    for (uint32_t i = 0; i < kNumThreads; ++i) {
        threads.emplace_back([&] {
            for (uint32_t round = 0; round < kRounds; ++round) {
                EXPECT_EQ(out->IO(buffer.memory.get(), 64, nullptr, 0), kIOReturnSuccess);
                EXPECT_EQ(in->AsyncIO(buffer.memory.get(), 64, action.get(), 0), kIOReturnSuccess);
            }
        });
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
    for (const auto &ended : log().WaitFor(size_t{kNumThreads} * kRounds)) {
        EXPECT_EQ(ended.status, kIOReturnSuccess);
    }
}

TEST_F(Loopback, CloseAmidRequests_EndsEachOnce) {
    const TestBuffer buffer(64);
    const auto action = NewAction();
    size_t num_started = 0;
    const auto submit = [&](IOUSBHostPipe &in) {
        for (int i = 0; i < 50; ++i) {
            num_started +=
                in.AsyncIO(buffer.memory.get(), 64, action.get(), 0) == kIOReturnSuccess ? 1 : 0;
        }
    };
    for (int round = 0; round < 20; ++round) {
        const auto in = CopyPipe(0x81);
        std::thread submitter([&] { submit(*in); });
        ASSERT_EQ(interface->Close(rig.driver.get(), 0), kIOReturnSuccess);
        submitter.join();
        ASSERT_EQ(interface->Open(rig.driver.get(), 0, nullptr), kIOReturnSuccess);
    }
    for (const auto &ended : log().WaitFor(num_started)) {
        EXPECT_EQ(ended.status, kIOReturnAborted);
    }
    EXPECT_EQ(log().size(), num_started);
}

}  // namespace
}  // namespace opendext::usb
