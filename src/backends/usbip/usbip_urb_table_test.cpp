// SPDX-License-Identifier: Apache-2.0
#include "backends/usbip/usbip_urb_table.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backends/usbip/test_transfer.h"
#include "base/unique_fd.h"

namespace opendext::backends {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Bytes = std::vector<std::byte>;

constexpr uint32_t kDeviceId = 0x10005;

Bytes Pattern(size_t num_bytes, uint8_t first) {
    Bytes bytes(num_bytes);
    for (std::byte &each : bytes) {
        each = std::byte{first++};
    }
    return bytes;
}

/// A table with its queue and reader; the test is the server.
class UsbipUrbTableTest : public ::testing::Test {
protected:
    UsbipUrbTableTest() {
        std::array<int, 2> ends = {-1, -1};
        EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
        near_.Reset(ends[0]);
        far_.Reset(ends[1]);
    }

    void Start(TestTransfer &transfer) {
        table_.Start(transfer, {.interval = 4, .frame_nanoseconds = 1000});
        ReportEnded();
    }

    void Cancel(TestTransfer &transfer) {
        for (const uint32_t seqnum : table_.Cancel(transfer)) {
            reader_.Discard(seqnum);
        }
        ReportEnded();
    }

    /// Gives the reader what a server sends.
    std::expected<void, UsbipError> Feed(std::span<const std::byte> bytes) {
        while (!bytes.empty()) {
            const auto room = reader_.Room();
            EXPECT_FALSE(room.empty());
            const size_t length = std::min(bytes.size(), room.front().iov_len);
            std::memcpy(room.front().iov_base, bytes.data(), length);
            bytes = bytes.subspan(length);
            if (auto taken = reader_.Advance(length); !taken) {
                return taken;
            }
        }
        ReportEnded();
        return {};
    }

    std::expected<void, UsbipError> Reply(UsbipSubmitReply reply, const Bytes &data = {}) {
        Bytes bytes;
        reply.num_bytes =
            reply.num_bytes == 0 ? static_cast<uint32_t>(data.size()) : reply.num_bytes;
        EncodeUsbip(reply, bytes);
        bytes.insert(bytes.end(), data.begin(), data.end());
        return Feed(bytes);
    }

    std::expected<void, UsbipError> ReplyUnlink(uint32_t seqnum, int32_t status) {
        Bytes bytes;
        EncodeUsbip(UsbipUnlinkReply{.from = {.seqnum = seqnum}, .status = status}, bytes);
        return Feed(bytes);
    }

    /// The next `num_bytes` that the client sends.
    Bytes Take(size_t num_bytes) {
        EXPECT_TRUE(queue_.Flush(near_.get()));
        Bytes bytes(num_bytes);
        size_t offset = 0;
        while (offset < num_bytes) {
            const ssize_t length =
                recv(far_.get(), bytes.data() + offset, num_bytes - offset, MSG_DONTWAIT);
            if (length <= 0) {
                ADD_FAILURE() << "the client has sent " << offset << " of " << num_bytes
                              << " bytes";
                break;
            }
            offset += static_cast<size_t>(length);
            EXPECT_TRUE(queue_.Flush(near_.get()));
        }
        return bytes;
    }

    UsbipCommand TakeCommand() {
        const Bytes bytes = Take(kUsbipHeaderBytes);
        auto command = DecodeUsbipCommand(std::span<const std::byte, kUsbipHeaderBytes>(bytes));
        EXPECT_TRUE(command);
        return command.value_or(UsbipSubmit());
    }

    UsbipSubmit TakeSubmit() {
        const UsbipCommand command = TakeCommand();
        const auto *submit = std::get_if<UsbipSubmit>(&command);
        EXPECT_NE(submit, nullptr);
        return submit == nullptr ? UsbipSubmit() : *submit;
    }

    bool HasSentNothing() {
        EXPECT_TRUE(queue_.Flush(near_.get()));
        std::byte one;
        return recv(far_.get(), &one, 1, MSG_DONTWAIT) < 0;
    }

