// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>

#include "backends/api/usb_types.h"

/// What a USB session between two processes is made of: one Unix socket (SOCK_SEQPACKET) and one region of memory that
/// both map. The client is the driver's process, the server the device's. The client makes the region, and every
/// descriptor travels from it to the server, so that a driver's memory is the driver's to pay for.
///
///     client                                server
///       SessionHello, the region      ->
///                                     <-    SessionWelcome, a copy of the descriptors
///       SubmissionEntry, in the ring  ->    carried out in the order of the ring
///                                     <-    CompletionEntry, in the ring
///       SessionMessage, with a region ->    taken when an entry names what it brings
///       end of the socket             ->    the session ends: all transfers complete with kAborted
///                                     <-    end of the socket, after the last completion
///
/// A request owns one of kNumSlots slots from its submission to its completion; the slot's number is its name. Both rings
/// hold entries that say by their sequence number when they are complete, so that no index is shared: entry i
/// (counting from 0) lies at i modulo the size of the ring and is there as soon as it says i + 1. A ring never overruns:
/// completions are at most one for each slot, and one for the removal. Submissions that the server has not taken are
/// at most one for each slot, and aborts: each is sent for at least one transfer of which none was sent before, and of
/// these there are two for each slot at most, one that the server has taken and one that it has not.
///
/// Who finds nothing to do spins for a while, says so (SessionControl), looks again, and sleeps on the socket. Whoever
/// writes an entry wakes a sleeper with a message, which is also how the end of the other process wakes it. A client
/// that had completions of late sleeps on the word instead, where it is woken with less and the kernel does not take it
/// to the processor of who wakes it; it goes to the socket when nothing has come for a while, or the server has ended.
namespace opendext::backends::remote {

inline constexpr uint32_t kSessionMagic = 0x4f445553;  // "ODUS"
inline constexpr uint32_t kSessionVersion = 2;

inline constexpr uint32_t kNumSlots = 1360;
inline constexpr uint32_t kNumSubmissions = 4096;
inline constexpr uint32_t kNumCompletions = 2048;
static_assert(kNumSubmissions >= 3 * kNumSlots && kNumCompletions >= kNumSlots + 1);
static_assert((kNumSubmissions & (kNumSubmissions - 1)) == 0);
static_assert((kNumCompletions & (kNumCompletions - 1)) == 0);

/// Data of a slot: a transfer of up to this many bytes is copied through it.
inline constexpr uint32_t kSlotBytes = 4096;
/// One request.
inline constexpr uint64_t kMostTransferBytes = uint64_t{1} << 32;
inline constexpr uint32_t kMostPieces = 4096;
inline constexpr uint32_t kMostFrames = kMostUsbFrames;
/// Of all requests that a session has under way: the server keeps account of each.
inline constexpr uint64_t kMostFramesUnderWay = uint64_t{1} << 20;
/// What a client has registered at a time. Each region costs a descriptor and address space in the server.
inline constexpr size_t kMostRegions = 1024;
inline constexpr uint64_t kMostRegionBytes = uint64_t{1} << 38;  // of all together
/// A device has at most 255 configurations of 64 KiB, a BOS descriptor of 64 KiB and 18 bytes.
inline constexpr uint64_t kMostDescriptorBytes = uint64_t{256} * (65535 + sizeof(uint32_t)) + 64;

enum class EntryKind : uint8_t {
    kTransfer = 1,   ///< SubmissionEntry; completed.
    kAbort = 2,      ///< SubmissionEntry, of which `endpoint` and `stream` count; not completed.
    kOperation = 3,  ///< OperationEntry; completed.
    kRemoved =
        4,  ///< CompletionEntry without a slot: the device is gone, and all transfers have ended.
};

/// A range of a region that the client has registered, or (region 0) of the data of the entry's own slot.
struct WireRange {
    uint64_t region_id;
    uint64_t offset;
    uint64_t num_bytes;
};
static_assert(sizeof(WireRange) == 24 && std::is_trivially_copyable_v<WireRange>);

/// One frame of an isochronous transfer. The server writes what became of it before it completes the transfer.
struct WireFrame {
    uint32_t num_requested;
    uint32_t num_done;   ///< By the server.
    uint32_t status;     ///< UsbStatus; by the server.
    uint32_t reserved;   ///< 0.
    uint64_t mach_time;  ///< By the server.
};
static_assert(sizeof(WireFrame) == 24 && std::is_trivially_copyable_v<WireFrame>);

/// A request for a transfer, or an abort. One cache line, of which the first word is written last.
struct SubmissionEntry {
    uint32_t sequence;
    uint16_t slot;
    uint8_t kind;      ///< EntryKind.
    uint8_t reserved;  ///< 0.

