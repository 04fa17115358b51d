// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <expected>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "backends/api/usb_transfer.h"
#include "backends/usbip/usbip_protocol.h"
#include "backends/usbip/usbip_reply_reader.h"
#include "backends/usbip/usbip_send_queue.h"

namespace opendext::backends {

/// Bytes of one command. Linux's server allocates as many at one piece; longer transfers are several commands.
inline constexpr uint32_t kUsbipMaxUrbBytes = 256 * 1024;

/// Cancelled commands that the server may owe an answer to before it is held to be broken.
inline constexpr size_t kUsbipMaxUnlinks = 16384;

/// What a command to a periodic endpoint needs to know of it.
struct UsbipTiming {
    uint32_t interval = 0;           ///< As UrbInterval.
    uint64_t frame_nanoseconds = 0;  ///< Between two isochronous packets.
};

struct UsbipEndedTransfer {
    UsbTransfer *transfer = nullptr;
    UsbOutcome outcome;
};

/// Transfers, the commands that they were cut into, and which of these the server still owes a reply. It neither
/// sends nor receives: commands go to a queue, replies come from a reader, and what has ended is to be fetched.
///
/// A transfer that is cancelled is over at once: its commands are unlinked, and what the server still sends for them is
/// stepped over. One thread at a time.
class UsbipUrbTable final : public UsbipReplyTarget {
public:
    /// `queue` is used as long as the table.
    UsbipUrbTable(uint32_t device_id, UsbipSendQueue &queue)
        : device_id_(device_id), queue_(queue) {}

    void Start(UsbTransfer &transfer, const UsbipTiming &timing);

    /// kAborted, with what had moved. Not there: does nothing. @return its commands, whose replies are not to touch
    /// the transfer's memory any more.
    std::vector<uint32_t> Cancel(UsbTransfer &transfer);

    /// The connection is over: every transfer ends so.
    void EndAll(UsbStatus status);

    /// Those that have ended since the last call, in that order.
    [[nodiscard]] std::vector<UsbipEndedTransfer> TakeEnded() { return std::exchange(ended_, {}); }

    /// Why the server cannot be worked with any more.
    [[nodiscard]] const std::optional<std::string> &failure() const { return failure_; }

    // Of UsbipReplyTarget.
    std::expected<UsbipReplyBody, UsbipError> OnReply(const UsbipSubmitReply &reply) override;
    std::expected<void, UsbipError> OnReplyComplete(const UsbipSubmitReply &reply,
                                                    std::span<const std::byte> gathered,
                                                    std::span<const UsbipFrame> frames) override;
    std::expected<void, UsbipError> OnReply(const UsbipUnlinkReply &reply) override;

private:
    struct Active {
        UsbTransfer *transfer = nullptr;
        UsbipTiming timing;
        bool is_in = false;
        uint64_t num_bytes = 0;
        uint64_t num_issued = 0;  // bytes in commands so far
        size_t num_frames_issued = 0;
        uint64_t num_moved = 0;
        bool all_issued = false;
        std::vector<uint32_t> pending;  // seqnums
    };
    /// A command that was given out.
    struct Urb {
        Active *owner = nullptr;  // null: cancelled
        UsbipAddressing to;
        uint64_t offset = 0;  // in the transfer
        uint32_t num_bytes = 0;
        size_t first_frame = 0;
        uint32_t num_frames = 0;
    };

    [[nodiscard]] static std::optional<UsbStatus> Refusal(const UsbTransfer &transfer);
    void IssueWaiting(UsbEndpointAddress endpoint);
    [[nodiscard]] bool IssueNext(Active &active);
    [[nodiscard]] UsbipSubmit NextSubmit(Active &active);
    void Send(Active &active, const UsbipSubmit &submit, uint64_t offset, size_t first_frame);
    [[nodiscard]] std::expected<void, UsbipError> Check(const UsbipSubmitReply &reply,
                                                        const Urb &urb) const;
    [[nodiscard]] static std::expected<void, UsbipError> TakeFrames(
        const Urb &urb, const UsbipSubmitReply &reply, std::span<const std::byte> gathered,
        std::span<const UsbipFrame> frames);
    void EndUrb(const Urb &urb, const UsbipSubmitReply &reply);
    void End(Active &active, UsbStatus status);
    void Abandon(uint32_t seqnum);
    [[nodiscard]] uint32_t NextSeqnum();

    const uint32_t device_id_;
    UsbipSendQueue &queue_;
    uint32_t last_seqnum_ = 0;
    std::unordered_map<UsbTransfer *, std::unique_ptr<Active>> active_;
    // By endpoint: transfers with bytes that are in no command yet. Those behind wait, too: order.
    std::map<UsbEndpointAddress, std::deque<Active *>> waiting_;
    std::unordered_map<uint32_t, Urb> urbs_;
    std::unordered_map<uint32_t, uint32_t> unlinks_;  // unlink's seqnum to the victim's
    // Unlinked, and the server has said so: no reply is to come, but on some servers one was under way.
    std::deque<uint32_t> unlinked_;
    std::vector<UsbipEndedTransfer> ended_;
    std::optional<std::string> failure_;
};

}  // namespace opendext::backends
