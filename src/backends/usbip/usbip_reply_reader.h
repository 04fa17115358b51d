// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/uio.h>
#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <vector>

#include "backends/usbip/usbip_protocol.h"

namespace opendext::backends {

/// Where the data of a reply goes. What is decided when the header has come holds until the reply is complete.
struct UsbipReplyBody {
    enum class Data : uint8_t {
        kNone,       ///< No data follows.
        kPieces,     ///< Into `pieces`, which have as many bytes.
        kGathered,   ///< Kept, and given to OnReplyComplete.
        kDiscarded,  ///< Nowhere.
    };
    Data data = Data::kNone;
    std::vector<iovec> pieces;
};

/// Knows what was asked for.
class UsbipReplyTarget {
public:
    virtual ~UsbipReplyTarget() = default;

    /// A header has come. @return where its data goes, or why such a reply is not acceptable.
    [[nodiscard]] virtual std::expected<UsbipReplyBody, UsbipError> OnReply(
        const UsbipSubmitReply &reply) = 0;

    /// All of it is there. @return why what it says does not hold together.
    [[nodiscard]] virtual std::expected<void, UsbipError> OnReplyComplete(
        const UsbipSubmitReply &reply, std::span<const std::byte> gathered,
        std::span<const UsbipFrame> frames) = 0;

    [[nodiscard]] virtual std::expected<void, UsbipError> OnReply(
        const UsbipUnlinkReply &reply) = 0;
};

/// Cuts what a server sends into replies. Says where the next bytes are to be put, so that data is received where it
/// belongs, without a copy. One thread at a time. After an error it is of no use any more.
class UsbipReplyReader {
public:
    /// `target` is used as long as the reader.
    explicit UsbipReplyReader(UsbipReplyTarget &target) : target_(target) { ExpectHeader(); }

    /// Where the next bytes go; never without room. Valid until the next call of another function.
    [[nodiscard]] std::span<const iovec> Room() const { return room_; }

    /// The first `num_bytes` of the room have been filled; at most as many as it has.
    [[nodiscard]] std::expected<void, UsbipError> Advance(size_t num_bytes);

    /// If a reply to this command is being received: its memory is not written any more, the rest goes nowhere.
    void Discard(uint32_t seqnum);

private:
    enum class Stage : uint8_t { kHeader, kData, kFrames };

    void ExpectHeader();
    void ExpectDiscarded(size_t num_bytes);
    [[nodiscard]] std::expected<void, UsbipError> NextStage();
    [[nodiscard]] std::expected<void, UsbipError> BeginReply();
    void BeginData(UsbipReplyBody body);
    [[nodiscard]] bool ExpectFrames();
    [[nodiscard]] std::expected<void, UsbipError> EndReply();

    UsbipReplyTarget &target_;
    Stage stage_ = Stage::kHeader;
    std::array<std::byte, kUsbipHeaderBytes> header_ = {};
    UsbipSubmitReply reply_;
    std::vector<std::byte> gathered_;
    std::vector<std::byte> frames_;
    std::vector<std::byte> scratch_;
    size_t num_discarded_ = 0;  // left to receive into scratch_
    std::vector<iovec> room_;
};

}  // namespace opendext::backends