    uint8_t type;      ///< UsbTransferType.
    uint8_t endpoint;  ///< bEndpointAddress.
    uint16_t stream;
    uint32_t timeout_ms;

    uint8_t setup_request_type;
    uint8_t setup_request;
    uint16_t setup_value;
    uint16_t setup_index;
    uint16_t setup_length;

    uint64_t first_frame;
    /// 0 and no frames: no data, and `data` is not looked at. 1 and no frames: `data` is the piece. Else `data` holds
    /// a list: `num_pieces` of WireRange, then `num_frames` of WireFrame, and not a byte more.
    uint32_t num_pieces;
    uint32_t num_frames;
    WireRange data;
};
static_assert(sizeof(SubmissionEntry) == 64 && std::is_trivially_copyable_v<SubmissionEntry>);

enum class Operation : uint8_t {
    // Answered at once, by the thread that takes the entries.
    kConfiguration,     ///< Value: bConfigurationValue.
    kAlternateSetting,  ///< `target`: interface. Value: the setting.
    kCurrentFrame,      ///< Value: frame; the slot's data: 8 bytes of mach_time.
    // Carried out one after the other by a thread that may wait for the device.
    kClaim,                ///< `target`: interface, or 0 with kWholeDevice.
    kRelease,              ///< As kClaim.
    kSetConfiguration,     ///< `target`: bConfigurationValue; kOption: publishes_interfaces.
    kSetAlternateSetting,  ///< `target`: interface; `alternate`.
    kClearHalt,            ///< `target`: endpoint; kOption: tells_device.
    kReset,
    kSetStreams,  ///< `target`: endpoint; `num_streams`.
    kNewSession,  ///< `session_id`: names the message that has brought the other end of the client's socket.
};
inline constexpr uint8_t kNumOperations = 11;

/// OperationEntry::flags.
inline constexpr uint8_t kWholeDevice = 1;
inline constexpr uint8_t kOption = 2;

/// A call of UsbBackend that is not a transfer. In the place of a SubmissionEntry; the first eight bytes are the same.
struct OperationEntry {
    uint32_t sequence;
    uint16_t slot;
    uint8_t kind;      ///< EntryKind::kOperation.
    uint8_t reserved;  ///< 0.

    uint8_t operation;  ///< Operation.
    uint8_t flags;
    uint8_t target;
    uint8_t alternate;
    uint32_t num_streams;