    UniqueFd near_;
    UniqueFd far_;
    UsbipSendQueue queue_;
    UsbipUrbTable table_{kDeviceId, queue_};
    UsbipReplyReader reader_{table_};

private:
    void ReportEnded() {
        for (const UsbipEndedTransfer &ended : table_.TakeEnded()) {
            ended.transfer->OnComplete(ended.outcome);
        }
    }
};

TEST_F(UsbipUrbTableTest, ControlOut_CarriesSetupAndData) {
    auto transfer = TestTransfer::Control(
        {.request_type = 0x40, .request = 0x10, .value = 0x1234, .index = 0x5678, .length = 3});
    transfer->Fill(1);
    Start(*transfer);
    const UsbipSubmit submit = TakeSubmit();
    EXPECT_EQ(submit.to.device_id, kDeviceId);
    EXPECT_FALSE(submit.to.is_in);
    EXPECT_EQ(submit.num_bytes, 3U);
    EXPECT_EQ(submit.setup[2], std::byte{0x34});
    EXPECT_EQ(Take(3), Pattern(3, 1));
    ASSERT_TRUE(Reply({.from = {.seqnum = submit.to.seqnum}, .num_bytes = 3}));
    EXPECT_EQ(transfer->Await().num_bytes, 3U);
}

TEST_F(UsbipUrbTableTest, InData_IsScatteredIntoThePieces) {
    auto transfer = TestTransfer::Bulk(0x81, {3, 0, 5, 4});
    Start(*transfer);
    const UsbipSubmit submit = TakeSubmit();
    EXPECT_TRUE(submit.to.is_in);
    EXPECT_EQ(submit.to.endpoint, 1);
    EXPECT_EQ(submit.num_bytes, 12U);
    ASSERT_TRUE(Reply({.from = {.seqnum = submit.to.seqnum}}, Pattern(10, 1)));
    EXPECT_EQ(transfer->Await().status, UsbStatus::kSuccess);
    EXPECT_EQ(transfer->Await().num_bytes, 10U);
    Bytes expected = Pattern(10, 1);
    expected.resize(12);
    EXPECT_EQ(transfer->Bytes(), expected);
}

TEST_F(UsbipUrbTableTest, ManyInFlight_EndByTheirNumbers) {
    std::vector<std::unique_ptr<TestTransfer>> transfers;
    std::vector<uint32_t> seqnums;
    for (int i = 0; i < 1000; ++i) {
        transfers.push_back(TestTransfer::Bulk(0x81, {16}));
        Start(*transfers.back());
        seqnums.push_back(TakeSubmit().to.seqnum);
    }
    for (size_t i = 0; i < seqnums.size(); ++i) {
        ASSERT_TRUE(Reply({.from = {.seqnum = seqnums[i]}}, Pattern(16, static_cast<uint8_t>(i))));
        EXPECT_EQ(transfers[i]->Bytes(), Pattern(16, static_cast<uint8_t>(i)));
    }
}

TEST_F(UsbipUrbTableTest, LongInTransfer_AsksForTheNextPartWhenOneIsFull) {
    auto transfer = TestTransfer::Bulk(0x81, {kUsbipMaxUrbBytes + 100});
    auto behind = TestTransfer::Bulk(0x81, {10});
    Start(*transfer);
    Start(*behind);
    const UsbipSubmit first = TakeSubmit();
    EXPECT_EQ(first.num_bytes, kUsbipMaxUrbBytes);
    EXPECT_TRUE(HasSentNothing());
    ASSERT_TRUE(Reply({.from = {.seqnum = first.to.seqnum}}, Pattern(kUsbipMaxUrbBytes, 0)));
    const UsbipSubmit second = TakeSubmit();
    EXPECT_EQ(second.num_bytes, 100U);
    EXPECT_EQ(TakeSubmit().num_bytes, 10U);
    ASSERT_TRUE(Reply({.from = {.seqnum = second.to.seqnum}}, Pattern(50, 0)));
    EXPECT_EQ(transfer->Await().num_bytes, kUsbipMaxUrbBytes + 50);
    EXPECT_EQ(behind->num_completions(), 0);
}

TEST_F(UsbipUrbTableTest, ShortPartOfALongInTransfer_EndsIt) {
    auto transfer = TestTransfer::Bulk(0x81, {size_t{3} * kUsbipMaxUrbBytes});
    Start(*transfer);
    ASSERT_TRUE(Reply({.from = {.seqnum = TakeSubmit().to.seqnum}}, Pattern(512, 0)));
    EXPECT_EQ(transfer->Await().num_bytes, 512U);
    EXPECT_TRUE(HasSentNothing());
}

TEST_F(UsbipUrbTableTest, LongOutTransferThatStalls_TakesItsOtherPartsBack) {
    auto transfer = TestTransfer::Bulk(0x02, {size_t{2} * kUsbipMaxUrbBytes});
    Start(*transfer);
    const UsbipSubmit first = TakeSubmit();
    (void)Take(first.num_bytes);
    const UsbipSubmit second = TakeSubmit();
    (void)Take(second.num_bytes);
    ASSERT_TRUE(Reply({.from = {.seqnum = first.to.seqnum}, .status = -EPIPE, .num_bytes = 1024}));
    EXPECT_EQ(transfer->Await().status, UsbStatus::kStalled);
    EXPECT_EQ(transfer->Await().num_bytes, 1024U);
    EXPECT_EQ(std::get<UsbipUnlink>(TakeCommand()).victim, second.to.seqnum);
}

TEST_F(UsbipUrbTableTest, CancelledTransfer_IsOverAtOnceAndItsLateReplyIsSteppedOver) {
    auto transfer = TestTransfer::Bulk(0x81, {64});
    auto next = TestTransfer::Bulk(0x81, {64});
    Start(*transfer);
    Start(*next);
    const uint32_t seqnum = TakeSubmit().to.seqnum;
    const uint32_t next_seqnum = TakeSubmit().to.seqnum;
    Cancel(*transfer);
    EXPECT_EQ(transfer->Await().status, UsbStatus::kAborted);
    const auto unlink = std::get<UsbipUnlink>(TakeCommand());
    EXPECT_EQ(unlink.victim, seqnum);
    transfer.reset();  // AddressSanitizer sees who writes there now
    ASSERT_TRUE(Reply({.from = {.seqnum = seqnum}}, Pattern(64, 1)));
    ASSERT_TRUE(ReplyUnlink(unlink.to.seqnum, 0));
    ASSERT_TRUE(Reply({.from = {.seqnum = next_seqnum}}, Pattern(64, 2)));
    EXPECT_EQ(next->Bytes(), Pattern(64, 2));
    EXPECT_THAT(Reply({.from = {.seqnum = seqnum}}).error(), HasSubstr("not outstanding"));
}

TEST_F(UsbipUrbTableTest, ReplyAfterTheUnlinkReply_IsSteppedOver) {
    auto transfer = TestTransfer::Bulk(0x81, {64});
    Start(*transfer);
    const uint32_t seqnum = TakeSubmit().to.seqnum;
    Cancel(*transfer);
    ASSERT_TRUE(ReplyUnlink(std::get<UsbipUnlink>(TakeCommand()).to.seqnum, -ECONNRESET));
    transfer.reset();
    EXPECT_TRUE(Reply({.from = {.seqnum = seqnum}}, Pattern(64, 1)));
}

TEST_F(UsbipUrbTableTest, TransferCancelledWhileItIsReceived_IsNotWrittenAnyMore) {
    auto transfer = TestTransfer::Bulk(0x81, {100000});
    auto next = TestTransfer::Bulk(0x81, {4});
    Start(*transfer);
    Start(*next);
    const uint32_t seqnum = TakeSubmit().to.seqnum;
    const uint32_t next_seqnum = TakeSubmit().to.seqnum;
    Bytes bytes;
    EncodeUsbip(UsbipSubmitReply{.from = {.seqnum = seqnum}, .num_bytes = 100000}, bytes);
    bytes.resize(bytes.size() + 100000, std::byte{9});
    ASSERT_TRUE(Feed(std::span(bytes).first(1000)));
    Cancel(*transfer);
    EXPECT_EQ(transfer->num_completions(), 1);
    transfer.reset();
    ASSERT_TRUE(Feed(std::span(bytes).subspan(1000)));
    ASSERT_TRUE(Reply({.from = {.seqnum = next_seqnum}}, Pattern(4, 1)));
    EXPECT_EQ(next->Bytes(), Pattern(4, 1));
}

TEST_F(UsbipUrbTableTest, TransferCancelledBeforeItIsSent_LeavesNoTrace) {
    auto transfer = TestTransfer::Bulk(0x02, {64});
    Start(*transfer);
    Cancel(*transfer);
    EXPECT_EQ(transfer->Await().status, UsbStatus::kAborted);
    EXPECT_TRUE(HasSentNothing());
}

TEST_F(UsbipUrbTableTest, ServerThatNeverAnswersUnlinks_IsGivenUp) {
    for (size_t i = 0; i <= kUsbipMaxUnlinks && !table_.failure(); ++i) {
        auto transfer = TestTransfer::Bulk(0x81, {1});
        Start(*transfer);
        (void)TakeSubmit();
        Cancel(*transfer);
        (void)TakeCommand();
    }
    ASSERT_TRUE(table_.failure());
    EXPECT_THAT(*table_.failure(), HasSubstr("has not answered"));
}

TEST_F(UsbipUrbTableTest, IsochronousIn_PutsPacketsWhereTheyBelong) {
    auto transfer = TestTransfer::Isochronous(0x83, {4, 4, 4});
    Start(*transfer);
    const UsbipSubmit submit = TakeSubmit();
    EXPECT_EQ(submit.num_frames, 3U);
    EXPECT_EQ(submit.interval, 4U);
    const auto frames = DecodeUsbipFrames(Take(3 * kUsbipFrameBytes));
    EXPECT_EQ(frames[2].offset, 8U);
    Bytes body = Pattern(6, 1);
    EncodeUsbip(UsbipFrame{.num_bytes = 4, .num_done = 2}, body);
    EncodeUsbip(UsbipFrame{.offset = 4, .num_bytes = 4, .status = -EXDEV}, body);
    EncodeUsbip(UsbipFrame{.offset = 8, .num_bytes = 4, .num_done = 4}, body);
    ASSERT_TRUE(
        Reply({.from = {.seqnum = submit.to.seqnum}, .num_bytes = 6, .num_frames = 3}, body));
    EXPECT_EQ(transfer->Await().num_bytes, 6U);
    EXPECT_EQ(transfer->frames[0].num_done, 2U);
    EXPECT_EQ(transfer->frames[1].status, UsbStatus::kUnderrun);
    EXPECT_EQ(transfer->frames[2].status, UsbStatus::kSuccess);
    EXPECT_EQ(transfer->frames[2].mach_time, transfer->frames[0].mach_time + 2000);
    const Bytes bytes = transfer->Bytes();
    EXPECT_EQ(bytes[1], std::byte{2});
    EXPECT_EQ(bytes[8], std::byte{3});
}

TEST_F(UsbipUrbTableTest, MoreIsochronousPacketsThanLinuxTakes_AreSeveralCommands) {
    auto transfer = TestTransfer::Isochronous(0x83, std::vector<uint32_t>(1500, 8));
    Start(*transfer);
    const UsbipSubmit first = TakeSubmit();
    (void)Take(first.num_frames * kUsbipFrameBytes);
    const UsbipSubmit second = TakeSubmit();
    EXPECT_EQ(first.num_frames, 1024U);
    EXPECT_EQ(second.num_frames, 476U);
    EXPECT_EQ(second.num_bytes, 476U * 8);
}

TEST_F(UsbipUrbTableTest, RequestsThatMakeNoSense_AreRefused) {
    auto stream = TestTransfer::Bulk(0x81, {8});
    stream->stream = 1;
    auto zero = TestTransfer::Bulk(0x80, {8});
    auto frameless = TestTransfer::Isochronous(0x83, {});
    for (auto *each : {stream.get(), zero.get(), frameless.get()}) {
        Start(*each);
        EXPECT_NE(each->Await().status, UsbStatus::kSuccess);
    }
    EXPECT_TRUE(HasSentNothing());
}

struct HostileReply {
    const char *name;
    UsbipSubmitReply reply;
    const char *complaint;
};

class UsbipHostileReply : public UsbipUrbTableTest,
                          public ::testing::WithParamInterface<HostileReply> {};

TEST_P(UsbipHostileReply, EndsTheConversation) {
    auto transfer = TestTransfer::Bulk(0x81, {64});
    Start(*transfer);
    ASSERT_EQ(TakeSubmit().to.seqnum, 1U);
    const auto taken = Reply(GetParam().reply);
    ASSERT_FALSE(taken);
    EXPECT_THAT(taken.error(), HasSubstr(GetParam().complaint));
    EXPECT_EQ(transfer->num_completions(), 0);
}

INSTANTIATE_TEST_SUITE_P(
    Fields, UsbipHostileReply,
    ::testing::Values(
        HostileReply{"UnknownNumber", {.from = {.seqnum = 2}}, "not outstanding"},
        HostileReply{"TooLong", {.from = {.seqnum = 1}, .num_bytes = 65}, "at most 64"},
        HostileReply{"OtherEndpoint", {.from = {.seqnum = 1, .endpoint = 2}}, "endpoint 2"},
        HostileReply{"OtherDevice", {.from = {.seqnum = 1, .device_id = 9}}, "device 0x9"},
        HostileReply{
            "UnexpectedPackets", {.from = {.seqnum = 1}, .num_frames = 1}, "1 isochronous"}),
    [](const auto &info) { return info.param.name; });

TEST_F(UsbipUrbTableTest, ReplyToACommandNotSentYet_EndsTheConversation) {
    auto transfer = TestTransfer::Bulk(0x02, {64});
    Start(*transfer);
    EXPECT_FALSE(Reply({.from = {.seqnum = 1}}));
}

TEST_F(UsbipUrbTableTest, UnlinkReplyThatNobodyWaitsFor_EndsTheConversation) {
    EXPECT_FALSE(ReplyUnlink(5, 0));
}

TEST_F(UsbipUrbTableTest, IsochronousPacketsThatDoNotAddUp_EndTheConversation) {
    auto transfer = TestTransfer::Isochronous(0x83, {4, 4});
    Start(*transfer);
    const uint32_t seqnum = TakeSubmit().to.seqnum;
    (void)Take(2 * kUsbipFrameBytes);
    Bytes body = Pattern(6, 1);
    EncodeUsbip(UsbipFrame{.num_bytes = 4, .num_done = 4}, body);
    EncodeUsbip(UsbipFrame{.num_bytes = 4, .num_done = 1}, body);
    EXPECT_FALSE(Reply({.from = {.seqnum = seqnum}, .num_bytes = 6, .num_frames = 2}, body));
}

TEST_F(UsbipUrbTableTest, EndOfTheConnection_EndsEverythingOnce) {
    auto first = TestTransfer::Bulk(0x81, {64});
    auto second = TestTransfer::Bulk(0x02, {64});
    Start(*first);
    Start(*second);
    table_.EndAll(UsbStatus::kRemoved);
    const auto ended = table_.TakeEnded();
    EXPECT_EQ(ended.size(), 2U);
    table_.EndAll(UsbStatus::kRemoved);
    EXPECT_THAT(table_.TakeEnded(), IsEmpty());
}

}  // namespace
}  // namespace opendext::backends
