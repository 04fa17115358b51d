// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/event_link.h"
#include "base/shared_region.h"

/// The seam between an application's open connection and the user client that serves it. iokit holds a
/// ClientConnection; host implements CallTarget. transport joins the two across processes, DirectConnection
/// joins them inside one. Results are kern_return_t values (32 bits), kept as int32_t here because this
/// room knows no public header.
namespace opendext::channel {

/// semantics.md 2.3.
inline constexpr uint32_t kMaxScalars = 16;
inline constexpr uint32_t kMaxInlineBytes = 4096;
inline constexpr uint32_t kMaxAsyncReferences = 8;
inline constexpr uint32_t kMaxAsyncArguments = 16;
/// semantics.md 2.9.
inline constexpr uint32_t kMaxClientSegments = 32;

/// CallRequest::structure_output_capacity of a call that takes whatever size the driver returns.
inline constexpr uint64_t kVariableOutput = UINT64_MAX;

/// Where an asynchronous call's completions go, in the application's own terms. `port` names a notification
/// port of the application; nobody else interprets it or the reference words.
struct AsyncTarget {
    uint64_t port = 0;
    std::array<uint64_t, kMaxAsyncReferences> references = {};
    uint32_t num_references = 0;
};

/// One delivery to an application: IOUserClient::AsyncCompletion.
struct AsyncCompletion {
    AsyncTarget target;
    int32_t result = 0;
    std::array<uint64_t, kMaxAsyncArguments> arguments = {};
    uint32_t num_arguments = 0;
};

/// What an application's large input stands on, for devices.
class InputOwner {
public:
    /// The application's own pages of the input, as many bytes, where they are of a file of its own and the driver has a
    /// copy of them. While the call runs; one thread at a time. It may wait a moment for the application.
    /// @return nullopt: there are none, or the application does not say.
    virtual std::optional<SharedSlice> FilePages() = 0;

protected:
    ~InputOwner() = default;
};

/// One call as the driver process sees it: validated, and in memory that the application cannot change.
/// Valid during the call.
struct CallRequest {
    uint32_t selector = 0;
    std::span<const uint64_t> scalars;             ///< At most kMaxScalars.
    std::span<const std::byte> structure;          ///< Inline input, at most kMaxInlineBytes.
    const SharedSlice *structure_slice = nullptr;  ///< Input above kMaxInlineBytes, or NULL.
    InputOwner *structure_owner = nullptr;         ///< Of that input, or NULL.
    uint32_t scalar_output_capacity = 0;           ///< At most kMaxScalars.
    uint64_t structure_output_capacity =
        0;  ///< Inline, at most kMaxInlineBytes, or kVariableOutput.
    const SharedSlice *structure_output_slice =
        nullptr;                         ///< Output above kMaxInlineBytes, or NULL.
    const AsyncTarget *async = nullptr;  ///< NULL for a synchronous call.
};

/// What the driver has of a structure in memory when its method has returned.
enum class Kept : uint8_t {
    kNothing,
    kBytes,  ///< Of an input: they stay as they are now, whatever the application writes later.
    kPages,  ///< Of an output, or of an input that is prepared for DMA: each sees what the other writes later.
};

/// Room for the answer, provided by the transport; the target fills it. Outputs count only with result 0.
struct CallReply {
    int32_t result = 0;
    std::span<uint64_t> scalars;     ///< scalar_output_capacity words, zero-filled before the call.
    uint32_t num_scalars = 0;        ///< Set by the target, never above the capacity.
    std::span<std::byte> structure;  ///< Room for the inline output.
    uint64_t num_structure_bytes = 0;  ///< Set by the target, never above the capacity.
    /// Output of a kVariableOutput call that is too large for `structure`.
    SharedSlice variable_output;
    /// Set by the target. What is kept the transport must not use for something else.
    Kept kept_structure_slice = Kept::kNothing;
    Kept kept_structure_output_slice = Kept::kNothing;
};

/// Pieces that one grant may have. The application holds a descriptor for each while it maps them.
inline constexpr size_t kMaxGrantSlices = 512;
/// And in one message: each takes a descriptor, of which the system sends 253 at a time.
inline constexpr size_t kMaxMessageSlices = 128;

/// Memory of the driver that an application maps (IOConnectMapMemory64): one range, in 1 to kMaxGrantSlices
/// pieces. Every piece but the first starts on a page, every one but the last ends on one. `id` names the
/// mapping for unmap.
struct SharedMemoryGrant {
    std::vector<SharedSlice> slices;
    bool read_only = false;
    uint64_t id = 0;
};

/// A range of an application's address space, as the application told its driver. Nothing of it is checked.
struct ClientSegment {
    uint64_t address = 0;
    uint64_t length = 0;
};

/// What a user client wants of its application's memory (IOUserClient::CreateMemoryDescriptorFromClient).
struct ClientMemoryRequest {
    std::span<const ClientSegment> segments;  ///< 1 to kMaxClientSegments; no length is 0.
    bool driver_writes = false;  ///< Direction In, or none: the memory must be writable.
    /// kIOMemoryDisableCopyOnWrite: the application's own pages, so that each side sees what the other
    /// writes. Otherwise what they hold at the latest when the call ends in which it was asked for, and writes
    /// stay with the writer.
    bool is_shared = false;
};

/// A run of the requested bytes. `slice.region` NULL: they cannot be had (unmapped, protected), and whoever maps
/// them gets an error. `lease` lives as long as anything in the driver process stands on the slice.
struct ClientMemoryPiece {
    SharedSlice slice;
    std::shared_ptr<const void> lease;
};

/// An application's memory, for its own user client and for nobody else's. Any thread. Within a Call it is
/// served by the application's waiting thread.
class ClientMemorySource {
public:
    /// @return the bytes of the segments in order, in as many pieces as it takes; kMachSendInvalidDest when the
    /// application is gone, kIOReturnNoMemory.
    virtual std::expected<std::vector<ClientMemoryPiece>, int32_t> ShareMemory(
        const ClientMemoryRequest &request) = 0;

protected:
    ~ClientMemorySource() = default;
};

/// Receives completions; implemented by whoever carries them to the application. Any thread.
class CompletionSink {
public:
    virtual void Complete(const AsyncCompletion &completion) = 0;

protected:
    ~CompletionSink() = default;
};

/// A user client in the driver process. Any thread, several at a time: the driver's queues put what runs there in
/// order. After Close no other call is made. Held by shared_ptr.
class CallTarget {
public:
    virtual ~CallTarget() = default;

