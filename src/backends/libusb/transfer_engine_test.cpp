// SPDX-License-Identifier: Apache-2.0
#include "backends/libusb/transfer_engine.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "backends/libusb/mapped_blocks.h"
#include "base/log.h"

namespace opendext::backends {
namespace {

constexpr uint64_t kMiB = 1024UL * 1024;
constexpr UsbEndpointAddress kIn{0x81};
constexpr UsbEndpointAddress kOut{0x02};

struct TestTransfer final : UsbTransfer {
    void OnComplete(const UsbOutcome & /*outcome*/) override {}

    std::vector<std::byte> memory;
};

/// The kernel's side: takes transfers, and ends them when the test says so.
class Kernel final : public LibusbSubmission {
public:
    int Submit(libusb_transfer *transfer) override {
        if (refuses) {
            return *refuses;
        }
        under_way.push_back(transfer);
        const auto meanwhile = std::exchange(during_next_submit, {});
        return meanwhile ? meanwhile() : 0;
    }
    int Cancel(libusb_transfer *transfer) override {
        cancelled.push_back(transfer);
        return 0;
    }
    void Wake() override { ++num_wakes; }
    std::byte *MapMemory(size_t num_bytes) override {
        return has_memory ? mapped.Map(num_bytes) : nullptr;
    }
    void UnmapMemory(std::byte *memory, size_t /*num_bytes*/) override { mapped.Unmap(memory); }
    /// Whether the data of a transfer lies in memory of ours.
    [[nodiscard]] bool Holds(const libusb_transfer *transfer) const {
        return mapped.contains(reinterpret_cast<std::byte *>(transfer->buffer));
    }

    void Finish(libusb_transfer *transfer, int num_bytes,
                libusb_transfer_status status = LIBUSB_TRANSFER_COMPLETED) {
        std::erase(under_way, transfer);
        transfer->status = status;
        transfer->actual_length = num_bytes;
        transfer->callback(transfer);
    }
    void FinishFirst(libusb_transfer_status status = LIBUSB_TRANSFER_COMPLETED) {
        Finish(under_way.front(),
               status == LIBUSB_TRANSFER_COMPLETED ? under_way.front()->length : 0, status);
    }

    std::deque<libusb_transfer *> under_way;
    std::vector<libusb_transfer *> cancelled;
    std::optional<int> refuses;
    std::function<int()> during_next_submit;  // Returns what Submit returns.
    int num_wakes = 0;
    bool has_memory = false;
    MappedBlocks mapped;
};

class TransferEngineTest : public testing::Test {
protected:
    TestTransfer &Make(UsbTransferType type, UsbEndpointAddress endpoint, uint64_t num_bytes) {
        auto transfer = std::make_unique<TestTransfer>();
        transfer->type = type;
        transfer->endpoint = endpoint;
        transfer->memory.resize(num_bytes);
        transfer->buffer = {{.address = transfer->memory.data(), .num_bytes = num_bytes}};
        transfers_.push_back(std::move(transfer));
        return *transfers_.back();
    }
    TestTransfer &StartBulk(UsbEndpointAddress endpoint, uint64_t num_bytes) {
        TestTransfer &transfer = Make(UsbTransferType::kBulk, endpoint, num_bytes);
        engine_.Start(transfer);
        return transfer;
    }
    /// How a transfer ended, reported once; nothing while it has not.
    std::optional<UsbOutcome> EndOf(const UsbTransfer &transfer) {
        engine_.ReportEnded();
        std::optional<UsbOutcome> end;
        for (const auto &[ended, outcome] : reports_) {
            if (ended == &transfer) {
                EXPECT_FALSE(end) << "reported twice";
                end = outcome;
            }
        }
        return end;
    }
    void ExpectEnd(const UsbTransfer &transfer, UsbStatus status, uint64_t num_bytes) {
        const std::optional<UsbOutcome> end = EndOf(transfer);
        ASSERT_TRUE(end.has_value());
        EXPECT_EQ(end->status, status);
        EXPECT_EQ(end->num_bytes, num_bytes);
    }
    void TearDown() override {
        engine_.ReportEnded();
        EXPECT_TRUE(engine_.IsIdle());
        EXPECT_EQ(reports_.size(), transfers_.size());
        SetLogSink({});
    }