    uint64_t session_id;
    std::array<uint64_t, 5> unused;  ///< 0.
};
static_assert(sizeof(OperationEntry) == sizeof(SubmissionEntry));
static_assert(std::is_trivially_copyable_v<OperationEntry>);
static_assert(offsetof(OperationEntry, slot) == offsetof(SubmissionEntry, slot) &&
              offsetof(OperationEntry, kind) == offsetof(SubmissionEntry, kind));

/// How a request ended. The first word is written last.
struct CompletionEntry {
    uint32_t sequence;
    uint16_t slot;
    uint8_t kind;  ///< EntryKind of the request, or kRemoved.
    /// Of a transfer: UsbStatus. Of an operation: 0, or 1 + BackendErrorCode; then the slot's data begins with a line
    /// of text, `value` bytes.
    uint8_t status;
    uint64_t value;  ///< Of a transfer: bytes that have moved. Of an operation: its value.
};
static_assert(sizeof(CompletionEntry) == 16 && std::is_trivially_copyable_v<CompletionEntry>);

/// What a request has besides its entry. Not a multiple of a page, so that slots share no cache set.
struct Slot {
    /// 1: a thread of the client polls for this completion, so that nobody is to be woken for it.
    alignas(64) std::atomic<uint32_t> is_polled;
    alignas(64) std::array<std::byte, kSlotBytes> data;
};
static_assert(sizeof(Slot) == kSlotBytes + 64 && std::is_standard_layout_v<Slot>);

/// SessionControl::client_sleeps: 0, or how the client is woken.
inline constexpr uint32_t kSleepsOnSocket = 1;  ///< By a message.
inline constexpr uint32_t kSleepsOnWord = 2;    ///< The word is a futex.

/// Who sleeps. Each word has a cache line: it is read after every entry and hardly ever changes.
struct SessionControl {
    alignas(64) std::atomic<uint32_t> server_sleeps;  ///< 1: wake it after a submission.
    alignas(64) std::atomic<uint32_t> client_sleeps;  ///< Not 0: wake it after a completion.
    alignas(64) std::atomic<uint32_t> has_ended;      ///< 1: the server has ended the socket.
};

/// The whole region.
struct SessionMemory {
    SessionControl control;
    alignas(64) std::array<SubmissionEntry, kNumSubmissions> submissions;
    alignas(64) std::array<CompletionEntry, kNumCompletions> completions;
    alignas(64) std::array<Slot, kNumSlots> slots;
};
static_assert(std::is_standard_layout_v<SessionMemory> &&
              std::is_trivially_destructible_v<SessionMemory>);
static_assert(std::atomic<uint32_t>::is_always_lock_free &&
              sizeof(std::atomic<uint32_t>) == sizeof(uint32_t));

/// The client's first message, with the descriptor of the region.
struct SessionHello {
    uint32_t magic;         ///< kSessionMagic.
    uint32_t version;       ///< kSessionVersion.
    uint64_t region_bytes;  ///< sizeof(SessionMemory).
};
static_assert(sizeof(SessionHello) == 16 && std::is_trivially_copyable_v<SessionHello>);

/// The server's answer, with the descriptor of a region that holds the device's descriptors: the device descriptor,
/// each configuration, the BOS descriptor (0 bytes when there is none), each after a uint32_t that tells its length.
struct SessionWelcome {
    uint32_t magic;  ///< kSessionMagic.
    uint32_t
        version;  ///< kSessionVersion. When it is another one, nothing else counts, and the socket ends.
    uint8_t speed;  ///< UsbSpeed.
    uint8_t address;
    uint8_t is_present;  ///< 0: the device had gone already.
    uint8_t configuration;
    uint32_t
        num_configurations;     ///< How many byte strings there are between the first and the last.
    uint64_t descriptor_bytes;  ///< All of it.
};
static_assert(sizeof(SessionWelcome) == 24 && std::is_trivially_copyable_v<SessionWelcome>);

enum class MessageKind : uint32_t {
    kWake = 1,        ///< Either way: look at the ring.
    kRegion = 2,      ///< To the server, with a descriptor: region `id` of `num_bytes`.
    kDropRegion = 3,  ///< To the server: region `id` is not named any more.
    kSocket = 4,      ///< To the server, with a descriptor: the socket of a new session, for `id`.
};

/// All other messages. Ids are the client's choice; none is 0 or used twice.
struct SessionMessage {
    uint32_t kind;      ///< MessageKind.
    uint32_t reserved;  ///< 0.
    uint64_t id;
    uint64_t num_bytes;
};
static_assert(sizeof(SessionMessage) == 24 && std::is_trivially_copyable_v<SessionMessage>);

}  // namespace opendext::backends::remote
