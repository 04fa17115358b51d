// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <type_traits>

#include "base/copy_out.h"
#include "channel/wire/call.h"
#include "channel/wire/memory_question.h"

/// The memory of a call channel: one region per connection, made by the driver process, mapped by both.
///
/// A call takes the next ticket; tickets count from 1. Ticket t uses the slot SlotIndex(t), so the server
/// serves in the order of tickets by looking at one slot at a time. Legal moves of a slot:
///   app:    fills request and payload, stores the ticket in `sequence`; that submits the call
///   app:    of an input that is a copy, fills CallPayload::pages and stores PagesWord in `known`
///   server: copies the request, fills the reply, stores (ticket, kDone) in `state`; that answers it
///   app:    takes the reply; the slot is free for ticket t + kNumCallSlots
/// Before it answers, the server may ask for memory of the application, as often as it likes:
///   server: fills CallRegion::question, stores (ticket, kAsks) in `state`
///   app:    copies the question, fills CallRegion::answer, stores (ticket, kNone) in `state`
/// One call is served at a time, so that one question and one answer do for all slots.
/// An app that tires of spinning sets the slot's `app_waits`, stores (ticket, kParked) in `state` and sleeps on that;
/// a server that tires sets `server_parked` and sleeps on it. On the way of a call each side stores its word and then looks
/// whether the other sleeps, with a fence between: swapping the word would have to take the line back from who polls it.
/// An app that has waited for some microseconds may instead give its processor to others for once, and says which one. A
/// server that sees that this is its own, call after call, goes to another one; `server_moves` says so meanwhile, and the
/// app stays awake: woken from there it would follow.
namespace opendext::channel {

inline constexpr uint32_t kChannelMagic = 0x4f445831;  // "ODX1"
inline constexpr uint32_t kChannelVersion = 6;
inline constexpr uint32_t kNumCallSlots = 8;
inline constexpr size_t kCallPageBytes = 4096;

/// RequestHeader::flags.
inline constexpr uint8_t kRequestInputSlice = 1;      ///< Input is CallPayload::extra.input.
inline constexpr uint8_t kRequestOutputSlice = 2;     ///< Output goes to CallPayload::extra.output.
inline constexpr uint8_t kRequestVariableOutput = 4;  ///< The caller takes whatever size there is.
inline constexpr uint8_t kRequestAsync = 8;  ///< CallPayload::extra has the completion's target.
inline constexpr uint8_t kRequestInputCopied =
    16;  ///< With kRequestInputSlice: that is a copy, and CallPayload::pages says later of what.
inline constexpr uint8_t kRequestKnownFlags = 31;

/// ReplyHeader::flags.
inline constexpr uint8_t kReplyKeptInput = 1;   ///< The driver kept the bytes of the input slice.
inline constexpr uint8_t kReplyKeptOutput = 2;  ///< The driver kept the output slice.
inline constexpr uint8_t kReplyVariableOutput =
    4;                                          ///< Output is fetched over the control connection.
inline constexpr uint8_t kReplyKeptMemory = 8;  ///< The driver kept a snapshot that it asked for.
inline constexpr uint8_t kReplyKeptInputPages =
    16;  ///< The input is prepared for DMA, and stays so.

/// What a request is made of; everything but the payload. No field is believed before ValidateRequest.
struct RequestHeader {
    uint32_t selector;
    uint8_t num_scalars;             ///< Words valid in CallSlot::scalars.
    uint8_t scalar_output_capacity;  ///< Words the caller takes.
    uint8_t num_references;     ///< Words valid in CallExtra::references; 0 without kRequestAsync.
    uint8_t flags;              ///< kRequest*.
    uint16_t num_inline_bytes;  ///< Bytes valid in CallPayload::inline_input.
    uint16_t inline_output_capacity;  ///< Bytes the caller takes; 0 for slices and variable output.
    uint32_t reserved;                ///< 0.
};
static_assert(sizeof(RequestHeader) == 16 && std::is_trivially_copyable_v<RequestHeader>);

/// Parts of a request that few calls have; valid as far as the header's flags say.
struct CallExtra {
    WireSlice input;
    WireSlice output;
    uint64_t async_port;                                   ///< AsyncTarget::port.
    std::array<uint64_t, kMaxAsyncReferences> references;  ///< AsyncTarget::references.
};
static_assert(sizeof(CallExtra) == 120 && std::is_trivially_copyable_v<CallExtra>);

/// The answer's fixed part. With a result other than 0 nothing else but the kept flags counts.
struct ReplyHeader {
    int32_t result;       ///< kern_return_t.
    uint8_t num_scalars;  ///< Words valid in CallSlot::scalar_output; at most the capacity.
    uint8_t flags;        ///< kReply*.
    uint16_t reserved;    ///< 0.
    uint64_t
        num_structure_bytes;  ///< Bytes valid in CallPayload::inline_output; at most the capacity.
};
static_assert(sizeof(ReplyHeader) == 16 && std::is_trivially_copyable_v<ReplyHeader>);

/// The slot of a ticket, and its payload. The bits of the number are turned round: where one slot lies behind the other, the
/// processor that polls them foresees the next one, and fetches it from under who fills it.
constexpr size_t SlotIndex(uint64_t ticket) {
    static_assert(kNumCallSlots == 8);
    const uint64_t number = ticket % kNumCallSlots;
    return (number & 1) << 2 | (number & 2) | number >> 2;
}

/// The low two bits of CallSlot::state; the others are the low 30 bits of the ticket.
enum class ReplyState : uint32_t {
    kNone = 0,    ///< Nobody sleeps, no answer.
    kParked = 1,  ///< The app sleeps on the word.
    kDone = 2,    ///< The reply is complete.
    kAsks = 3,    ///< The server waits for CallRegion::answer.
};
constexpr uint32_t ReplyWord(uint64_t ticket, ReplyState state) {
    return (static_cast<uint32_t>(ticket) << 2) | static_cast<uint32_t>(state);
}
/// CallSlot::sequence of a submitted ticket.
constexpr uint32_t SequenceOf(uint64_t ticket) {
    return static_cast<uint32_t>(ticket);
}

/// What an app does that waits: CallSlot::app_waits.
enum class AppWaits : uint32_t {
    kAwake = 0,    ///< It looks at `state`, or does not wait.
    kSleeps = 1,   ///< It sleeps on `state`: the server wakes it.
    kGaveWay = 2,  ///< This, and more by the processor's number: it has given that to others.
};
constexpr AppWaits GaveWayOn(uint32_t processor) {
    return static_cast<AppWaits>(static_cast<uint32_t>(AppWaits::kGaveWay) + processor);
}
constexpr bool HasGivenWay(AppWaits waits) {
    return waits >= AppWaits::kGaveWay;
}

/// One call under way. A small call (up to five scalars each way) is one cache line in and one out.
struct CallSlot {
    alignas(64) std::atomic<uint32_t> sequence;  ///< Written last by the app.
    std::atomic<AppWaits> app_waits;             ///< Looked at after `state` has been written.
    RequestHeader request;
    std::array<uint64_t, kMaxScalars> scalars;

