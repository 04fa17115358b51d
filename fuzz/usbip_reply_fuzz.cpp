// SPDX-License-Identifier: Apache-2.0
// Starts and cancels transfers of USB/IP and gives the client replies as the input says, without sockets or threads:
// many more of them in a second than usbip_server_fuzz tries.
#include <sys/socket.h>
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "backends/usbip/usbip_urb_table.h"

namespace {

using namespace opendext::backends;

void Require(bool truth) {
    if (!truth) {
        std::abort();
    }
}

class Transfer final : public UsbTransfer {
public:
    Transfer(UsbTransferType what, uint8_t address, size_t num_bytes) : memory_(num_bytes) {
        type = what;
        endpoint = {address};
        buffer.push_back({.address = memory_.data(), .num_bytes = num_bytes / 2});
        buffer.push_back(
            {.address = memory_.data() + num_bytes / 2, .num_bytes = num_bytes - num_bytes / 2});
        if (what == UsbTransferType::kControl) {
            setup = {.request_type = static_cast<uint8_t>(address & 0x80 ? 0xC0 : 0x40),
                     .length = static_cast<uint16_t>(num_bytes)};
            endpoint = {0};
        } else if (what == UsbTransferType::kIsochronous) {
            frames.resize(1 + num_bytes / 16,
                          {.num_requested = static_cast<uint32_t>(num_bytes / 32)});
        }
    }
    void OnComplete(const UsbOutcome &outcome) override {
        Require(outcome.num_bytes <= memory_.size());
    }

private:
    std::vector<std::byte> memory_;
};

class Session {
public:
    explicit Session(std::span<const uint8_t> input) : input_(input) {}

    // @return false when the client has had enough of such a server.
    bool Step() {
        switch (Take() % 8) {
            case 0:
                Start();
                break;
            case 1:
                Cancel();
                break;
            case 2:
                return FeedSubmitReply();
            case 3:
                return FeedUnlinkReply();
            case 4:
                return FeedRaw();
            case 5:
                SendAll();
                break;
            default:
                return FeedFrames();
        }
        return !table_.failure();
    }

    [[nodiscard]] bool IsOver() const { return input_.empty(); }

    void Finish() {
        table_.EndAll(UsbStatus::kRemoved);
        TakeEnded();
        Require(transfers_.empty());
    }

private:
    uint8_t Take() {
        const uint8_t first = input_.empty() ? 0 : input_.front();
        input_ = input_.subspan(input_.empty() ? 0 : 1);
        return first;
    }

    void Start() {
        const auto type = static_cast<UsbTransferType>(Take() % 4);
        const size_t num_bytes = size_t{Take()} << (Take() % 12);
        const uint8_t address = Take() & 0x83;
        if (transfers_.size() < 64) {
            transfers_.push_back(std::make_unique<Transfer>(
                type, address, type == UsbTransferType::kControl ? num_bytes % 65536 : num_bytes));
            table_.Start(*transfers_.back(), {.interval = 1, .frame_nanoseconds = 1});
            TakeEnded();
        }
    }

    void Cancel() {
        if (transfers_.empty()) {
            return;
        }
        for (const uint32_t seqnum : table_.Cancel(*transfers_[Take() % transfers_.size()])) {
            reader_.Discard(seqnum);
        }
        TakeEnded();
    }

    void SendAll() {
        static const std::array<int, 2> kEnds = [] {
            std::array<int, 2> ends = {-1, -1};
            Require(socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) == 0);
            return ends;
        }();
        static std::vector<std::byte> sink(1 << 20);
        while (!queue_.IsEmpty()) {
            Require(queue_.Flush(kEnds[0]).has_value());
            while (recv(kEnds[1], sink.data(), sink.size(), MSG_DONTWAIT) > 0) {}
        }
    }

    bool FeedSubmitReply() {
        UsbipSubmitReply reply{.from = {.seqnum = Take()}};
        reply.status = -static_cast<int32_t>(Take() % 128);
        reply.num_bytes = static_cast<uint32_t>(Take()) << (Take() % 12);
        reply.num_frames = Take() % 64;
        std::vector<std::byte> bytes;
        EncodeUsbip(reply, bytes);
        return Feed(bytes);
    }

    bool FeedUnlinkReply() {
        std::vector<std::byte> bytes;
        EncodeUsbip(UsbipUnlinkReply{.from = {.seqnum = Take()}}, bytes);
        return Feed(bytes);
    }

    bool FeedFrames() {
        std::vector<std::byte> bytes;
        for (int i = Take() % 16; i > 0; --i) {
            EncodeUsbip(UsbipFrame{.num_done = Take()}, bytes);
        }
        return Feed(bytes);
    }

    bool FeedRaw() {
        return Feed(std::vector<std::byte>(size_t{Take()} << (Take() % 10), std::byte{Take()}));
    }

    bool Feed(std::span<const std::byte> bytes) {
        while (!bytes.empty()) {
            const auto room = reader_.Room();
            Require(!room.empty() && room.front().iov_len != 0);
            const size_t length = std::min(bytes.size(), room.front().iov_len);
            std::memcpy(room.front().iov_base, bytes.data(), length);
            bytes = bytes.subspan(length);
            if (!reader_.Advance(length)) {
                return false;
            }
            TakeEnded();
        }
        return true;
    }

    void TakeEnded() {
        for (const UsbipEndedTransfer &ended : table_.TakeEnded()) {
            ended.transfer->OnComplete(ended.outcome);
            const auto found = std::ranges::find(transfers_, ended.transfer,
                                                 [](const auto &each) { return each.get(); });
            Require(found != transfers_.end());
            transfers_.erase(found);
        }
    }

    std::span<const uint8_t> input_;
    std::vector<std::unique_ptr<Transfer>> transfers_;
    UsbipSendQueue queue_;
    UsbipUrbTable table_{0x10002, queue_};
    UsbipReplyReader reader_{table_};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t num_bytes) {
    Session session(std::span(data, num_bytes));
    while (!session.IsOver() && session.Step()) {}
    session.Finish();
    return 0;
}