    /// Runs IOUserClient::ExternalMethod. Fills `reply`; returns when the driver has answered.
    virtual void Call(const CallRequest &request, CallReply &reply) = 0;

    /// Runs CopyClientMemoryForType(type) (semantics.md 2.8). The error is what the application gets.
    virtual std::expected<SharedMemoryGrant, int32_t> MapMemory(uint64_t type) = 0;

    /// Runs CopyClientMemoryForType again and names the grant to undo (semantics.md 2.8).
    virtual std::expected<uint64_t, int32_t> UnmapMemory(uint64_t type) = 0;

    /// The application's link for the driver's object of that kind and name; the driver's end of it. Whoever carries it
    /// cancels it when the connection ends. Runs no driver code, and may be called while a Call runs and after Close.
    /// @return kIOReturnNotFound when the driver has no such object, kMachSendInvalidDest after Close.
    virtual int32_t GiveLink(LinkKind kind, std::string_view name,
                             std::shared_ptr<EventLink> link) = 0;

    /// The application closed the connection or died. Returns at once; Stop follows on the driver's queue.
    virtual void Close() = 0;
};

/// What a target may ask of its application. Both outlive the target's last use: Detach returns when no
/// call of either is running, and none starts afterwards.
class ApplicationUser {
public:
    virtual void Attach(CompletionSink *sink, ClientMemorySource *memory) = 0;
    virtual void Detach() = 0;

protected:
    ~ApplicationUser() = default;
};

/// What host hands out for an opened user client.
class UserClientPort : public CallTarget, public ApplicationUser {};

/// An application's arguments of one IOConnectCall*Method, as passed: nothing is checked yet, and the
/// pointers are the application's own. Sizes in bytes, counts in words.
struct ClientCall {
    uint32_t selector = 0;
    const uint64_t *scalars = nullptr;
    uint32_t num_scalars = 0;
    const void *structure = nullptr;
    uint64_t num_structure_bytes = 0;
    uint64_t *scalar_output = nullptr;
    uint32_t *num_scalar_output = nullptr;  ///< In: capacity; out: count. May be NULL.
    void *structure_output = nullptr;       ///< For kVariableOutput unused.
    uint64_t *num_structure_output =
        nullptr;  ///< In: capacity or kVariableOutput; out: size. May be NULL.
    void **variable_output =
        nullptr;  ///< Out, for kVariableOutput: a fresh mapping, unmapped by size.
    const AsyncTarget *async = nullptr;
};

/// Memory mapped into the application.
struct ClientMapping {
    std::byte *address = nullptr;
    uint64_t length = 0;
};

/// An application's open connection to a user client. Any thread may call; calls may overlap. Every call on
/// a connection whose driver is gone returns kMachSendInvalidDest, and one in flight then returns
/// kMigServerDied. Destroying it closes it.
class ClientConnection {
public:
    virtual ~ClientConnection() = default;

    /// Checks the counts (semantics.md 2.3), brings the arguments over, waits for the answer and brings the
    /// results back. @return the driver's kern_return_t or that of the check that failed.
    virtual int32_t Call(const ClientCall &call) = 0;

    /// Maps the driver's memory of `type` here. Mapping the same memory again gives the same address.
    /// `fixed_address` 0: anywhere.
    virtual std::expected<ClientMapping, int32_t> MapMemory(uint64_t type,
                                                            std::byte *fixed_address) = 0;

    virtual int32_t UnmapMemory(uint64_t type) = 0;

    /// Gives the driver the other end of `link`, which is the first end. It is cancelled when the connection ends, from
    /// either side. @return kIOReturnBadArgument for another end or a name that is too long, else as CallTarget.
    virtual int32_t GiveLink(LinkKind kind, std::string_view name,
                             const std::shared_ptr<EventLink> &link) = 0;

    /// No call is accepted any more, mappings go, the user client gets its Stop. Returns at once.
    virtual void Close() = 0;
};

/// Mach results that no IOReturn header has.
inline constexpr int32_t kMachSendInvalidDest = 0x10000003;
inline constexpr int32_t kMigServerDied = -308;
inline constexpr int32_t kMigArrayTooLarge = -307;

}  // namespace opendext::channel
