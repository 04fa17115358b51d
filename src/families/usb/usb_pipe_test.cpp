// SPDX-License-Identifier: Apache-2.0
// IOUSBHostPipe: bulk and interrupt transfers (semantics.md 8).
#include <algorithm>
#include <atomic>
#include <cstring>
#include <thread>

#include <gtest/gtest.h>

#include <DriverKit/IODispatchQueue.h>
#include <DriverKit/OSData.h>

#include "families/usb/usb_rig.h"
#include "runtime/object/object_internals.h"

namespace opendext::usb {
namespace {

using backends::ScriptedUsbWire;
using backends::UsbOutcome;
using backends::UsbStatus;
using backends::UsbTransfer;
using memory::Retained;

// The driver has interface 0 open: bulk endpoints 0x01 and 0x81.
class OpenInterface : public testing::Test {
protected:
    explicit OpenInterface(ScriptedUsbWire::StartFunction start = {}) : rig(std::move(start)) {
        interface = rig.NewInterface(0);
        EXPECT_EQ(interface->Open(rig.driver.get(), 0, nullptr), kIOReturnSuccess);
        out = CopyPipe(0x01);
        in = CopyPipe(0x81);
        OSAction *made = nullptr;
        EXPECT_EQ(rig.driver->CreateActionIOCompleted(0, &made), kIOReturnSuccess);
        action.reset(made);
    }

    Retained<IOUSBHostPipe> CopyPipe(uint8_t address) {
        IOUSBHostPipe *pipe = nullptr;
        EXPECT_EQ(interface->CopyPipe(address, &pipe), kIOReturnSuccess);
        return Retained<IOUSBHostPipe>(pipe);
    }
    CompletionLog &log() { return rig.driver->ivars->log; }
    void FinishNext(const UsbOutcome &outcome) {
        rig.wire->Finish(*rig.wire->Outstanding().front(), outcome);
    }

    ScriptedUsbRig rig;
    Retained<IOUSBHostInterface> interface;
    Retained<IOUSBHostPipe> out;
    Retained<IOUSBHostPipe> in;
    Retained<OSAction> action;
};

class AnsweredAtOnce : public OpenInterface {
protected:
    AnsweredAtOnce() : OpenInterface(&ScriptedUsbWire::AnswerNow) {}
};

class AnsweredElsewhere : public OpenInterface {
protected:
    AnsweredElsewhere() : OpenInterface(&ScriptedUsbWire::AnswerElsewhere) {}
};

// The mission: firmware comes as OSData, fills a buffer, and the device gets its very bytes.
class Firmware : public OpenInterface {
protected:
    Firmware()
        : OpenInterface([this](ScriptedUsbWire &wire, UsbTransfer &transfer) {
              for (const backends::HostSpan &piece : transfer.buffer) {
                  seen.push_back(piece);
                  received.insert(received.end(), piece.address, piece.address + piece.num_bytes);
              }
              wire.Finish(transfer);
          }) {
        for (size_t i = 0; i < kNumBytes; ++i) {
            const auto byte = static_cast<uint8_t>(i * 7);
            firmware->appendBytes(&byte, 1);
        }
    }

    // What every driver writes: bytes of the OSData into the descriptor, and out.
    kern_return_t Send(IOBufferMemoryDescriptor *buffer) {
        IOAddressSegment range{};
        kern_return_t result = buffer->GetAddressRange(&range);
        if (result != kIOReturnSuccess) {
            return result;
        }
        std::memcpy(reinterpret_cast<void *>(range.address), firmware->getBytesNoCopy(),
                    firmware->getLength());
        uint32_t sent = 0;
        result = out->IO(buffer, static_cast<uint32_t>(firmware->getLength()), &sent, 1000);
        EXPECT_EQ(sent, firmware->getLength());
        EXPECT_EQ(seen.size(), 1U);
        return result;
    }
    void ExpectReceived() {
        ASSERT_EQ(received.size(), firmware->getLength());
        EXPECT_EQ(std::memcmp(received.data(), firmware->getBytesNoCopy(), received.size()), 0);
    }