    Kernel kernel_;
    std::vector<std::unique_ptr<TestTransfer>> transfers_;
    std::vector<std::pair<const UsbTransfer *, UsbOutcome>> reports_;
    TransferEngine engine_{"device", nullptr, kernel_,
                           [this](const UsbTransfer &transfer, const UsbOutcome &outcome) {
                               reports_.emplace_back(&transfer, outcome);
                           },
                           std::chrono::milliseconds(0)};
};

TEST_F(TransferEngineTest, ContiguousBuffer_IsGivenToLibusbItself) {
    TestTransfer &transfer = StartBulk(kIn, 512);
    ASSERT_EQ(kernel_.under_way.size(), 1U);
    EXPECT_EQ(static_cast<void *>(kernel_.under_way[0]->buffer), transfer.memory.data());
    EXPECT_EQ(kernel_.under_way[0]->endpoint, 0x81);
    EXPECT_EQ(kernel_.under_way[0]->timeout, 0U);
    EXPECT_FALSE(EndOf(transfer));
    kernel_.FinishFirst();
    ExpectEnd(transfer, UsbStatus::kSuccess, 512);
}

TEST_F(TransferEngineTest, End_IsReportedWithinLibusbsCallback) {
    TestTransfer &transfer = StartBulk(kIn, 512);
    kernel_.FinishFirst();
    ASSERT_EQ(reports_.size(), 1U) << "before libusb comes to what else has ended";
    EXPECT_EQ(reports_[0].first, &transfer);
}

TEST_F(TransferEngineTest, EndWhileItIsSubmitted_IsReportedOnce) {
    kernel_.during_next_submit = [this] {
        kernel_.FinishFirst();
        return 0;
    };
    TestTransfer &transfer = StartBulk(kIn, 512);
    EXPECT_EQ(reports_.size(), 1U);
    ExpectEnd(transfer, UsbStatus::kSuccess, 512);
}

TEST_F(TransferEngineTest, CancelWhileItIsSubmitted_CallsItBackAfterwards) {
    TestTransfer &transfer = Make(UsbTransferType::kBulk, kIn, 512);
    kernel_.during_next_submit = [&] {
        engine_.Cancel(transfer);
        EXPECT_TRUE(kernel_.cancelled.empty()) << "libusb does not know it yet";
        return 0;
    };
    engine_.Start(transfer);
    EXPECT_EQ(kernel_.cancelled.size(), 1U);
    kernel_.FinishFirst(LIBUSB_TRANSFER_CANCELLED);
    ExpectEnd(transfer, UsbStatus::kAborted, 0);
}

TEST_F(TransferEngineTest, CancelWhileItIsRefused_EndsItWithoutALogLine) {
    std::vector<std::string> lines;
    SetLogSink([&](LogLevel, std::string_view line) { lines.emplace_back(line); });
    TestTransfer &transfer = Make(UsbTransferType::kBulk, kIn, 512);
    kernel_.during_next_submit = [&] {
        engine_.Cancel(transfer);
        kernel_.under_way.clear();
        return LIBUSB_ERROR_IO;
    };
    engine_.Start(transfer);
    EXPECT_EQ(kernel_.num_wakes, 1);
    ExpectEnd(transfer, UsbStatus::kAborted, 0);
    EXPECT_TRUE(lines.empty());
}

TEST_F(TransferEngineTest, StartWhileAnotherOneIsSubmitted_KeepsTheOrder) {
    TestTransfer *second = nullptr;
    kernel_.during_next_submit = [&] {
        second = &StartBulk(kIn, 100);
        EXPECT_EQ(kernel_.under_way.size(), 1U);
        return 0;
    };
    TestTransfer &first = StartBulk(kIn, 512);
    ASSERT_EQ(kernel_.under_way.size(), 2U);
    EXPECT_EQ(kernel_.under_way[1]->length, 100);
    kernel_.FinishFirst();
    kernel_.FinishFirst();
    ExpectEnd(first, UsbStatus::kSuccess, 512);
    ExpectEnd(*second, UsbStatus::kSuccess, 100);
}

TEST_F(TransferEngineTest, StallWhileALaterPieceIsSubmitted_CallsThatBackToo) {
    TestTransfer &large = StartBulk(kOut, kMiB * 5);
    kernel_.FinishFirst();
    ASSERT_EQ(kernel_.under_way.size(), 4U);
    TestTransfer &other = StartBulk(kOut, kMiB * 2);
    kernel_.during_next_submit = [this] {  // The first piece of the other one.
        kernel_.Finish(kernel_.under_way.front(), 0, LIBUSB_TRANSFER_STALL);
        return 0;
    };
    kernel_.FinishFirst();
    EXPECT_EQ(kernel_.cancelled.size(), 2U) << "the large one's last pieces, and no others";
    while (!kernel_.under_way.empty()) {
        kernel_.FinishFirst();
    }
    ExpectEnd(large, UsbStatus::kStalled, kMiB * 2);
    ExpectEnd(other, UsbStatus::kSuccess, kMiB * 2);
}

TEST_F(TransferEngineTest, StallWhileItsOwnNextPieceIsSubmitted_CallsThatBack) {
    kernel_.during_next_submit = [this] {
        kernel_.during_next_submit = [this] {
            kernel_.Finish(kernel_.under_way.front(), 0, LIBUSB_TRANSFER_STALL);
            EXPECT_TRUE(kernel_.cancelled.empty());
            return 0;
        };
        return 0;
    };
    TestTransfer &transfer = StartBulk(kOut, kMiB * 3);
    EXPECT_EQ(kernel_.cancelled.size(), 1U);
    ASSERT_EQ(kernel_.under_way.size(), 1U) << "and nothing is submitted after it";
    kernel_.FinishFirst(LIBUSB_TRANSFER_CANCELLED);
    ExpectEnd(transfer, UsbStatus::kStalled, 0);
}

TEST_F(TransferEngineTest, MemoryThatComesFreeMeanwhile_IsAskedForAgain) {
    TestTransfer &first = StartBulk(kIn, 512);
    kernel_.during_next_submit = [this] {
        kernel_.under_way.pop_back();
        kernel_.FinishFirst();
        return LIBUSB_ERROR_NO_MEM;
    };
    TestTransfer &second = StartBulk(kIn, 513);
    ExpectEnd(first, UsbStatus::kSuccess, 512);
    ASSERT_EQ(kernel_.under_way.size(), 1U);
    kernel_.FinishFirst();
    ExpectEnd(second, UsbStatus::kSuccess, 513);
}

TEST_F(TransferEngineTest, TransfersOfOneEndpoint_AreUnderWayTogetherInOrder) {
    TestTransfer &first = StartBulk(kIn, 512);
    TestTransfer &second = StartBulk(kIn, 100);
    TestTransfer &empty = StartBulk(kIn, 0);
    ASSERT_EQ(kernel_.under_way.size(), 3U);
    kernel_.FinishFirst();
    kernel_.FinishFirst();
    kernel_.FinishFirst();
    ExpectEnd(first, UsbStatus::kSuccess, 512);
    ExpectEnd(second, UsbStatus::kSuccess, 100);
    ExpectEnd(empty, UsbStatus::kSuccess, 0);
    EXPECT_EQ(reports_[0].first, &first);
    EXPECT_EQ(reports_[1].first, &second);
}

TEST_F(TransferEngineTest, LargeRead_GoesPieceByPieceAndTheNextTransferWaits) {
    TestTransfer &large = StartBulk(kIn, kMiB * 2 + 10);
    TestTransfer &next = StartBulk(kIn, 512);
    ASSERT_EQ(kernel_.under_way.size(), 1U);
    kernel_.FinishFirst();
    ASSERT_EQ(kernel_.under_way.size(), 1U);
    kernel_.FinishFirst();
    ASSERT_EQ(kernel_.under_way.size(), 2U) << "the last piece, and the next transfer behind it";
    EXPECT_EQ(kernel_.under_way[0]->length, 10);
    kernel_.FinishFirst();
    kernel_.FinishFirst();
    ExpectEnd(large, UsbStatus::kSuccess, kMiB * 2 + 10);
    ExpectEnd(next, UsbStatus::kSuccess, 512);
}

TEST_F(TransferEngineTest, ShortPacket_EndsTheWholeTransfer) {
    TestTransfer &large = StartBulk(kIn, kMiB * 3);
    TestTransfer &next = StartBulk(kIn, 512);
    kernel_.FinishFirst();
    kernel_.Finish(kernel_.under_way.front(), 700);
    ExpectEnd(large, UsbStatus::kSuccess, kMiB + 700);
    kernel_.FinishFirst();
    ExpectEnd(next, UsbStatus::kSuccess, 512);
}

TEST_F(TransferEngineTest, LargeWrite_IsUnderWayUpToTheLimit) {
    TestTransfer &large = StartBulk(kOut, kMiB * 6);
    EXPECT_EQ(kernel_.under_way.size(), 4U);
    for (int i = 0; i < 6; ++i) {
        kernel_.FinishFirst();
    }
    ExpectEnd(large, UsbStatus::kSuccess, kMiB * 6);
}

TEST_F(TransferEngineTest, StalledWrite_CallsTheRestBackFromTheEnd) {
    TestTransfer &large = StartBulk(kOut, kMiB * 6);
    const std::vector<libusb_transfer *> pieces(kernel_.under_way.begin(), kernel_.under_way.end());
    kernel_.FinishFirst();
    kernel_.Finish(kernel_.under_way.front(), 1024, LIBUSB_TRANSFER_STALL);
    ASSERT_EQ(kernel_.cancelled.size(), 3U);
    EXPECT_EQ(kernel_.cancelled[2], pieces[2]);
    EXPECT_FALSE(EndOf(large));
    while (!kernel_.under_way.empty()) {
        kernel_.FinishFirst(LIBUSB_TRANSFER_CANCELLED);
    }
    ExpectEnd(large, UsbStatus::kStalled, kMiB + 1024);
}

TEST_F(TransferEngineTest, Cancel_EndsWithWhatHadMoved) {
    TestTransfer &transfer = StartBulk(kIn, 512);
    engine_.Cancel(transfer);
    EXPECT_FALSE(EndOf(transfer)) << "libusb still has it";
    engine_.Cancel(transfer);
    EXPECT_EQ(kernel_.cancelled.size(), 1U);
    kernel_.Finish(kernel_.under_way.front(), 64, LIBUSB_TRANSFER_CANCELLED);
    ExpectEnd(transfer, UsbStatus::kAborted, 64);
    engine_.Cancel(transfer);
}

TEST_F(TransferEngineTest, CancelThatComesTooLate_IsASuccess) {
    TestTransfer &transfer = StartBulk(kIn, 512);
    engine_.Cancel(transfer);
    kernel_.FinishFirst();
    ExpectEnd(transfer, UsbStatus::kSuccess, 512);
}

TEST_F(TransferEngineTest, CancelOfWhatWaits_EndsItAtOnceAndWakesTheReporter) {
    TestTransfer &large = StartBulk(kIn, kMiB * 2);
    TestTransfer &waits = StartBulk(kIn, 512);
    engine_.Cancel(waits);
    EXPECT_EQ(kernel_.num_wakes, 1);
    EXPECT_TRUE(kernel_.cancelled.empty());
    ExpectEnd(waits, UsbStatus::kAborted, 0);
    engine_.Cancel(large);
    kernel_.FinishFirst();
    ExpectEnd(large, UsbStatus::kAborted, kMiB);
}

TEST_F(TransferEngineTest, KernelWithoutMemory_IsAskedAgainWhenSomethingHasEnded) {
    TestTransfer &first = StartBulk(kIn, 512);
    kernel_.refuses = LIBUSB_ERROR_NO_MEM;
    TestTransfer &second = StartBulk(kIn, 513);
    TestTransfer &third = StartBulk(kOut, 514);
    EXPECT_FALSE(EndOf(second));
    kernel_.refuses.reset();
    kernel_.FinishFirst();
    ExpectEnd(first, UsbStatus::kSuccess, 512);
    ASSERT_EQ(kernel_.under_way.size(), 2U);
    kernel_.FinishFirst();
    kernel_.FinishFirst();
    ExpectEnd(second, UsbStatus::kSuccess, 513);
    ExpectEnd(third, UsbStatus::kSuccess, 514);
}

TEST_F(TransferEngineTest, KernelWithoutMemory_IsAskedAgainAfterAWhile) {
    TestTransfer &first = StartBulk(kIn, 512);
    EXPECT_FALSE(engine_.RetryStarved());
    kernel_.refuses = LIBUSB_ERROR_NO_MEM;
    const int num_wakes = kernel_.num_wakes;
    TestTransfer &second = StartBulk(kOut, 513);
    EXPECT_EQ(kernel_.num_wakes, num_wakes + 1) << "the thread has to look again by itself";
    EXPECT_TRUE(engine_.RetryStarved());
    EXPECT_EQ(kernel_.num_wakes, num_wakes + 1);
    kernel_.refuses.reset();
    EXPECT_FALSE(engine_.RetryStarved());
    ASSERT_EQ(kernel_.under_way.size(), 2U) << "nothing of this device had to end for it";
    kernel_.FinishFirst();
    kernel_.FinishFirst();
    ExpectEnd(first, UsbStatus::kSuccess, 512);
    ExpectEnd(second, UsbStatus::kSuccess, 513);
}

TEST_F(TransferEngineTest, RefusedTransfer_EndsWithALogLine) {
    std::vector<std::string> lines;
    SetLogSink([&](LogLevel, std::string_view line) { lines.emplace_back(line); });
    kernel_.refuses = LIBUSB_ERROR_NO_MEM;
    ExpectEnd(StartBulk(kIn, 512), UsbStatus::kNoResources, 0);
    kernel_.refuses = LIBUSB_ERROR_IO;
    ExpectEnd(StartBulk(kOut, 512), UsbStatus::kNotResponding, 0);
    ASSERT_EQ(lines.size(), 2U);
    EXPECT_NE(lines[0].find("usbfs_memory_mb"), std::string::npos) << lines[0];
    EXPECT_NE(lines[1].find("endpoint 0x02"), std::string::npos) << lines[1];
}

TEST_F(TransferEngineTest, Removal_EndsAllAndWhatComesLater) {
    TestTransfer &under_way = StartBulk(kIn, kMiB * 2);
    TestTransfer &waits = StartBulk(kIn, 512);
    engine_.Remove();
    ExpectEnd(waits, UsbStatus::kRemoved, 0);
    EXPECT_FALSE(EndOf(under_way));
    kernel_.FinishFirst(LIBUSB_TRANSFER_NO_DEVICE);
    ExpectEnd(under_way, UsbStatus::kRemoved, 0);
    const TestTransfer &later = StartBulk(kIn, 512);
    ASSERT_EQ(reports_.back().first, &later) << "reported within Start";
    EXPECT_EQ(reports_.back().second.status, UsbStatus::kRemoved);
}

TEST_F(TransferEngineTest, CancelAll_EndsEveryEndpoint) {
    TestTransfer &in = StartBulk(kIn, 512);
    TestTransfer &out = StartBulk(kOut, 512);
    engine_.CancelAll();
    EXPECT_EQ(kernel_.cancelled.size(), 2U);
    kernel_.FinishFirst(LIBUSB_TRANSFER_CANCELLED);
    kernel_.FinishFirst(LIBUSB_TRANSFER_CANCELLED);
    ExpectEnd(in, UsbStatus::kAborted, 0);
    ExpectEnd(out, UsbStatus::kAborted, 0);
}

TEST_F(TransferEngineTest, ControlRead_FillsTheBuffer) {
    TestTransfer &transfer = Make(UsbTransferType::kControl, {}, 64);
    transfer.setup = {.request_type = 0xC0, .request = 7, .value = 0x1234, .length = 20};
    engine_.Start(transfer);
    libusb_transfer *const request = kernel_.under_way.front();
    ASSERT_EQ(request->length, 28);
    const std::vector<uint8_t> setup = {0xC0, 7, 0x34, 0x12, 0, 0, 20, 0};
    EXPECT_TRUE(std::ranges::equal(setup, std::span(request->buffer, 8)));
    std::memset(request->buffer + 8, 0x5A, 20);
    kernel_.Finish(request, 5);
    ExpectEnd(transfer, UsbStatus::kSuccess, 5);
    EXPECT_EQ(transfer.memory[4], std::byte{0x5A});
    EXPECT_EQ(transfer.memory[5], std::byte{0});
}

TEST_F(TransferEngineTest, ControlWrite_SendsSeveralSpans) {
    TestTransfer &transfer = Make(UsbTransferType::kControl, {}, 4);
    transfer.memory = {std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}};
    transfer.buffer = {{.address = transfer.memory.data() + 2, .num_bytes = 2},
                       {.address = transfer.memory.data(), .num_bytes = 2}};
    transfer.setup = {.request_type = 0x40, .request = 1, .length = 4};
    engine_.Start(transfer);
    const std::vector<uint8_t> data = {3, 4, 1, 2};
    EXPECT_TRUE(std::ranges::equal(data, std::span(kernel_.under_way.front()->buffer + 8, 4)));
    kernel_.Finish(kernel_.under_way.front(), 4);
    ExpectEnd(transfer, UsbStatus::kSuccess, 4);
}

TEST_F(TransferEngineTest, RequestsThatLibusbCannotCarry_EndWithoutIt) {
    TestTransfer &long_control = Make(UsbTransferType::kControl, {}, 8192);
    long_control.setup.length = 5000;
    engine_.Start(long_control);
    ExpectEnd(long_control, UsbStatus::kUnsupported, 0);
    TestTransfer &no_room = Make(UsbTransferType::kControl, {}, 4);
    no_room.setup.length = 5;
    engine_.Start(no_room);
    ExpectEnd(no_room, UsbStatus::kInvalidArgument, 0);
    TestTransfer &no_frames = Make(UsbTransferType::kIsochronous, kIn, 4);
    engine_.Start(no_frames);
    ExpectEnd(no_frames, UsbStatus::kInvalidArgument, 0);
    EXPECT_TRUE(kernel_.under_way.empty());
}

TEST_F(TransferEngineTest, IsochronousRead_KeepsEachFramesPlace) {
    TestTransfer &transfer = Make(UsbTransferType::kIsochronous, kIn, 300);
    transfer.frames.resize(3, {.num_requested = 100});
    engine_.Start(transfer);
    libusb_transfer *const request = kernel_.under_way.front();
    ASSERT_EQ(request->num_iso_packets, 3);
    request->iso_packet_desc[0] = {.length = 100, .actual_length = 100};
    request->iso_packet_desc[1] = {.length = 100, .actual_length = 40};
    request->iso_packet_desc[2] = {.length = 100, .status = LIBUSB_TRANSFER_ERROR};
    kernel_.Finish(request, 140);
    ExpectEnd(transfer, UsbStatus::kSuccess, 140);
    EXPECT_EQ(transfer.frames[0].status, UsbStatus::kSuccess);
    EXPECT_EQ(transfer.frames[1].status, UsbStatus::kUnderrun);
    EXPECT_EQ(transfer.frames[1].num_done, 40U);
    EXPECT_EQ(transfer.frames[2].status, UsbStatus::kNotResponding);
    EXPECT_NE(transfer.frames[2].mach_time, 0U);
}

TEST_F(TransferEngineTest, Streams_HaveQueuesOfTheirOwn) {
    TestTransfer &first = Make(UsbTransferType::kBulk, kIn, kMiB * 2);
    first.stream = 1;
    TestTransfer &second = Make(UsbTransferType::kBulk, kIn, 512);
    second.stream = 2;
    engine_.Start(first);
    engine_.Start(second);
    ASSERT_EQ(kernel_.under_way.size(), 2U);
    EXPECT_EQ(kernel_.under_way[1]->type, LIBUSB_TRANSFER_TYPE_BULK_STREAM);
    EXPECT_EQ(libusb_transfer_get_stream_id(kernel_.under_way[1]), 2U);
    kernel_.Finish(kernel_.under_way[1], 512);
    ExpectEnd(second, UsbStatus::kSuccess, 512);
    kernel_.FinishFirst();
    kernel_.FinishFirst();
    ExpectEnd(first, UsbStatus::kSuccess, kMiB * 2);
}

class DeviceMemoryTransfers : public TransferEngineTest {
protected:
    DeviceMemoryTransfers() { kernel_.has_memory = true; }
};

TEST_F(DeviceMemoryTransfers, DataOut_IsInTheKernelsMemoryWhenItIsSubmitted) {
    TestTransfer &transfer = Make(UsbTransferType::kBulk, kOut, 64 * 1024);
    std::ranges::fill(transfer.memory, std::byte{7});
    engine_.Start(transfer);
    const libusb_transfer *const submitted = kernel_.under_way.at(0);
    EXPECT_TRUE(kernel_.Holds(submitted));
    EXPECT_EQ(submitted->length, 64 * 1024);
    EXPECT_EQ(std::memcmp(submitted->buffer, transfer.memory.data(), transfer.memory.size()), 0);
    kernel_.FinishFirst();
    ExpectEnd(transfer, UsbStatus::kSuccess, 64 * 1024);
}

TEST_F(DeviceMemoryTransfers, DataIn_IsInTheTransfersBufferAtItsEnd) {
    TestTransfer &transfer = StartBulk(kIn, 64 * 1024);
    libusb_transfer *const submitted = kernel_.under_way.at(0);
    ASSERT_TRUE(kernel_.Holds(submitted));
    std::memset(submitted->buffer, 9, 64 * 1024);
    kernel_.Finish(submitted, 1000);
    ExpectEnd(transfer, UsbStatus::kSuccess, 1000);
    EXPECT_EQ(std::ranges::count(transfer.memory, std::byte{9}), 1000) << "what came, no more";
}

TEST_F(DeviceMemoryTransfers, LargeTransfer_IsCutAndArrivesInOrder) {
    TestTransfer &transfer = StartBulk(kIn, 2 * kMiB + 5000);
    for (int piece = 1; piece <= 3; ++piece) {
        libusb_transfer *const submitted = kernel_.under_way.at(0);
        EXPECT_TRUE(kernel_.Holds(submitted));
        std::memset(submitted->buffer, piece, static_cast<size_t>(submitted->length));
        kernel_.FinishFirst();
    }
    ExpectEnd(transfer, UsbStatus::kSuccess, 2 * kMiB + 5000);
    EXPECT_EQ(transfer.memory[kMiB - 1], std::byte{1});
    EXPECT_EQ(transfer.memory[kMiB], std::byte{2});
    EXPECT_EQ(transfer.memory[2 * kMiB], std::byte{3});
    EXPECT_EQ(transfer.memory.back(), std::byte{3});
}

TEST_F(DeviceMemoryTransfers, ScatteredBuffer_IsGatheredThere) {
    TestTransfer &transfer = Make(UsbTransferType::kBulk, kOut, 8192);
    std::ranges::fill(transfer.memory, std::byte{3});
    transfer.memory[8191] = std::byte{4};
    transfer.buffer = {{.address = transfer.memory.data(), .num_bytes = 4096},
                       {.address = transfer.memory.data() + 4096, .num_bytes = 4096}};
    engine_.Start(transfer);
    const libusb_transfer *const submitted = kernel_.under_way.at(0);
    EXPECT_TRUE(kernel_.Holds(submitted));
    EXPECT_EQ(std::memcmp(submitted->buffer, transfer.memory.data(), 8192), 0);
    kernel_.FinishFirst();
    ExpectEnd(transfer, UsbStatus::kSuccess, 8192);
}

TEST_F(DeviceMemoryTransfers, OtherTypesAndSmallOnes_LieInTheirOwnBuffers) {
    TestTransfer &small = StartBulk(kOut, 512);
    TestTransfer &interrupt = Make(UsbTransferType::kInterrupt, {0x84}, 8192);
    engine_.Start(interrupt);
    EXPECT_TRUE(kernel_.mapped.empty());
    kernel_.FinishFirst();
    kernel_.FinishFirst();
    ExpectEnd(small, UsbStatus::kSuccess, 512);
    ExpectEnd(interrupt, UsbStatus::kSuccess, 8192);
}

TEST_F(DeviceMemoryTransfers, KernelWithoutMemory_GetsItBackAndIsAskedAgain) {
    StartBulk(kOut, 64 * 1024);
    kernel_.FinishFirst();
    ASSERT_EQ(kernel_.mapped.size(), 1U);
    kernel_.refuses = LIBUSB_ERROR_NO_MEM;
    TestTransfer &refused = StartBulk(kOut, 64 * 1024);
    EXPECT_TRUE(kernel_.mapped.empty());
    ExpectEnd(refused, UsbStatus::kNoResources, 0);
    kernel_.refuses.reset();
    TestTransfer &next = StartBulk(kOut, 64 * 1024);
    EXPECT_FALSE(kernel_.Holds(kernel_.under_way.at(0)));
    kernel_.FinishFirst();
    ExpectEnd(next, UsbStatus::kSuccess, 64 * 1024);
}

TEST_F(DeviceMemoryTransfers, CancelledTransfer_GivesItsMemoryBack) {
    TestTransfer &transfer = StartBulk(kIn, 64 * 1024);
    engine_.Cancel(transfer);
    kernel_.FinishFirst(LIBUSB_TRANSFER_CANCELLED);
    ExpectEnd(transfer, UsbStatus::kAborted, 0);
    StartBulk(kIn, 64 * 1024);
    EXPECT_EQ(kernel_.mapped.size(), 1U);
    kernel_.FinishFirst();
}

// What the kernel lacks, other processes may have and not use.
TEST_F(DeviceMemoryTransfers, KernelWithoutMemory_IsAskedForAWhileBeforeATransferIsRefused) {
    int num_ended = 0;
    TransferEngine patient(
        "device", nullptr, kernel_,
        [&](UsbTransfer &, const UsbOutcome &end) {
            EXPECT_EQ(end.status, UsbStatus::kSuccess);
            ++num_ended;
        },
        std::chrono::hours(1));
    TestTransfer transfer;
    transfer.type = UsbTransferType::kBulk;
    transfer.endpoint = kOut;
    transfer.memory.resize(64 * 1024);
    transfer.buffer = {{.address = transfer.memory.data(), .num_bytes = 64 * 1024}};
    kernel_.refuses = LIBUSB_ERROR_NO_MEM;
    patient.Start(transfer);
    EXPECT_TRUE(patient.RetryStarved());
    EXPECT_EQ(num_ended, 0);
    kernel_.refuses.reset();
    EXPECT_FALSE(patient.RetryStarved());
    kernel_.FinishFirst();
    EXPECT_EQ(num_ended, 1);
}

TEST_F(DeviceMemoryTransfers, MemoryOfManyTransfers_IsUsedAgain) {
    for (int i = 0; i < 50; ++i) {
        StartBulk(kOut, 64 * 1024);
        StartBulk(kIn, 64 * 1024);
        kernel_.FinishFirst();
        kernel_.FinishFirst();
    }
    EXPECT_EQ(kernel_.mapped.size(), 2U);
    EXPECT_TRUE(engine_.TrimMemory()) << "not unused for long";
}

}  // namespace
}  // namespace opendext::backends
