// SPDX-License-Identifier: Apache-2.0
// IOUSBHostPipe: isochronous transfers, the descriptor ring, streams (semantics.md 8).
#include <cstring>

#include <gtest/gtest.h>

#include "families/usb/usb_rig.h"

namespace opendext::usb {
namespace {

using backends::ScriptedUsbWire;
using backends::UsbStatus;
using backends::UsbTransfer;
using memory::Retained;

class PipeOf : public testing::Test {
protected:
    PipeOf(uint8_t alternate, uint8_t address, ScriptedUsbWire::StartFunction start)
        : rig(std::move(start)), interface(rig.NewInterface(0)) {
        EXPECT_EQ(interface->Open(rig.driver.get(), 0, nullptr), kIOReturnSuccess);
        if (alternate != 0) {
            EXPECT_EQ(interface->SelectAlternateSetting(alternate), kIOReturnSuccess);
        }
        IOUSBHostPipe *made = nullptr;
        EXPECT_EQ(interface->CopyPipe(address, &made), kIOReturnSuccess);
        pipe.reset(made);
    }
    CompletionLog &log() { return rig.driver->ivars->log; }

    ScriptedUsbRig rig;
    Retained<IOUSBHostInterface> interface;
    Retained<IOUSBHostPipe> pipe;
};

// --- Isochronous: endpoint 0x83 of setting 1.

class Isochronous : public PipeOf {
protected:
    explicit Isochronous(ScriptedUsbWire::StartFunction start = {})
        : PipeOf(1, 0x83, std::move(start)) {
        OSAction *made = nullptr;
        EXPECT_EQ(rig.driver->CreateActionFramesCompleted(0, &made), kIOReturnSuccess);
        action.reset(made);
        for (size_t i = 0; i < kNumFrames; ++i) {
            frames()[i] = {.status = kIOReturnBusy, .requestCount = 10, .completeCount = 99};
        }
    }
    IOUSBIsochronousFrame *frames() {
        return reinterpret_cast<IOUSBIsochronousFrame *>(list.bytes.data());
    }
    // The device sends `i` bytes in frame `i`; nothing in the last one.
    static void Answer(ScriptedUsbWire &wire, UsbTransfer &transfer) {
        for (size_t i = 0; i < transfer.frames.size(); ++i) {
            backends::UsbIsochronousFrame &frame = transfer.frames[i];
            frame.num_done = static_cast<uint32_t>(i);
            frame.mach_time = 1000 + i;
            frame.status =
                i + 1 == transfer.frames.size() ? UsbStatus::kUnderrun : UsbStatus::kSuccess;
        }
        wire.Finish(transfer, {});
    }
    void ExpectAnswer() {
        for (size_t i = 0; i < kNumFrames; ++i) {
            EXPECT_EQ(frames()[i].status,
                      i + 1 == kNumFrames ? kIOReturnUnderrun : kIOReturnSuccess);
            EXPECT_EQ(frames()[i].completeCount, i);
            EXPECT_EQ(frames()[i].requestCount, 10U);
            EXPECT_EQ(frames()[i].timeStamp, 1000 + i);
        }
    }