    static constexpr size_t kNumBytes = 10'000;
    Retained<OSData> firmware{OSData::withCapacity(kNumBytes)};
    std::vector<backends::HostSpan> seen;
    std::vector<std::byte> received;
};

TEST_F(Firmware, InABufferOfCreateIOBuffer_ReachesTheDevice) {
    IOBufferMemoryDescriptor *buffer = nullptr;
    ASSERT_EQ(interface->CreateIOBuffer(kIOMemoryDirectionOut, kNumBytes, &buffer),
              kIOReturnSuccess);
    EXPECT_EQ(Send(buffer), kIOReturnSuccess);
    ExpectReceived();
    buffer->release();
}

TEST_F(Firmware, InABufferOfTheDriversOwn_ReachesTheDevice) {
    IOBufferMemoryDescriptor *buffer = nullptr;
    ASSERT_EQ(IOBufferMemoryDescriptor::Create(kIOMemoryDirectionOut, kNumBytes, 0, &buffer),
              kIOReturnSuccess);
    EXPECT_EQ(Send(buffer), kIOReturnSuccess);
    ExpectReceived();
    buffer->release();
}

TEST_F(AnsweredAtOnce, Transfer_UsesTheDescriptorsOwnMemory) {
    std::vector<backends::HostSpan> seen;
    rig.wire->on_start = [&](ScriptedUsbWire &wire, UsbTransfer &transfer) {
        seen = transfer.buffer;
        wire.Finish(transfer);
    };
    const TestBuffer buffer(12'288);
    ASSERT_EQ(in->IO(buffer.memory.get(), 5000, nullptr, 0), kIOReturnSuccess);
    ASSERT_EQ(seen.size(), 1U);
    EXPECT_EQ(seen[0].num_bytes, 5000U);
    EXPECT_NE(seen[0].region, nullptr);
    // The same page, wherever it is mapped.
    buffer.bytes[17] = std::byte{0xA5};
    EXPECT_EQ(seen[0].address[17], std::byte{0xA5});
}

TEST_F(AnsweredAtOnce, PartOfADescriptor_IsTheBytesThatItStandsFor) {
    std::vector<std::byte> received;
    rig.wire->on_start = [&](ScriptedUsbWire &wire, UsbTransfer &transfer) {
        received.assign(transfer.buffer[0].address, transfer.buffer[0].address + 4);
        wire.Finish(transfer);
    };
    const TestBuffer buffer(100);
    std::memcpy(buffer.bytes.data() + 40, "abcd", 4);
    IOMemoryDescriptor *part = nullptr;
    ASSERT_EQ(IOMemoryDescriptor::CreateSubMemoryDescriptor(kIOMemoryDirectionOut, 40, 4,
                                                            buffer.memory.get(), &part),
              kIOReturnSuccess);
    EXPECT_EQ(out->IO(part, 4, nullptr, 0), kIOReturnSuccess);
    part->release();
    EXPECT_EQ(std::memcmp(received.data(), "abcd", 4), 0);
}

TEST_F(AnsweredAtOnce, ShortPacket_IsSuccessWithFewerBytes) {
    rig.wire->on_start = [](ScriptedUsbWire &wire, UsbTransfer &transfer) {
        wire.Finish(transfer, {.num_bytes = 13});
    };
    const TestBuffer buffer(64);
    uint32_t moved = 0;
    EXPECT_EQ(in->IO(buffer.memory.get(), 64, &moved, 0), kIOReturnSuccess);
    EXPECT_EQ(moved, 13U);
}

TEST_F(AnsweredAtOnce, NoBytes_AreATransferToo) {
    uint32_t moved = 99;
    EXPECT_EQ(out->IO(nullptr, 0, &moved, 0), kIOReturnSuccess);
    EXPECT_EQ(moved, 0U);
    const TestBuffer buffer(8);
    EXPECT_EQ(out->IO(buffer.memory.get(), 0, nullptr, 0), kIOReturnSuccess);
    EXPECT_EQ(rig.wire->Started().size(), 2U);
}

TEST_F(AnsweredAtOnce, MoreThanTheDescriptorHas_IsRefused) {
    const TestBuffer buffer(64);
    EXPECT_EQ(out->IO(buffer.memory.get(), 65, nullptr, 0), kIOReturnBadArgument);
    EXPECT_EQ(out->AsyncIO(buffer.memory.get(), 65, action.get(), 0), kIOReturnBadArgument);
    ASSERT_EQ(buffer.memory->SetLength(10), kIOReturnSuccess);
    EXPECT_EQ(out->IO(buffer.memory.get(), 11, nullptr, 0), kIOReturnBadArgument);
    EXPECT_EQ(out->IO(buffer.memory.get(), 10, nullptr, 0), kIOReturnSuccess);
    EXPECT_EQ(out->IO(nullptr, 1, nullptr, 0), kIOReturnBadArgument);
    EXPECT_EQ(rig.wire->Started().size(), 1U);
    EXPECT_EQ(log().size(), 0U);
}

TEST_F(AnsweredAtOnce, WrongDirection_IsRefused) {
    const TestBuffer for_in(8, kIOMemoryDirectionIn);
    const TestBuffer for_out(8, kIOMemoryDirectionOut);
    const TestBuffer unsaid(8, kIOMemoryDirectionNone);
    EXPECT_EQ(out->IO(for_in.memory.get(), 8, nullptr, 0), kIOReturnBadArgument);
    EXPECT_EQ(in->IO(for_out.memory.get(), 8, nullptr, 0), kIOReturnBadArgument);
    EXPECT_EQ(in->IO(for_in.memory.get(), 8, nullptr, 0), kIOReturnSuccess);
    EXPECT_EQ(out->IO(for_out.memory.get(), 8, nullptr, 0), kIOReturnSuccess);
    EXPECT_EQ(in->IO(unsaid.memory.get(), 8, nullptr, 0), kIOReturnSuccess);
    EXPECT_EQ(out->IO(unsaid.memory.get(), 8, nullptr, 0), kIOReturnSuccess);
}

TEST_F(AnsweredAtOnce, MissingCompletion_IsRefused) {
    const TestBuffer buffer(8);
    EXPECT_EQ(out->AsyncIO(buffer.memory.get(), 8, nullptr, 0), kIOReturnBadArgument);
}

TEST_F(AnsweredAtOnce, AsyncIO_CompletesOnTheDriversQueue) {
    IODispatchQueue *queue = nullptr;
    ASSERT_EQ(rig.driver->CopyDispatchQueue(kIOServiceDefaultQueueName, &queue), kIOReturnSuccess);
    std::atomic<bool> was_on_queue = false;
    log().then = [&](const CompletionLog::Ended &) { was_on_queue = queue->OnQueue(); };
    const TestBuffer buffer(8);
    const uint64_t before = mach_absolute_time();
    ASSERT_EQ(out->AsyncIO(buffer.memory.get(), 8, action.get(), 0), kIOReturnSuccess);
    const auto ended = log().WaitFor(1);
    queue->DispatchSync(^{});
    EXPECT_TRUE(was_on_queue);
    EXPECT_EQ(ended[0].status, kIOReturnSuccess);
    EXPECT_EQ(ended[0].num_bytes, 8U);
    EXPECT_GE(ended[0].time, before);
    EXPECT_LE(ended[0].time, mach_absolute_time());
    queue->release();
}

TEST_F(AnsweredElsewhere, IO_WaitsForTheDevice) {
    const TestBuffer buffer(64);
    for (int i = 0; i < 100; ++i) {
        uint32_t moved = 0;
        EXPECT_EQ(in->IO(buffer.memory.get(), 64, &moved, 0), kIOReturnSuccess);
        EXPECT_EQ(moved, 64U);
    }
}

TEST_F(AnsweredElsewhere, IOInACompletion_Works) {
    const TestBuffer buffer(64);
    std::atomic<kern_return_t> nested = kIOReturnError;
    log().then = [&](const CompletionLog::Ended &) {
        nested = out->IO(buffer.memory.get(), 8, nullptr, 0);
    };
    ASSERT_EQ(in->AsyncIO(buffer.memory.get(), 64, action.get(), 0), kIOReturnSuccess);
    log().WaitFor(1);
    rig.wire->WaitForStarts(2);
    IODispatchQueue *queue = nullptr;
    ASSERT_EQ(rig.driver->CopyDispatchQueue(kIOServiceDefaultQueueName, &queue), kIOReturnSuccess);
    queue->DispatchSync(^{});
    queue->release();
    EXPECT_EQ(nested, kIOReturnSuccess);
}

TEST_F(OpenInterface, ThousandInFlight_CompleteInOrder) {
    constexpr size_t kNumRequests = 1000;
    const TestBuffer buffer(kNumRequests);
    std::vector<Retained<IOMemoryDescriptor>> parts;
    for (size_t i = 0; i < kNumRequests; ++i) {
        IOMemoryDescriptor *part = nullptr;
        ASSERT_EQ(IOMemoryDescriptor::CreateSubMemoryDescriptor(kIOMemoryDirectionIn, 0, i + 1,
                                                                buffer.memory.get(), &part),
                  kIOReturnSuccess);
        parts.emplace_back(part);
        ASSERT_EQ(in->AsyncIO(part, static_cast<uint32_t>(i + 1), action.get(), 0),
                  kIOReturnSuccess);
    }
    ASSERT_EQ(rig.wire->Outstanding().size(), kNumRequests);
    for (UsbTransfer *transfer : rig.wire->Outstanding()) {
        rig.wire->Finish(*transfer);
    }
    const auto ended = log().WaitFor(kNumRequests);
    for (size_t i = 0; i < kNumRequests; ++i) {
        EXPECT_EQ(ended[i].num_bytes, i + 1);
        EXPECT_EQ(ended[i].status, kIOReturnSuccess);
    }
}

TEST_F(OpenInterface, Memory_IsRetainedUntilTheEnd) {
    TestBuffer buffer(64);
    ASSERT_EQ(in->AsyncIO(buffer.memory.get(), 64, action.get(), 0), kIOReturnSuccess);
    const backends::HostSpan span = rig.wire->Outstanding().front()->buffer[0];
    EXPECT_EQ(object::ObjectInternals::References(buffer.memory.get()), 2U);
    buffer.memory.reset();
    span.address[5] = std::byte{1};  // still there
    FinishNext({.num_bytes = 64});
    EXPECT_EQ(log().WaitFor(1)[0].num_bytes, 64U);
}

struct EndCase {
    UsbStatus status;
    kern_return_t result;
};

class EveryEnd : public OpenInterface, public testing::WithParamInterface<EndCase> {};

TEST_P(EveryEnd, HasTheOriginalsStatus) {
    const TestBuffer buffer(64);
    ASSERT_EQ(in->AsyncIO(buffer.memory.get(), 64, action.get(), 0), kIOReturnSuccess);
    FinishNext({.status = GetParam().status, .num_bytes = 7});
    const auto ended = log().WaitFor(1);
    EXPECT_EQ(ended[0].status, GetParam().result);
    EXPECT_EQ(ended[0].num_bytes, 7U);
    rig.wire->on_start = [&](ScriptedUsbWire &wire, UsbTransfer &transfer) {
        wire.Finish(transfer, {.status = GetParam().status, .num_bytes = 7});
    };
    uint32_t moved = 0;
    EXPECT_EQ(in->IO(buffer.memory.get(), 64, &moved, 0), GetParam().result);
    EXPECT_EQ(moved, 7U);
}

INSTANTIATE_TEST_SUITE_P(Usb, EveryEnd,
                         testing::Values(EndCase{UsbStatus::kSuccess, kIOReturnSuccess},
                                         EndCase{UsbStatus::kStalled, kUSBHostReturnPipeStalled},
                                         EndCase{UsbStatus::kTimedOut, kIOReturnTimeout},
                                         EndCase{UsbStatus::kAborted, kIOReturnAborted},
                                         EndCase{UsbStatus::kBabble, kIOReturnOverrun},
                                         EndCase{UsbStatus::kNotResponding,
                                                 kIOReturnNotResponding}));

TEST_F(OpenInterface, Timeout_EndsTheRequest) {
    const TestBuffer buffer(64);
    uint32_t moved = 99;
    EXPECT_EQ(in->IO(buffer.memory.get(), 64, &moved, 1), kIOReturnTimeout);
    EXPECT_EQ(moved, 0U);
    ASSERT_EQ(in->AsyncIO(buffer.memory.get(), 64, action.get(), 1), kIOReturnSuccess);
    EXPECT_EQ(log().WaitFor(1)[0].status, kIOReturnTimeout);
}

TEST_F(OpenInterface, Abort_EndsRequestsWithItsError) {
    const TestBuffer buffer(64);
    for (int i = 0; i < 3; ++i) {
        ASSERT_EQ(in->AsyncIO(buffer.memory.get(), 64, action.get(), 0), kIOReturnSuccess);
    }
    EXPECT_EQ(in->Abort(kIOUSBAbortSynchronous, kIOReturnNoPower, nullptr), kIOReturnSuccess);
    EXPECT_TRUE(rig.wire->Outstanding().empty());
    for (const auto &ended : log().WaitFor(3)) {
        EXPECT_EQ(ended.status, kIOReturnNoPower);
    }
    ASSERT_EQ(in->AsyncIO(buffer.memory.get(), 64, action.get(), 0), kIOReturnSuccess);
    EXPECT_EQ(in->Abort(kIOUSBAbortAsynchronous, kIOReturnAborted, nullptr), kIOReturnSuccess);
    EXPECT_EQ(log().WaitFor(4)[3].status, kIOReturnAborted);
}

TEST_F(OpenInterface, AbortOfOneEndpoint_LeavesTheOther) {
    const TestBuffer buffer(64);
    ASSERT_EQ(in->AsyncIO(buffer.memory.get(), 64, action.get(), 0), kIOReturnSuccess);
    ASSERT_EQ(out->AsyncIO(buffer.memory.get(), 64, action.get(), 0), kIOReturnSuccess);
    EXPECT_EQ(out->Abort(kIOUSBAbortSynchronous, kIOReturnAborted, nullptr), kIOReturnSuccess);
    EXPECT_EQ(log().WaitFor(1).size(), 1U);
    EXPECT_EQ(rig.wire->Outstanding().size(), 1U);
    FinishNext({.num_bytes = 64});
    EXPECT_EQ(log().WaitFor(2)[1].status, kIOReturnSuccess);
}

TEST_F(OpenInterface, SynchronousAbort_WaitsForAWireThatTakesItsTime) {
    const TestBuffer buffer(64);
    ASSERT_EQ(in->AsyncIO(buffer.memory.get(), 64, action.get(), 0), kIOReturnSuccess);
    rig.wire->on_cancel = [](ScriptedUsbWire &wire, UsbTransfer &transfer) {
        wire.Spawn([&wire, &transfer] {
            wire.Finish(transfer, {.status = UsbStatus::kAborted, .num_bytes = 3});
        });
    };
    EXPECT_EQ(in->Abort(kIOUSBAbortSynchronous, kIOReturnAborted, nullptr), kIOReturnSuccess);
    EXPECT_TRUE(rig.wire->Outstanding().empty());
    EXPECT_EQ(log().WaitFor(1)[0].num_bytes, 3U);
}

TEST_F(OpenInterface, Close_AbortsWhatIsOutstanding) {
    const TestBuffer buffer(64);
    ASSERT_EQ(in->AsyncIO(buffer.memory.get(), 64, action.get(), 0), kIOReturnSuccess);
    ASSERT_EQ(interface->Close(rig.driver.get(), 0), kIOReturnSuccess);
    EXPECT_EQ(log().WaitFor(1)[0].status, kIOReturnAborted);
    EXPECT_EQ(in->IO(buffer.memory.get(), 64, nullptr, 0), kIOReturnNotOpen);
    EXPECT_EQ(in->AsyncIO(buffer.memory.get(), 64, action.get(), 0), kIOReturnNotOpen);
    EXPECT_EQ(in->Abort(0, kIOReturnAborted, nullptr), kIOReturnNotOpen);
    EXPECT_EQ(in->ClearStall(true), kIOReturnNotOpen);
    EXPECT_EQ(log().size(), 1U);
}

TEST_F(OpenInterface, PipesOfBefore_StayDeadWhenItIsOpenedAgain) {
    const TestBuffer buffer(64);
    ASSERT_EQ(interface->Close(rig.driver.get(), 0), kIOReturnSuccess);
    ASSERT_EQ(interface->Open(rig.driver.get(), 0, nullptr), kIOReturnSuccess);
    EXPECT_EQ(in->IO(buffer.memory.get(), 64, nullptr, 0), kIOReturnNotOpen);
    rig.wire->on_start = &ScriptedUsbWire::AnswerNow;
    EXPECT_EQ(CopyPipe(0x81)->IO(buffer.memory.get(), 64, nullptr, 0), kIOReturnSuccess);
}

TEST_F(OpenInterface, Unplug_EndsEveryRequestOnce) {
    const TestBuffer buffer(64);
    for (int i = 0; i < 10; ++i) {
        ASSERT_EQ(in->AsyncIO(buffer.memory.get(), 64, action.get(), 0), kIOReturnSuccess);
    }
    std::atomic<kern_return_t> waited = kIOReturnSuccess;
    std::thread waiter([&] { waited = out->IO(buffer.memory.get(), 64, nullptr, 0); });
    rig.wire->WaitForStarts(11);
    rig.wire->Detach();
    for (UsbTransfer *transfer : rig.wire->Outstanding()) {
        rig.wire->Finish(*transfer, {.status = UsbStatus::kRemoved});
    }
    waiter.join();
    // Refused, when the device went while the request was being started.
    EXPECT_TRUE(waited == kIOReturnAborted || waited == kIOReturnNoDevice) << waited;
    for (const auto &ended : log().WaitFor(10)) {
        EXPECT_EQ(ended.status, kIOReturnAborted);
    }
    EXPECT_EQ(in->AsyncIO(buffer.memory.get(), 64, action.get(), 0), kIOReturnNoDevice);
    EXPECT_EQ(in->IO(buffer.memory.get(), 64, nullptr, 0), kIOReturnNoDevice);
    uint8_t speed = 0;
    EXPECT_EQ(in->GetSpeed(&speed), kIOReturnNoDevice);
    EXPECT_EQ(interface->Close(rig.driver.get(), 0), kIOReturnSuccess);
    EXPECT_EQ(log().size(), 10U);
}

TEST_F(OpenInterface, ActionThatTheDriverLetGo_IsStillInvoked) {
    const TestBuffer buffer(64);
    ASSERT_EQ(in->AsyncIO(buffer.memory.get(), 64, action.get(), 0), kIOReturnSuccess);
    action.reset();
    FinishNext({.num_bytes = 1});
    EXPECT_EQ(log().WaitFor(1)[0].num_bytes, 1U);
}

TEST_F(OpenInterface, CancelledAction_IsNotInvoked) {
    const TestBuffer buffer(64);
    ASSERT_EQ(in->AsyncIO(buffer.memory.get(), 64, action.get(), 0), kIOReturnSuccess);
    action->Cancel(nullptr);
    FinishNext({.num_bytes = 1});
    OSAction *other = nullptr;
    ASSERT_EQ(rig.driver->CreateActionIOCompleted(0, &other), kIOReturnSuccess);
    ASSERT_EQ(in->AsyncIO(buffer.memory.get(), 64, other, 0), kIOReturnSuccess);
    FinishNext({.num_bytes = 2});
    EXPECT_EQ(log().WaitFor(1)[0].num_bytes, 2U);
    other->release();
}

TEST_F(OpenInterface, PipeThatTheDriverLetGo_FinishesItsRequests) {
    const TestBuffer buffer(64);
    ASSERT_EQ(in->AsyncIO(buffer.memory.get(), 64, action.get(), 0), kIOReturnSuccess);
    in.reset();
    FinishNext({.num_bytes = 64});
    EXPECT_EQ(log().WaitFor(1)[0].status, kIOReturnSuccess);
}

TEST_F(OpenInterface, ClearStall_AbortsAndTellsTheDevice) {
    const TestBuffer buffer(64);
    ASSERT_EQ(in->AsyncIO(buffer.memory.get(), 64, action.get(), 0), kIOReturnSuccess);
    (void)rig.wire->TakeLog();
    EXPECT_EQ(in->ClearStall(true), kIOReturnSuccess);
    EXPECT_EQ(in->ClearStall(false), kIOReturnSuccess);
    EXPECT_EQ(rig.wire->TakeLog(), (std::vector<std::string>{"clear 129 told", "clear 129"}));
    EXPECT_EQ(log().WaitFor(1)[0].status, kIOReturnAborted);
    rig.wire->on_operation = [](const std::string &) -> backends::BackendResult<void> {
        return backends::Refuse(backends::BackendErrorCode::kUnsupported, "no");
    };
    EXPECT_EQ(in->ClearStall(true), kUSBHostReturnPipeStalled);
}

TEST_F(OpenInterface, TimeoutOfAnInterruptEndpoint_IsRefused) {
    const Retained<IOUSBHostInterface> second = rig.NewInterface(1);
    ASSERT_EQ(second->Open(rig.driver.get(), 0, nullptr), kIOReturnSuccess);
    IOUSBHostPipe *interrupts = nullptr;
    ASSERT_EQ(second->CopyPipe(0x82, &interrupts), kIOReturnSuccess);
    const TestBuffer buffer(8);
    EXPECT_EQ(interrupts->AsyncIO(buffer.memory.get(), 8, action.get(), 1), kIOReturnBadArgument);
    EXPECT_EQ(interrupts->IO(buffer.memory.get(), 8, nullptr, 1), kIOReturnBadArgument);
    ASSERT_EQ(interrupts->AsyncIO(buffer.memory.get(), 8, action.get(), 0), kIOReturnSuccess);
    FinishNext({.num_bytes = 8});
    EXPECT_EQ(log().WaitFor(1)[0].status, kIOReturnSuccess);
    EXPECT_EQ(interrupts->IsochIO(buffer.memory.get(), buffer.memory.get(), 0, action.get()),
              kIOReturnBadArgument);
    interrupts->release();
}

TEST_F(OpenInterface, IdlePolicy_IsKept) {
    uint32_t timeout = 1;
    EXPECT_EQ(in->GetIdlePolicy(&timeout), kIOReturnSuccess);
    EXPECT_EQ(timeout, 0U);
    EXPECT_EQ(in->SetIdlePolicy(250), kIOReturnSuccess);
    EXPECT_EQ(in->GetIdlePolicy(&timeout), kIOReturnSuccess);
    EXPECT_EQ(timeout, 250U);
    EXPECT_EQ(interface->SetIdlePolicy(33), kIOReturnSuccess);
    EXPECT_EQ(interface->GetIdlePolicy(&timeout), kIOReturnSuccess);
    EXPECT_EQ(timeout, 33U);
}

TEST_F(OpenInterface, SpeedAndAddress_AreTheDevices) {
    uint8_t speed = 0;
    uint8_t address = 0;
    const IOUSBHostPipe &pipe = *in;
    EXPECT_EQ(pipe.GetSpeed(&speed), kIOReturnSuccess);
    EXPECT_EQ(speed, kIOUSBHostConnectionSpeedSuper);
    EXPECT_EQ(pipe.GetDeviceAddress(&address), kIOReturnSuccess);
    EXPECT_EQ(address, 3);
}

TEST_F(OpenInterface, Descriptors_AreTheEndpointsWithItsCompanion) {
    IOUSBStandardEndpointDescriptors descriptors{};
    ASSERT_EQ(in->GetDescriptors(&descriptors, kIOUSBGetEndpointDescriptorOriginal),
              kIOReturnSuccess);
    EXPECT_EQ(descriptors.bcdUSB, 0x0300);
    EXPECT_EQ(descriptors.descriptor.bEndpointAddress, 0x81);
    EXPECT_EQ(descriptors.descriptor.wMaxPacketSize, 1024);
    EXPECT_EQ(descriptors.ssCompanionDescriptor.bDescriptorType,
              kIOUSBDescriptorTypeSuperSpeedUSBEndpointCompanion);
    EXPECT_EQ(IOUSBGetEndpointMaxStreams(kIOUSBHostConnectionSpeedSuper, &descriptors.descriptor,
                                         &descriptors.ssCompanionDescriptor),
              16U);
    EXPECT_EQ(descriptors.sspCompanionDescriptor.bLength, 0);
    EXPECT_EQ(in->AdjustPipe(&descriptors), kIOReturnUnsupported);
}

}  // namespace
}  // namespace opendext::usb