    alignas(64) std::atomic<uint32_t> state;  ///< ReplyWord; the app's futex.
    uint32_t reserved_reply;                  ///< 0.
    ReplyHeader reply;
    std::array<uint64_t, kMaxScalars> scalar_output;
};
static_assert(sizeof(CallSlot) == 192 + 192);
static_assert(offsetof(CallSlot, scalars) == 24 && offsetof(CallSlot, state) == 192);
static_assert(std::is_standard_layout_v<CallSlot> && std::is_trivially_destructible_v<CallSlot>);
static_assert(std::atomic<uint32_t>::is_always_lock_free);

/// InputOwner::FilePages of a call with kRequestInputCopied. The app looks for them while the server serves the call.
struct PublishedPages {
    std::atomic<uint32_t> known;  ///< PagesWord: `slice` is complete, or there is none.
    uint32_t reserved;            ///< 0.
    WireSlice slice;
};
constexpr uint32_t PagesWord(uint64_t ticket, bool are_there) {
    return (static_cast<uint32_t>(ticket) << 1) | (are_there ? 1 : 0);
}

/// What larger calls have besides.
struct CallPayload {
    alignas(64) CallExtra extra;
    alignas(64) PublishedPages pages;
    alignas(64) std::array<std::byte, kMaxInlineBytes> inline_input;
    alignas(64) std::array<std::byte, kMaxInlineBytes> inline_output;
};
static_assert(sizeof(CallPayload) == 192 + 2 * kMaxInlineBytes);

/// The whole region. What each call touches is in one page: after some idleness a page that is met, its entry in the
/// page table and the kernel's record for a futex in it, costs as much as ten lines.
struct CallRegion {
    uint32_t magic;                                   ///< kChannelMagic.
    uint32_t version;                                 ///< kChannelVersion.
    uint32_t num_slots;                               ///< kNumCallSlots.
    uint32_t reserved;                                ///< 0.
    alignas(64) std::atomic<uint32_t> server_parked;  ///< 1: the server sleeps on this word.
    std::atomic<uint32_t> server_moves;               ///< 1: it is on its way to another processor.
    alignas(64) std::array<CallSlot, kNumCallSlots> slots;
    alignas(kCallPageBytes) std::array<CallPayload, kNumCallSlots> payloads;  ///< Of the slots.
    alignas(64)
        MemoryQuestion question;      ///< Of the call that is served, while its slot says kAsks.
    alignas(64) MemoryAnswer answer;  ///< To the last question.
};
static_assert(offsetof(CallRegion, payloads) == kCallPageBytes);
static_assert(std::is_standard_layout_v<CallRegion>);

/// Checks a private copy of a header: counts, sizes and flags that fit each other.
/// @return 0, kMigArrayTooLarge for a count above its limit, kIOReturnIPCError for what no app of ours sends.
[[nodiscard]] int32_t ValidateRequest(const RequestHeader &header);

/// Checks a private copy of a slice: not empty, and in a region of `num_region_bytes`.
[[nodiscard]] bool SliceIsValid(const WireSlice &slice, uint64_t num_region_bytes);

/// Checks a private copy of a reply against what the request allowed.
[[nodiscard]] bool ReplyIsValid(const ReplyHeader &reply, const RequestHeader &request);

}  // namespace opendext::channel