    static constexpr size_t kNumFrames = 8;
    TestBuffer list{kNumFrames * sizeof(IOUSBIsochronousFrame)};
    TestBuffer data{kNumFrames * 10};
    Retained<OSAction> action;
};

TEST_F(Isochronous, FrameList_IsWrittenBackBeforeTheCompletion) {
    ASSERT_EQ(pipe->IsochIO(data.memory.get(), list.memory.get(), 500, action.get()),
              kIOReturnSuccess);
    UsbTransfer &transfer = *rig.wire->Outstanding().front();
    EXPECT_EQ(transfer.first_frame, 500U);
    ASSERT_EQ(transfer.frames.size(), kNumFrames);
    EXPECT_EQ(transfer.num_bytes(), 80U);
    Answer(*rig.wire, transfer);
    EXPECT_EQ(log().WaitFor(1)[0].status, kIOReturnSuccess);
    ExpectAnswer();
}

TEST_F(Isochronous, WithoutACompletion_Waits) {
    rig.wire->on_start = &Answer;
    EXPECT_EQ(pipe->IsochIO(data.memory.get(), list.memory.get(), 0, nullptr), kIOReturnSuccess);
    ExpectAnswer();
}

TEST_F(Isochronous, FrameNumberOutOfReach_IsTooOldOrTooNew) {
    ASSERT_EQ(pipe->IsochIO(data.memory.get(), list.memory.get(), 1, action.get()),
              kIOReturnSuccess);
    rig.wire->Finish(*rig.wire->Outstanding().front(), {.status = UsbStatus::kTooLate});
    EXPECT_EQ(log().WaitFor(1)[0].status, kIOReturnIsoTooOld);
    rig.wire->on_start = [](ScriptedUsbWire &wire, UsbTransfer &transfer) {
        wire.Finish(transfer, {.status = UsbStatus::kTooEarly});
    };
    EXPECT_EQ(pipe->IsochIO(data.memory.get(), list.memory.get(), 1 << 20, nullptr),
              kIOReturnIsoTooNew);
    EXPECT_EQ(pipe->IsochIO(data.memory.get(), list.memory.get(), 1 << 20, action.get()),
              kIOReturnIsoTooNew);
    EXPECT_EQ(log().size(), 1U);
}

TEST_F(Isochronous, Abort_EndsFramesThatHaveNotRun) {
    ASSERT_EQ(pipe->IsochIO(data.memory.get(), list.memory.get(), 0, action.get()),
              kIOReturnSuccess);
    UsbTransfer &transfer = *rig.wire->Outstanding().front();
    transfer.frames[0] = {
        .num_requested = 10, .num_done = 10, .status = UsbStatus::kSuccess, .mach_time = 5};
    EXPECT_EQ(pipe->Abort(kIOUSBAbortSynchronous, kIOReturnAborted, nullptr), kIOReturnSuccess);
    EXPECT_EQ(log().WaitFor(1)[0].status, kIOReturnAborted);
    EXPECT_EQ(frames()[0].status, kIOReturnSuccess);
    EXPECT_EQ(frames()[1].status, kIOReturnAborted);
    EXPECT_EQ(frames()[1].completeCount, 0U);
}

TEST_F(Isochronous, FramesThatDoNotFit_AreRefused) {
    frames()[3].requestCount = 11;
    EXPECT_EQ(pipe->IsochIO(data.memory.get(), list.memory.get(), 0, action.get()),
              kIOReturnBadArgument);
    frames()[3].requestCount = 0xFFFFFFFF;
    EXPECT_EQ(pipe->IsochIO(data.memory.get(), list.memory.get(), 0, action.get()),
              kIOReturnBadArgument);
    const TestBuffer too_small(sizeof(IOUSBIsochronousFrame) - 1);
    EXPECT_EQ(pipe->IsochIO(data.memory.get(), too_small.memory.get(), 0, action.get()),
              kIOReturnBadArgument);
    EXPECT_EQ(pipe->IsochIO(data.memory.get(), nullptr, 0, action.get()), kIOReturnBadArgument);
    EXPECT_EQ(pipe->IsochIO(nullptr, list.memory.get(), 0, action.get()), kIOReturnBadArgument);
    const TestBuffer read_only(sizeof(IOUSBIsochronousFrame), kIOMemoryDirectionOut);
    EXPECT_EQ(pipe->IsochIO(data.memory.get(), read_only.memory.get(), 0, action.get()),
              kIOReturnBadArgument);
    EXPECT_EQ(pipe->IO(data.memory.get(), 8, nullptr, 0), kIOReturnBadArgument);
    EXPECT_TRUE(rig.wire->Started().empty());
}

TEST_F(Isochronous, AdjustPipe_TakesLessAndNotMore) {
    IOUSBStandardEndpointDescriptors descriptors{};
    ASSERT_EQ(pipe->GetDescriptors(&descriptors, kIOUSBGetEndpointDescriptorOriginal),
              kIOReturnSuccess);
    EXPECT_EQ(descriptors.descriptor.wMaxPacketSize, 1024);
    descriptors.descriptor.wMaxPacketSize = 2047;
    EXPECT_EQ(pipe->AdjustPipe(&descriptors), kIOReturnBadArgument);
    EXPECT_EQ(pipe->AdjustPipe(nullptr), kIOReturnBadArgument);
    descriptors.descriptor.wMaxPacketSize = 192;
    EXPECT_EQ(pipe->AdjustPipe(&descriptors), kIOReturnSuccess);
    ASSERT_EQ(pipe->GetDescriptors(&descriptors, kIOUSBGetEndpointDescriptorCurrentPolicy),
              kIOReturnSuccess);
    EXPECT_EQ(descriptors.descriptor.wMaxPacketSize, 192);
    ASSERT_EQ(pipe->GetDescriptors(&descriptors, kIOUSBGetEndpointDescriptorOriginal),
              kIOReturnSuccess);
    EXPECT_EQ(descriptors.descriptor.wMaxPacketSize, 1024);
    descriptors.descriptor.bEndpointAddress = 0x81;
    EXPECT_EQ(pipe->AdjustPipe(&descriptors), kIOReturnBadArgument);
}

// --- Bundles: endpoint 0x01.

class Bundles : public PipeOf {
protected:
    explicit Bundles(ScriptedUsbWire::StartFunction start = {})
        : PipeOf(0, 0x01, std::move(start)) {
        OSAction *made = nullptr;
        EXPECT_EQ(rig.driver->CreateActionBundleCompleted(0, &made), kIOReturnSuccess);
        action.reset(made);
    }
    void FillRing(uint32_t size) {
        ASSERT_EQ(pipe->CreateMemoryDescriptorRing(size), kIOReturnSuccess);
        for (uint32_t i = 0; i < size; ++i) {
            ASSERT_EQ(pipe->SetMemoryDescriptor(buffer.memory.get(), i), kIOReturnSuccess);
        }
    }
    kern_return_t Send(uint32_t index, uint32_t count) {
        return pipe->AsyncIOBundled(index, count, &accepted, lengths, static_cast<int>(count),
                                    action.get(), 0);
    }

