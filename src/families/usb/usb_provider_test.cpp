// SPDX-License-Identifier: Apache-2.0
// IOUSBHostDevice and IOUSBHostInterface: sessions, settings, configurations, neighbours, control requests.
#include <atomic>
#include <cstring>
#include <thread>

#include <gtest/gtest.h>

#include "families/usb/usb_rig.h"
#include "runtime/object/object_internals.h"

namespace opendext::usb {
namespace {

using backends::ScriptedUsbWire;
using backends::UsbStatus;
using backends::UsbTransfer;
using memory::Retained;

class Providers : public testing::Test {
protected:
    explicit Providers(ScriptedUsbWire::StartFunction start = &ScriptedUsbWire::AnswerNow)
        : rig(std::move(start)), device(rig.NewDevice()), interface(rig.NewInterface(0)) {}

    CompletionLog &log() { return rig.driver->ivars->log; }
    Retained<OSAction> NewRequestAction() {
        OSAction *made = nullptr;
        EXPECT_EQ(rig.driver->CreateActionRequestCompleted(0, &made), kIOReturnSuccess);
        return Retained<OSAction>(made);
    }

    ScriptedUsbRig rig;
    Retained<IOUSBHostDevice> device;
    Retained<IOUSBHostInterface> interface;
};

class HeldRequests : public Providers {
protected:
    HeldRequests() : Providers(ScriptedUsbWire::StartFunction()) {}
};

TEST_F(Providers, Open_IsExclusive) {
    const auto other = rig.NewDriver();
    ASSERT_EQ(interface->Open(rig.driver.get(), 0, nullptr), kIOReturnSuccess);
    EXPECT_EQ(interface->Open(other.get(), 0, nullptr), kIOReturnExclusiveAccess);
    EXPECT_EQ(interface->Open(rig.driver.get(), 0, nullptr), kIOReturnExclusiveAccess);
    EXPECT_EQ(rig.NewInterface(0)->Open(other.get(), 0, nullptr), kIOReturnExclusiveAccess);
    EXPECT_EQ(rig.NewInterface(1)->Open(other.get(), 0, nullptr), kIOReturnSuccess);
    ASSERT_EQ(device->Open(rig.driver.get(), 0, 0), kIOReturnSuccess);
    EXPECT_EQ(device->Open(other.get(), 0, 0), kIOReturnExclusiveAccess);
    EXPECT_EQ(rig.NewDevice()->Open(other.get(), 0, 0), kIOReturnExclusiveAccess);
    EXPECT_EQ(interface->Open(nullptr, 0, nullptr), kIOReturnBadArgument);
    EXPECT_EQ(device->Open(nullptr, 0, 0), kIOReturnBadArgument);
}

TEST_F(Providers, Close_LetsTheNextIn) {
    const auto other = rig.NewDriver();
    EXPECT_EQ(interface->Close(rig.driver.get(), 0), kIOReturnNotOpen);
    ASSERT_EQ(interface->Open(rig.driver.get(), 0, nullptr), kIOReturnSuccess);
    EXPECT_EQ(interface->Close(other.get(), 0), kIOReturnNotOpen);
    EXPECT_EQ(interface->Close(rig.driver.get(), 0), kIOReturnSuccess);
    EXPECT_EQ(interface->Close(rig.driver.get(), 0), kIOReturnNotOpen);
    EXPECT_EQ(rig.NewInterface(0)->Open(other.get(), 0, nullptr), kIOReturnSuccess);
    ASSERT_EQ(device->Open(rig.driver.get(), 0, 0), kIOReturnSuccess);
    EXPECT_EQ(device->Close(other.get(), 0), kIOReturnNotOpen);
    EXPECT_EQ(device->Close(rig.driver.get(), 0), kIOReturnSuccess);
    EXPECT_EQ(device->Open(other.get(), 0, 0), kIOReturnSuccess);
}

TEST_F(Providers, DriverThatStopsWithoutClose_IsClosed) {
    ASSERT_EQ(interface->Open(rig.driver.get(), 0, nullptr), kIOReturnSuccess);
    ASSERT_EQ(rig.driver->Stop(interface.get()), kIOReturnSuccess);
    EXPECT_EQ(interface->Open(rig.driver.get(), 0, nullptr), kIOReturnBadArgument);
    const auto other = rig.NewDriver();
    EXPECT_EQ(interface->Open(other.get(), 0, nullptr), kIOReturnSuccess);
}

TEST_F(Providers, ObjectThatIsFreedOpen_EndsItsSession) {
    ASSERT_EQ(interface->Open(rig.driver.get(), 0, nullptr), kIOReturnSuccess);
    ASSERT_EQ(device->Open(rig.driver.get(), 0, 0), kIOReturnSuccess);
    EXPECT_EQ(object::ObjectInternals::References(rig.driver.get()), 3U);
    interface.reset();
    device.reset();
    EXPECT_EQ(object::ObjectInternals::References(rig.driver.get()), 1U);
    EXPECT_EQ(rig.NewInterface(0)->Open(rig.driver.get(), 0, nullptr), kIOReturnSuccess);
}

TEST_F(Providers, CopyPipe_GivesOneObjectForAnEndpoint) {
    IOUSBHostPipe *pipe = nullptr;
    EXPECT_EQ(interface->CopyPipe(0x81, &pipe), kIOReturnNotOpen);
    ASSERT_EQ(interface->Open(rig.driver.get(), 0, nullptr), kIOReturnSuccess);
    ASSERT_EQ(interface->CopyPipe(0x81, &pipe), kIOReturnSuccess);
    IOUSBHostPipe *again = nullptr;
    ASSERT_EQ(interface->CopyPipe(0x81, &again), kIOReturnSuccess);
    EXPECT_EQ(pipe, again);
    pipe->release();
    again->release();
    EXPECT_EQ(interface->CopyPipe(0x82, &pipe), kIOReturnError);
    EXPECT_EQ(pipe, nullptr);
    EXPECT_EQ(interface->CopyPipe(0, &pipe), kIOReturnError);
    EXPECT_EQ(interface->CopyPipe(0x83, &pipe), kIOReturnError);
}

TEST_F(HeldRequests, AnotherSetting_EndsPipesAndRequests) {
    ASSERT_EQ(interface->Open(rig.driver.get(), 0, nullptr), kIOReturnSuccess);
    IOUSBHostPipe *pipe = nullptr;
    ASSERT_EQ(interface->CopyPipe(0x81, &pipe), kIOReturnSuccess);
    const TestBuffer buffer(8);
    OSAction *action = nullptr;
    ASSERT_EQ(rig.driver->CreateActionIOCompleted(0, &action), kIOReturnSuccess);
    ASSERT_EQ(pipe->AsyncIO(buffer.memory.get(), 8, action, 0), kIOReturnSuccess);
    EXPECT_EQ(interface->SelectAlternateSetting(9), kIOReturnNotFound);
    EXPECT_EQ(rig.wire->Outstanding().size(), 1U);
    ASSERT_EQ(interface->SelectAlternateSetting(1), kIOReturnSuccess);
    EXPECT_EQ(log().WaitFor(1)[0].status, kIOReturnAborted);
    EXPECT_EQ(pipe->AsyncIO(buffer.memory.get(), 8, action, 0), kIOReturnNotOpen);
    pipe->release();
    EXPECT_EQ(interface->CopyPipe(0x81, &pipe), kIOReturnError);
    ASSERT_EQ(interface->CopyPipe(0x83, &pipe), kIOReturnSuccess);
    pipe->release();
    action->release();
    const IOUSBConfigurationDescriptor *configuration = interface->CopyConfigurationDescriptor();
    const IOUSBInterfaceDescriptor *descriptor = interface->GetInterfaceDescriptor(configuration);
    ASSERT_NE(descriptor, nullptr);
    EXPECT_EQ(descriptor->bAlternateSetting, 1);
    IOUSBHostFreeDescriptor(configuration);
}

TEST_F(Providers, OpenWithASetting_SelectsIt) {
    constexpr IOOptionBits kSelects = 1 << 16;
    EXPECT_EQ(interface->SelectAlternateSetting(1), kIOReturnNotOpen);
    EXPECT_EQ(interface->Open(rig.driver.get(), kSelects, reinterpret_cast<uint8_t *>(7)),
              kIOReturnNotFound);
    ASSERT_EQ(interface->Open(rig.driver.get(), kSelects, reinterpret_cast<uint8_t *>(1)),
              kIOReturnSuccess);
    IOUSBHostPipe *pipe = nullptr;
    ASSERT_EQ(interface->CopyPipe(0x83, &pipe), kIOReturnSuccess);
    pipe->release();
}

TEST_F(Providers, DeviceThatRefusesASetting_IsAStall) {
    ASSERT_EQ(interface->Open(rig.driver.get(), 0, nullptr), kIOReturnSuccess);
    rig.wire->on_operation = [](const std::string &) -> backends::BackendResult<void> {
        return backends::Refuse(backends::BackendErrorCode::kUnsupported, "no");
    };
    EXPECT_EQ(interface->SelectAlternateSetting(1), kUSBHostReturnPipeStalled);
    EXPECT_EQ(device->SetConfiguration(2, true), kUSBHostReturnPipeStalled);
    EXPECT_EQ(device->Reset(), kIOReturnUnsupported);
}

TEST_F(HeldRequests, AnotherConfiguration_EndsInterfaces) {
    ASSERT_EQ(device->Open(rig.driver.get(), 0, 0), kIOReturnSuccess);
    ASSERT_EQ(interface->Open(rig.driver.get(), 0, nullptr), kIOReturnSuccess);
    IOUSBHostPipe *pipe = nullptr;
    ASSERT_EQ(interface->CopyPipe(0x81, &pipe), kIOReturnSuccess);
    const TestBuffer buffer(8);
    OSAction *action = nullptr;
    ASSERT_EQ(rig.driver->CreateActionIOCompleted(0, &action), kIOReturnSuccess);
    ASSERT_EQ(pipe->AsyncIO(buffer.memory.get(), 8, action, 0), kIOReturnSuccess);
    ASSERT_EQ(device->SetConfiguration(2, true), kIOReturnSuccess);
    EXPECT_EQ(log().WaitFor(1)[0].status, kIOReturnAborted);
    EXPECT_EQ(pipe->AsyncIO(buffer.memory.get(), 8, action, 0), kIOReturnNotOpen);
    EXPECT_EQ(pipe->IO(buffer.memory.get(), 8, nullptr, 0), kIOReturnNotOpen);
    pipe->release();
    action->release();
    EXPECT_EQ(interface->CopyPipe(0x81, &pipe), kIOReturnError);
    EXPECT_EQ(device->SetConfiguration(9, false), kIOReturnNotFound);
    EXPECT_TRUE(rig.listener.WaitFor(3).back().publishes);
}

TEST_F(Providers, SetConfigurationOfADeviceThatAnotherHasOpen_IsRefused) {
    const auto other = rig.NewDriver();
    ASSERT_EQ(rig.NewDevice()->Open(other.get(), 0, 0), kIOReturnSuccess);
    const auto holder = rig.NewDevice();
    ASSERT_EQ(holder->Open(other.get(), 0, 0), kIOReturnSuccess);
    EXPECT_EQ(device->SetConfiguration(2, true), kIOReturnExclusiveAccess);
}

TEST_F(Providers, DeviceRequest_CarriesItsSetupAndData) {
    ASSERT_EQ(device->Open(rig.driver.get(), 0, 0), kIOReturnSuccess);
    backends::UsbSetup setup;
    std::string sent;
    rig.wire->on_start = [&](ScriptedUsbWire &wire, UsbTransfer &transfer) {
        setup = transfer.setup;
        sent.assign(reinterpret_cast<const char *>(transfer.buffer[0].address), 3);
        wire.Finish(transfer);
    };
    const TestBuffer buffer(8, kIOMemoryDirectionOut);
    std::memcpy(buffer.bytes.data(), "abc", 3);
    uint16_t moved = 0;
    ASSERT_EQ(device->DeviceRequest(rig.driver.get(), 0x40, 0xA0, 0x1234, 7, 3, buffer.memory.get(),
                                    &moved, 100),
              kIOReturnSuccess);
    EXPECT_EQ(setup, (backends::UsbSetup{0x40, 0xA0, 0x1234, 7, 3}));
    EXPECT_EQ(sent, "abc");
    EXPECT_EQ(moved, 3);
}

TEST_F(Providers, RequestOfWhoHasItNotOpen_IsRefused) {
    const auto other = rig.NewDriver();
    EXPECT_EQ(device->DeviceRequest(rig.driver.get(), 0x40, 1, 0, 0, 0, nullptr, nullptr, 0),
              kIOReturnNotOpen);
    EXPECT_EQ(interface->DeviceRequest(0x40, 1, 0, 0, 0, nullptr, nullptr, 0), kIOReturnNotOpen);
    ASSERT_EQ(device->Open(rig.driver.get(), 0, 0), kIOReturnSuccess);
    EXPECT_EQ(device->DeviceRequest(other.get(), 0x40, 1, 0, 0, 0, nullptr, nullptr, 0),
              kIOReturnNotOpen);
    EXPECT_EQ(device->DeviceRequest(nullptr, 0x40, 1, 0, 0, 0, nullptr, nullptr, 0),
              kIOReturnBadArgument);
    EXPECT_EQ(device->AbortDeviceRequests(other.get(), 0, kIOReturnAborted), kIOReturnNotOpen);
    EXPECT_TRUE(rig.wire->Started().empty());
}

TEST_F(Providers, RequestThatDoesNotFitItsMemory_IsRefused) {
    ASSERT_EQ(interface->Open(rig.driver.get(), 0, nullptr), kIOReturnSuccess);
    const TestBuffer out(8, kIOMemoryDirectionOut);
    const auto action = NewRequestAction();
    EXPECT_EQ(interface->DeviceRequest(0x40, 1, 0, 0, 9, out.memory.get(), nullptr, 0),
              kIOReturnBadArgument);
    EXPECT_EQ(interface->DeviceRequest(0xC0, 1, 0, 0, 8, out.memory.get(), nullptr, 0),
              kIOReturnBadArgument);
    EXPECT_EQ(interface->DeviceRequest(0x40, 1, 0, 0, 1, nullptr, nullptr, 0),
              kIOReturnBadArgument);
    EXPECT_EQ(interface->AsyncDeviceRequest(0x40, 1, 0, 0, 9, out.memory.get(), action.get(), 0),
              kIOReturnBadArgument);
    EXPECT_EQ(interface->AsyncDeviceRequest(0x40, 1, 0, 0, 8, out.memory.get(), nullptr, 0),
              kIOReturnBadArgument);
    EXPECT_EQ(interface->DeviceRequest(0x40, 1, 0, 0, 8, out.memory.get(), nullptr, 0),
              kIOReturnSuccess);
    EXPECT_EQ(log().size(), 0U);
}

TEST_F(Providers, RequestThatTheSystemMakes_IsRefusedWithoutACompletion) {
    ASSERT_EQ(device->Open(rig.driver.get(), 0, 0), kIOReturnSuccess);
    const auto action = NewRequestAction();
    constexpr uint8_t kSetConfiguration = kIOUSBDeviceRequestSetConfiguration;
    EXPECT_EQ(device->AsyncDeviceRequest(rig.driver.get(), 0, kSetConfiguration, 2, 0, 0, nullptr,
                                         action.get(), 0),
              kIOReturnUnsupported);
    EXPECT_EQ(
        device->DeviceRequest(rig.driver.get(), 0, kSetConfiguration, 2, 0, 0, nullptr, nullptr, 0),
        kIOReturnUnsupported);
    EXPECT_EQ(log().size(), 0U);
}

TEST_F(HeldRequests, AsyncDeviceRequests_CompleteInOrder) {
    ASSERT_EQ(interface->Open(rig.driver.get(), 0, nullptr), kIOReturnSuccess);
    const TestBuffer buffer(64);
    const auto action = NewRequestAction();
    for (uint16_t length = 1; length <= 20; ++length) {
        ASSERT_EQ(interface->AsyncDeviceRequest(0xC0, 1, 0, 0, length, buffer.memory.get(),
                                                action.get(), 0),
                  kIOReturnSuccess);
    }
    while (log().size() < 20) {
        for (UsbTransfer *transfer : rig.wire->Outstanding()) {
            rig.wire->Finish(*transfer);
        }
    }
    const auto ended = log().WaitFor(20);
    for (uint32_t i = 0; i < 20; ++i) {
        EXPECT_EQ(ended[i].num_bytes, i + 1);
        EXPECT_EQ(ended[i].action, action.get());
    }
}

TEST_F(HeldRequests, AbortDeviceRequests_EndsThoseOfItsClientAlone) {
    ASSERT_EQ(device->Open(rig.driver.get(), 0, 0), kIOReturnSuccess);
    ASSERT_EQ(interface->Open(rig.driver.get(), 0, nullptr), kIOReturnSuccess);
    const auto action = NewRequestAction();
    ASSERT_EQ(
        device->AsyncDeviceRequest(rig.driver.get(), 0x40, 1, 0, 0, 0, nullptr, action.get(), 0),
        kIOReturnSuccess);
    ASSERT_EQ(interface->AsyncDeviceRequest(0x40, 2, 0, 0, 0, nullptr, action.get(), 0),
              kIOReturnSuccess);
    EXPECT_EQ(device->AbortDeviceRequests(rig.driver.get(), kIOUSBAbortSynchronous, kIOReturnBusy),
              kIOReturnSuccess);
    EXPECT_EQ(log().WaitFor(1)[0].status, kIOReturnBusy);
    EXPECT_EQ(interface->AbortDeviceRequests(kIOUSBAbortSynchronous, kIOReturnAborted),
              kIOReturnSuccess);
    EXPECT_EQ(log().WaitFor(2)[1].status, kIOReturnAborted);
}

TEST_F(HeldRequests, Close_AbortsDeviceRequests) {
    ASSERT_EQ(device->Open(rig.driver.get(), 0, 0), kIOReturnSuccess);
    ASSERT_EQ(interface->Open(rig.driver.get(), 0, nullptr), kIOReturnSuccess);
    const auto action = NewRequestAction();
    ASSERT_EQ(
        device->AsyncDeviceRequest(rig.driver.get(), 0x40, 1, 0, 0, 0, nullptr, action.get(), 0),
        kIOReturnSuccess);
    ASSERT_EQ(device->Close(rig.driver.get(), 0), kIOReturnSuccess);
    EXPECT_EQ(log().WaitFor(1)[0].status, kIOReturnAborted);
    ASSERT_EQ(interface->AsyncDeviceRequest(0x40, 2, 0, 0, 0, nullptr, action.get(), 0),
              kIOReturnSuccess);
    ASSERT_EQ(interface->Close(rig.driver.get(), 0), kIOReturnSuccess);
    EXPECT_EQ(log().WaitFor(2)[1].status, kIOReturnAborted);
    EXPECT_TRUE(rig.wire->Outstanding().empty());
}

TEST_F(HeldRequests, DeviceRequestToAHungDevice_TimesOut) {
    ASSERT_EQ(device->Open(rig.driver.get(), 0, 0), kIOReturnSuccess);
    EXPECT_EQ(device->DeviceRequest(rig.driver.get(), 0x40, 1, 0, 0, 0, nullptr, nullptr, 1),
              kIOReturnTimeout);
}

TEST_F(HeldRequests, DeviceRequestOfAnUnpluggedDevice_Ends) {
    ASSERT_EQ(device->Open(rig.driver.get(), 0, 0), kIOReturnSuccess);
    std::atomic<kern_return_t> result = kIOReturnSuccess;
    std::thread waiter([&] {
        result = device->DeviceRequest(rig.driver.get(), 0x40, 1, 0, 0, 0, nullptr, nullptr, 0);
    });
    rig.wire->WaitForStarts(1);
    rig.wire->Detach();
    for (UsbTransfer *transfer : rig.wire->Outstanding()) {
        rig.wire->Finish(*transfer, {.status = UsbStatus::kRemoved});
    }
    waiter.join();
    // Refused, when the device went while the request was being started.
    EXPECT_TRUE(result == kIOReturnAborted || result == kIOReturnNoDevice) << result;
    EXPECT_EQ(device->DeviceRequest(rig.driver.get(), 0x40, 1, 0, 0, 0, nullptr, nullptr, 0),
              kIOReturnNoDevice);
    EXPECT_EQ(device->CopyDeviceDescriptor(), nullptr);
    EXPECT_EQ(device->CopyStringDescriptor(1), nullptr);
    EXPECT_EQ(device->SetConfiguration(1, true), kIOReturnNoDevice);
    EXPECT_EQ(device->Reset(), kIOReturnNoDevice);
    EXPECT_EQ(rig.driver->Stop(device.get()), kIOReturnSuccess);
}

TEST_F(Providers, CreateIOBuffer_HasItsCapacityAsLength) {
    IOBufferMemoryDescriptor *buffer = nullptr;
    ASSERT_EQ(device->CreateIOBuffer(kIOMemoryDirectionIn, 1000, &buffer), kIOReturnSuccess);
    uint64_t length = 0;
    EXPECT_EQ(buffer->GetLength(&length), kIOReturnSuccess);
    EXPECT_EQ(length, 1000U);
    buffer->release();
    EXPECT_EQ(interface->CreateIOBuffer(kIOMemoryDirectionIn, 0, &buffer), kIOReturnNoMemory);
    EXPECT_EQ(interface->CreateIOBuffer(0x100, 8, &buffer), kIOReturnBadArgument);
}

TEST_F(Providers, InterfaceIterator_GivesEachInterfaceOnce) {
    uintptr_t walk = 0;
    ASSERT_EQ(device->CreateInterfaceIterator(&walk), kIOReturnSuccess);
    IOUSBHostInterface *first = nullptr;
    IOUSBHostInterface *second = nullptr;
    IOUSBHostInterface *end = nullptr;
    ASSERT_EQ(device->CopyInterface(walk, &first), kIOReturnSuccess);
    ASSERT_EQ(device->CopyInterface(walk, &second), kIOReturnSuccess);
    EXPECT_EQ(device->CopyInterface(walk, &end), kIOReturnSuccess);
    EXPECT_EQ(end, nullptr);
    EXPECT_EQ(first, interface.get());  // an entry is one object
    EXPECT_EQ(service::EntryOf(second), EntryId{11});
    EXPECT_EQ(second->Open(rig.driver.get(), 0, nullptr), kIOReturnSuccess);
    EXPECT_EQ(device->DestroyInterfaceIterator(walk), kIOReturnSuccess);
    EXPECT_EQ(device->DestroyInterfaceIterator(walk), kIOReturnBadArgument);
    EXPECT_EQ(device->CopyInterface(walk, &end), kIOReturnBadArgument);
    first->release();
    second->release();
}

TEST_F(Providers, CopyDevice_GivesTheInterfacesDevice) {
    IOUSBHostDevice *found = nullptr;
    ASSERT_EQ(interface->CopyDevice(&found), kIOReturnSuccess);
    EXPECT_EQ(found, device.get());
    found->release();
    device.reset();
    ASSERT_EQ(interface->CopyDevice(&found), kIOReturnSuccess);
    EXPECT_EQ(service::EntryOf(found), UsbRig::kDeviceEntry);
    const IOUSBDeviceDescriptor *descriptor = found->CopyDeviceDescriptor();
    ASSERT_NE(descriptor, nullptr);
    EXPECT_EQ(descriptor->idVendor, 0x1209);
    IOUSBHostFreeDescriptor(descriptor);
    found->release();
}

TEST_F(Providers, NeighboursThatManyThreadsAskFor_AreOneObject) {
    device.reset();
    std::vector<Retained<IOUSBHostDevice>> kept(4);
    const auto ask = [&](Retained<IOUSBHostDevice> &answer) {
        for (int round = 0; round < 50; ++round) {
            IOUSBHostDevice *found = nullptr;
            EXPECT_EQ(interface->CopyDevice(&found), kIOReturnSuccess);
            answer.reset(found);
        }
    };
    std::vector<std::thread> threads;
    for (Retained<IOUSBHostDevice> &answer : kept) {
        threads.emplace_back([&ask, &answer] { ask(answer); });
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
    for (const Retained<IOUSBHostDevice> &each : kept) {
        EXPECT_EQ(each, kept.front());
    }
}

TEST_F(Providers, FrameNumberPortAndSpeed_AreTheBuss) {
    uint64_t frame = 0;
    uint64_t time = 0;
    EXPECT_EQ(device->GetFrameNumber(&frame, &time), kIOReturnSuccess);
    EXPECT_EQ(frame, 77U);
    EXPECT_EQ(time, 5U);
    EXPECT_EQ(interface->GetFrameNumber(&frame, nullptr), kIOReturnSuccess);
    EXPECT_EQ(device->GetFrameNumber(nullptr, &time), kIOReturnBadArgument);
    uint32_t status = 0;
    EXPECT_EQ(interface->GetPortStatus(&status), kIOReturnSuccess);
    EXPECT_EQ(status & kIOUSBHostPortStatusConnectedSpeedMask,
              kIOUSBHostPortStatusConnectedSpeedSuper);
    EXPECT_NE(status & kIOUSBHostPortStatusEnabled, 0U);
    uint8_t speed = 0;
    uint8_t address = 0;
    EXPECT_EQ(device->GetSpeed(&speed), kIOReturnSuccess);
    EXPECT_EQ(speed, kIOUSBHostConnectionSpeedSuper);
    EXPECT_EQ(device->GetAddress(&address), kIOReturnSuccess);
    EXPECT_EQ(address, 3);
    EXPECT_EQ(device->GetAddress(nullptr), kIOReturnBadArgument);
}

TEST_F(Providers, Reset_ReachesThePort) {
    ASSERT_EQ(device->Open(rig.driver.get(), 0, 0), kIOReturnSuccess);
    (void)rig.wire->TakeLog();
    EXPECT_EQ(device->Reset(), kIOReturnSuccess);
    EXPECT_EQ(rig.wire->TakeLog().front(), "reset");
}

TEST(ProviderFactory, MakesItsOwnClassesAlone) {
    EXPECT_EQ(MakeProvider("IOPCIDevice"), nullptr);
    const Retained<IOService> made(MakeProvider("IOUSBHostInterface"));
    ASSERT_NE(OSDynamicCast(IOUSBHostInterface, made.get()), nullptr);
    ASSERT_TRUE(made->init());
    ScriptedUsbRig rig;
    EXPECT_FALSE(GiveDevice(made.get(), rig.port->Open(rig.listener.latest().id).value(), "x"));
    EXPECT_FALSE(GiveDevice(made.get(), rig.port->Open(rig.listener.latest().id).value(), "256"));
    EXPECT_FALSE(
        GiveDevice(rig.driver.get(), rig.port->Open(rig.listener.latest().id).value(), "0"));
}

TEST(ProviderWithoutADevice, RefusesEverything) {
    const Retained<IOUSBHostDevice> device(OSTypeAlloc(IOUSBHostDevice));
    ASSERT_TRUE(device->init());
    const Retained<IOUSBHostInterface> interface(OSTypeAlloc(IOUSBHostInterface));
    ASSERT_TRUE(interface->init());
    ScriptedUsbRig rig;
    EXPECT_EQ(device->Open(rig.driver.get(), 0, 0), kIOReturnNoDevice);
    EXPECT_EQ(interface->Open(rig.driver.get(), 0, nullptr), kIOReturnNoDevice);
    IOUSBHostPipe *pipe = nullptr;
    EXPECT_EQ(interface->CopyPipe(1, &pipe), kIOReturnNoDevice);
    uintptr_t walk = 0;
    EXPECT_EQ(device->CreateInterfaceIterator(&walk), kIOReturnNotAttached);
    EXPECT_EQ(device->CopyConfigurationDescriptor(uint8_t{0}), nullptr);
    EXPECT_EQ(interface->CopyConfigurationDescriptor(), nullptr);
    EXPECT_EQ(interface->GetInterfaceDescriptor(nullptr), nullptr);
    EXPECT_EQ(interface->SelectAlternateSetting(0), kIOReturnNoDevice);
}

}  // namespace
}  // namespace opendext::usb