    TestBuffer buffer{64};
    Retained<OSAction> action;
    uint32_t accepted = 99;
    uint32_t lengths[kIOUSBHostPipeBundlingMax] = {1, 2,  3,  4,  5,  6,  7,  8,
                                                   9, 10, 11, 12, 13, 14, 15, 16};
};

class BundlesAnsweredAtOnce : public Bundles {
protected:
    BundlesAnsweredAtOnce() : Bundles(&ScriptedUsbWire::AnswerNow) {}
};

TEST_F(BundlesAnsweredAtOnce, WhatEndsTogether_ComesInOneMessage) {
    FillRing(16);
    ASSERT_EQ(Send(0, 16), kIOReturnSuccess);
    EXPECT_EQ(accepted, 16U);
    const auto ended = log().WaitFor(16);
    for (uint32_t i = 0; i < 16; ++i) {
        EXPECT_EQ(ended[i].index, i);
        EXPECT_EQ(ended[i].num_bytes, i + 1);
        EXPECT_EQ(ended[i].status, kIOReturnSuccess);
        EXPECT_EQ(ended[i].count, 16U);
    }
}

TEST_F(Bundles, WhatEndsOneByOne_ComesInOrder) {
    FillRing(4);
    ASSERT_EQ(Send(2, 4), kIOReturnSuccess);  // 2, 3, 0, 1
    EXPECT_EQ(accepted, 4U);
    rig.wire->Finish(*rig.wire->Outstanding()[0], {.num_bytes = 1});
    rig.wire->Finish(*rig.wire->Outstanding()[0], {.status = UsbStatus::kStalled});
    EXPECT_EQ(pipe->Abort(kIOUSBAbortSynchronous, kIOReturnAborted, nullptr), kIOReturnSuccess);
    const auto ended = log().WaitFor(4);
    const uint32_t indexes[] = {2, 3, 0, 1};
    const kern_return_t statuses[] = {kIOReturnSuccess, kUSBHostReturnPipeStalled, kIOReturnAborted,
                                      kIOReturnAborted};
    for (size_t i = 0; i < 4; ++i) {
        EXPECT_EQ(ended[i].index % 4, indexes[i]);
        EXPECT_EQ(ended[i].status, statuses[i]);
    }
}

TEST_F(Bundles, EntryThatDoesNotFit_EndsTheBundleBeforeIt) {
    FillRing(4);
    lengths[2] = 65;
    ASSERT_EQ(Send(0, 4), kIOReturnSuccess);
    EXPECT_EQ(accepted, 2U);
    EXPECT_EQ(rig.wire->Outstanding().size(), 2U);
    lengths[0] = 65;
    EXPECT_EQ(Send(0, 4), kIOReturnBadArgument);
    EXPECT_EQ(accepted, 0U);
}

TEST_F(Bundles, WrongArguments_AreRefused) {
    EXPECT_EQ(Send(0, 1), kIOReturnNotReady);
    EXPECT_EQ(pipe->SetMemoryDescriptor(buffer.memory.get(), 0), kIOReturnNotReady);
    EXPECT_EQ(pipe->CreateMemoryDescriptorRing(0), kIOReturnBadArgument);
    ASSERT_EQ(pipe->CreateMemoryDescriptorRing(2), kIOReturnSuccess);
    EXPECT_EQ(pipe->CreateMemoryDescriptorRing(2), kIOReturnBadArgument);
    EXPECT_EQ(pipe->SetMemoryDescriptor(buffer.memory.get(), 1), kIOReturnBadArgument);
    EXPECT_EQ(pipe->SetMemoryDescriptor(nullptr, 0), kIOReturnBadArgument);
    ASSERT_EQ(pipe->SetMemoryDescriptor(buffer.memory.get(), 0), kIOReturnSuccess);
    EXPECT_EQ(Send(0, 1), kIOReturnNotReady);
    ASSERT_EQ(pipe->SetMemoryDescriptor(buffer.memory.get(), 1), kIOReturnSuccess);
    ASSERT_EQ(pipe->SetMemoryDescriptor(buffer.memory.get(), 0), kIOReturnSuccess);
    EXPECT_EQ(pipe->SetMemoryDescriptor(buffer.memory.get(), 2), kIOReturnBadArgument);
    EXPECT_EQ(Send(2, 1), kIOReturnBadArgument);
    EXPECT_EQ(Send(0, 0), kIOReturnBadArgument);
    EXPECT_EQ(pipe->AsyncIOBundled(0, 2, &accepted, lengths, 1, action.get(), 0),
              kIOReturnBadArgument);
    EXPECT_EQ(pipe->AsyncIOBundled(0, 17, &accepted, lengths, 17, action.get(), 0),
              kIOReturnOverrun);
    EXPECT_EQ(pipe->AsyncIOBundled(0, 1, &accepted, lengths, 1, nullptr, 0), kIOReturnBadArgument);
    EXPECT_TRUE(rig.wire->Started().empty());
}

TEST_F(Bundles, ZeroLengthEntry_IsAPacketOfItsOwn) {
    FillRing(2);
    lengths[1] = 0;
    ASSERT_EQ(Send(0, 2), kIOReturnSuccess);
    ASSERT_EQ(rig.wire->Outstanding().size(), 2U);
    EXPECT_EQ(rig.wire->Outstanding()[1]->num_bytes(), 0U);
}

TEST_F(Bundles, BundlesFromManyThreads_NameEveryEntryOnce) {
    constexpr size_t kNumThreads = 4;
    constexpr size_t kRounds = 50;
    rig.wire->on_start = &ScriptedUsbWire::AnswerNow;
    FillRing(16);
    std::vector<std::thread> threads;
    for (size_t t = 0; t < kNumThreads; ++t) {
        threads.emplace_back([&] {
            uint32_t took = 0;
            for (size_t round = 0; round < kRounds; ++round) {
                EXPECT_EQ(pipe->AsyncIOBundled(0, 16, &took, lengths, 16, action.get(), 0),
                          kIOReturnSuccess);
                EXPECT_EQ(took, 16U);
            }
        });
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
    size_t counts[16] = {};
    for (const auto &ended : log().WaitFor(kNumThreads * kRounds * 16)) {
        ++counts[ended.index % 16];
    }
    for (const size_t count : counts) {
        EXPECT_EQ(count, kNumThreads * kRounds);
    }
}

// --- Streams: endpoint 0x81 has 16.

class Streams : public PipeOf {
protected:
    Streams() : PipeOf(0, 0x81, {}) {
        OSAction *made = nullptr;
        EXPECT_EQ(rig.driver->CreateActionIOCompleted(0, &made), kIOReturnSuccess);
        action.reset(made);
        (void)rig.wire->TakeLog();
    }
    Retained<IOUSBHostStream> Copy(uint32_t id) {
        IOUSBHostStream *stream = nullptr;
        EXPECT_EQ(pipe->CopyStream(id, &stream), kIOReturnSuccess);
        return Retained<IOUSBHostStream>(stream);
    }

    TestBuffer buffer{64};
    Retained<OSAction> action;
};

TEST_F(Streams, RequestsOfAStream_CarryItsNumber) {
    IOUSBHostStream *none = nullptr;
    EXPECT_EQ(pipe->CopyStream(1, &none), kIOReturnNotReady);
    ASSERT_EQ(pipe->EnableStreams(), kIOReturnSuccess);
    EXPECT_EQ(rig.wire->TakeLog(), (std::vector<std::string>{"streams 129 16"}));
    const auto stream = Copy(16);
    EXPECT_EQ(stream, Copy(16));
    EXPECT_EQ(pipe->CopyStream(0, &none), kIOReturnBadArgument);
    EXPECT_EQ(pipe->CopyStream(17, &none), kIOReturnBadArgument);
    uint32_t id = 0;
    EXPECT_EQ(stream->GetStreamID(&id), kIOReturnSuccess);
    EXPECT_EQ(id, 16U);
    ASSERT_EQ(stream->AsyncIO(buffer.memory.get(), 8, action.get(), 0), kIOReturnSuccess);
    EXPECT_EQ(rig.wire->Outstanding().front()->stream, 16);
    rig.wire->Finish(*rig.wire->Outstanding().front());
    EXPECT_EQ(log().WaitFor(1)[0].num_bytes, 8U);
    EXPECT_EQ(stream->IO(buffer.memory.get(), 8, nullptr, 5), kIOReturnBadArgument);
    EXPECT_EQ(pipe->IO(buffer.memory.get(), 8, nullptr, 0), kIOReturnUnsupportedMode);
}

TEST_F(Streams, AbortOfAStream_LeavesTheOthers) {
    ASSERT_EQ(pipe->EnableStreams(), kIOReturnSuccess);
    const auto first = Copy(1);
    const auto second = Copy(2);
    ASSERT_EQ(first->AsyncIO(buffer.memory.get(), 8, action.get(), 0), kIOReturnSuccess);
    ASSERT_EQ(second->AsyncIO(buffer.memory.get(), 8, action.get(), 0), kIOReturnSuccess);
    EXPECT_EQ(first->Abort(kIOUSBAbortSynchronous, kIOReturnBusy, nullptr), kIOReturnSuccess);
    EXPECT_EQ(log().WaitFor(1)[0].status, kIOReturnBusy);
    EXPECT_EQ(rig.wire->Outstanding().size(), 1U);
}

TEST_F(Streams, DisableStreams_EndsThem) {
    EXPECT_EQ(pipe->DisableStreams(), kIOReturnNotReady);
    ASSERT_EQ(pipe->EnableStreams(), kIOReturnSuccess);
    const auto stream = Copy(1);
    ASSERT_EQ(stream->AsyncIO(buffer.memory.get(), 8, action.get(), 0), kIOReturnSuccess);
    EXPECT_EQ(pipe->DisableStreams(), kIOReturnSuccess);
    EXPECT_EQ(log().WaitFor(1)[0].status, kIOReturnAborted);
    EXPECT_EQ(stream->AsyncIO(buffer.memory.get(), 8, action.get(), 0), kIOReturnNotOpen);
    ASSERT_EQ(pipe->EnableStreams(), kIOReturnSuccess);
    EXPECT_EQ(stream->IO(buffer.memory.get(), 8, nullptr, 0), kIOReturnNotOpen);
    EXPECT_EQ(interface->Close(rig.driver.get(), 0), kIOReturnSuccess);
    EXPECT_EQ(pipe->EnableStreams(), kIOReturnNotOpen);
}

TEST_F(Isochronous, EndpointWithoutStreams_HasNone) {
    EXPECT_EQ(pipe->EnableStreams(), kIOReturnUnsupported);
    EXPECT_EQ(pipe->DisableStreams(), kIOReturnNotReady);
}

}  // namespace
}  // namespace opendext::usb
