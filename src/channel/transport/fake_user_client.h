// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <csignal>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "channel/wire/call.h"
#include "channel/wire/io_result.h"

namespace opendext::channel {

/// A user client for tests: what a driver's ExternalMethod would do, by selector. Thread-safe.
class FakeUserClient final : public UserClientPort {
public:
    enum Selector : uint32_t {
        kSum,        ///< Scalar output: the input's sum in each word.
        kEcho,       ///< Structure output: the structure input, as far as it fits.
        kFail,       ///< Fails with kFailure after filling all outputs.
        kVariable,   ///< Output of scalars[0] bytes, byte i is i % 251.
        kComplete,   ///< Asynchronous: completes scalars[0] times with two words.
        kWritePart,  ///< Writes 3 bytes of 0x5a at offset 1 of the output slice.
        kKeep,       ///< Keeps both slices; see kept_inputs and kept_outputs.
        kKeepForDevice,  ///< As kKeep, with the input prepared for DMA: the application's own pages if it has a file.
        kLook,  ///< As kKeep, for a look after the call: the application does not get to know of it.
        kAsk,  ///< ShareMemory of the segments in scalars[1...], by address and length; scalars[0] has Ask flags.
        kBlock,        ///< Waits for Unblock.
        kTooMuch,      ///< Claims more outputs than there is room for.
        kLeaveOutput,  ///< Succeeds and writes nothing.
        kAwaitLink,  ///< Waits for a signal of the given link. Scalar output: the signals; kFailure when cancelled.
        kSignalMask,  ///< Scalar output: whether SIGSEGV is blocked, whether SIGINT is.
    };
    enum Ask : uint64_t {
        kAskWrite = 1,      ///< ClientMemoryRequest::driver_writes.
        kAskShared = 2,     ///< ClientMemoryRequest::is_shared.
        kAskKeep = 4,       ///< Keeps the leases; see asked.
        kAskElsewhere = 8,  ///< On another thread, for which the call waits.
        kAskTwice = 16,     ///< Once more, for the same.
    };
    static constexpr int32_t kFailure = IoResult(0x2eb);
    static constexpr std::string_view kLinkName = "link";
    /// Type of the memory that `many_pieces` are.
    static constexpr uint64_t kManyPieces = 10;

    void Attach(CompletionSink *sink, ClientMemorySource *source) override {
        const std::lock_guard lock(mutex_);
        sink_ = sink;
        source_ = source;
    }
    void Detach() override {
        std::unique_lock lock(mutex_);
        sink_ = nullptr;
        source_ = nullptr;
        changed_.wait(lock, [&] { return num_asking_ == 0; });
    }

    /// Asks the application, on this thread.
    std::expected<std::vector<ClientMemoryPiece>, int32_t> AskFor(
        const ClientMemoryRequest &request) {
        ClientMemorySource *source = nullptr;
        {
            const std::lock_guard lock(mutex_);
            source = source_;
            num_asking_ += source != nullptr ? 1 : 0;
        }
        if (source == nullptr) {
            return std::unexpected(kMachSendInvalidDest);
        }
        auto pieces = source->ShareMemory(request);
        const std::lock_guard lock(mutex_);
        --num_asking_;
        changed_.notify_all();
        return pieces;
    }

    void Call(const CallRequest &request, CallReply &reply) override {
        num_calls.fetch_add(1);
        num_running.fetch_add(1);
        had_overlap = had_overlap || num_running.load() != 1;
        reply.num_scalars = request.scalar_output_capacity;
        reply.num_structure_bytes = request.structure_output_capacity == kVariableOutput
                                        ? 0
                                        : request.structure_output_capacity;
        Run(request, reply);
        num_running.fetch_sub(1);
    }

    std::expected<SharedMemoryGrant, int32_t> MapMemory(uint64_t type) override {
        if (type == kManyPieces) {
            return SharedMemoryGrant{.slices = many_pieces, .id = 7 + type};
        }
        if (type > 1) {
            return std::unexpected(kIoBadArgument);
        }
        return SharedMemoryGrant{.slices = {{.region = memory, .offset = 100, .length = 5000}},
                                 .read_only = type == 1,
                                 .id = 7 + type};
    }
    std::expected<uint64_t, int32_t> UnmapMemory(uint64_t type) override {
        return type > 1 ? std::expected<uint64_t, int32_t>(std::unexpected(kFailure)) : 7 + type;
    }
    int32_t GiveLink(LinkKind kind, std::string_view name,
                     std::shared_ptr<EventLink> link) override {
        if (kind != LinkKind::kEventLink || name != kLinkName) {
            return kIoNotFound;
        }
        const std::lock_guard lock(mutex_);
        given_link_ = std::move(link);
        return kSuccess;
    }
    void Close() override {
        const std::lock_guard lock(mutex_);
        ++num_closes_;
        changed_.notify_all();
    }

    /// The last link that was given; NULL at first.
    [[nodiscard]] std::shared_ptr<EventLink> given_link() {
        const std::lock_guard lock(mutex_);
        return given_link_;
    }

    /// Ends all kBlock calls, those to come too.
    void Unblock() {
        const std::lock_guard lock(mutex_);
        is_unblocked_ = true;
        changed_.notify_all();
    }
    /// @return whether Close was called within 30 s.
    bool AwaitClose() {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, std::chrono::seconds(30), [&] { return num_closes_ == 1; });
    }
    /// @return whether a kBlock call came within 30 s.
    bool AwaitBlocked() {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, std::chrono::seconds(30), [&] { return num_blocked_ != 0; });
    }

    /// Between the test and a call, before and after it. The channel orders them by words that each side has at an
    /// address of its own, which ThreadSanitizer does not take for the same.
    void Synchronize() { num_running.fetch_add(0); }

    /// What the pieces of the last kAsk hold now; nothing for those without a region.
    [[nodiscard]] std::vector<std::byte> ReadAsked() const {
        std::vector<std::byte> bytes;
        for (const ClientMemoryPiece &piece : asked) {
            if (piece.slice.region != nullptr) {
                const std::byte *const start = piece.slice.region->ReadOnly() + piece.slice.offset;
                bytes.insert(bytes.end(), start, start + piece.slice.length);
            }
        }
        return bytes;
    }

    std::atomic<uint64_t> num_calls = 0;
    std::atomic<int> num_running = 0;
    std::atomic<bool> had_overlap = false;
    const std::shared_ptr<SharedRegion> memory = *SharedRegion::Create(8192, "test-memory");
    std::vector<SharedSlice> many_pieces;  ///< Set before it is asked for.

    // What calls left: used in Call, and by the test between calls.
    std::vector<SharedSlice> kept_inputs;
    std::vector<SharedSlice> kept_outputs;
    std::vector<ClientMemoryPiece>
        asked;  ///< Pieces of the last kAsk; without kAskKeep they have no lease.
    std::vector<std::byte> asked_bytes;  ///< What they held when it was asked.

private:
    void Run(const CallRequest &request, CallReply &reply) {
        switch (request.selector) {
            case kSum: {
                uint64_t sum = 0;
                for (const uint64_t scalar : request.scalars) {
                    sum += scalar;
                }
                std::fill(reply.scalars.begin(), reply.scalars.end(), sum);
                return;
            }
            case kEcho:
                return Echo(request, reply);
            case kFail:
                std::fill(reply.scalars.begin(), reply.scalars.end(), 99);
                reply.result = kFailure;
                return;
            case kVariable:
                return FillVariable(request.scalars[0], reply);
            case kComplete:
                return Complete(request, reply);
            case kWritePart:
                WritePart(*request.structure_output_slice);
                return;
            case kKeep:
            case kKeepForDevice:
            case kLook:
                return Keep(request, reply);
            case kAsk:
                reply.result = AskAndRead(request);
                return;
            case kBlock: {
                std::unique_lock lock(mutex_);
                ++num_blocked_;
                changed_.notify_all();
                changed_.wait(lock, [&] { return is_unblocked_; });
                return;
            }
            case kAwaitLink: {
                const bool is_signalled =
                    given_link()->Wait({}, reply.scalars[0]) == EventLink::Outcome::kSignalled;
                reply.result = is_signalled ? kSuccess : kFailure;
                return;
            }
            case kTooMuch:
                reply.num_scalars = 1000;
                reply.num_structure_bytes = 1 << 20;
                return;
            case kLeaveOutput:
                return;
            case kSignalMask: {
                sigset_t blocked;
                pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
                reply.scalars[0] = sigismember(&blocked, SIGSEGV) == 1 ? 1 : 0;
                reply.scalars[1] = sigismember(&blocked, SIGINT) == 1 ? 1 : 0;
                return;
            }
            default:
                reply.result = IoResult(0x2c7);
        }
    }

    static void WritePart(const SharedSlice &slice) {
        std::memset(slice.region->Writable() + slice.offset + 1, 0x5a, 3);
    }

    void Keep(const CallRequest &request, CallReply &reply) {
        if (request.structure_slice != nullptr) {
            const bool is_for_device = request.selector == kKeepForDevice;
            const auto pages = is_for_device && request.structure_owner != nullptr
                                   ? request.structure_owner->FilePages()
                                   : std::nullopt;
            kept_inputs.push_back(pages ? *pages : *request.structure_slice);
        }
        if (request.structure_output_slice != nullptr) {
            kept_outputs.push_back(*request.structure_output_slice);
        }
        if (request.selector == kLook) {
            return;
        }
        if (request.structure_slice != nullptr) {
            reply.kept_structure_slice =
                request.selector == kKeepForDevice ? Kept::kPages : Kept::kBytes;
        }
        if (request.structure_output_slice != nullptr) {
            reply.kept_structure_output_slice = Kept::kPages;
        }
    }

    int32_t AskAndRead(const CallRequest &request) {
        const uint64_t flags = request.scalars[0];
        std::vector<ClientSegment> segments;
        for (size_t i = 1; i + 1 < request.scalars.size(); i += 2) {
            segments.push_back({request.scalars[i], request.scalars[i + 1]});
        }
        const ClientMemoryRequest wanted{.segments = segments,
                                         .driver_writes = (flags & kAskWrite) != 0,
                                         .is_shared = (flags & kAskShared) != 0};
        std::expected<std::vector<ClientMemoryPiece>, int32_t> pieces;
        const auto ask = [&] {
            pieces = AskFor(wanted);
            if (pieces && (flags & kAskTwice) != 0) {
                pieces = AskFor(wanted);
            }
        };
        if ((flags & kAskElsewhere) != 0) {
            std::thread(ask).join();
        } else {
            ask();
        }
        if (!pieces) {
            return pieces.error();
        }
        asked = *std::move(pieces);
        asked_bytes = ReadAsked();
        if ((flags & kAskKeep) == 0) {
            for (ClientMemoryPiece &piece : asked) {
                piece.lease = nullptr;
            }
        }
        return kSuccess;
    }

    static void Echo(const CallRequest &request, CallReply &reply) {
        const SharedSlice *in = request.structure_slice;
        const SharedSlice *out = request.structure_output_slice;
        const bool lacks_region =
            (in != nullptr && in->region == nullptr) || (out != nullptr && out->region == nullptr);
        if (lacks_region) {
            reply.result = kIoVmError;
            return;
        }
        const std::byte *from =
            in == nullptr ? request.structure.data() : in->region->ReadOnly() + in->offset;
        const uint64_t num_in = in == nullptr ? request.structure.size() : in->length;
        std::byte *to =
            out == nullptr ? reply.structure.data() : out->region->Writable() + out->offset;
        const uint64_t num_out = out == nullptr ? reply.structure.size() : out->length;
        const uint64_t num_bytes = std::min(num_in, num_out);
        if (num_bytes != 0) {
            std::memcpy(to, from, num_bytes);
        }
        reply.num_structure_bytes = out == nullptr ? num_bytes : 0;
    }

    static void FillVariable(uint64_t num_bytes, CallReply &reply) {
        std::byte *to = reply.structure.data();
        if (num_bytes <= kMaxInlineBytes) {
            reply.num_structure_bytes = num_bytes;
        } else {
            reply.variable_output = {.region = *SharedRegion::Create(num_bytes + 10, "test-output"),
                                     .offset = 10,
                                     .length = num_bytes};
            to = reply.variable_output.region->Writable() + 10;
        }
        for (uint64_t i = 0; i < num_bytes; ++i) {
            to[i] = static_cast<std::byte>(i % 251);
        }
    }

    void Complete(const CallRequest &request, CallReply &reply) {
        if (request.async == nullptr) {
            reply.result = kIoBadArgument;
            return;
        }
        const std::lock_guard lock(mutex_);
        for (uint64_t i = 0; i < request.scalars[0] && sink_ != nullptr; ++i) {
            AsyncCompletion completion{
                .target = *request.async, .result = kFailure, .num_arguments = 2};
            completion.arguments[0] = i;
            completion.arguments[1] = 42;
            sink_->Complete(completion);
        }
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    CompletionSink *sink_ = nullptr;         // guarded by mutex_
    ClientMemorySource *source_ = nullptr;   // guarded by mutex_
    int num_asking_ = 0;                     // guarded by mutex_
    int num_closes_ = 0;                     // guarded by mutex_
    int num_blocked_ = 0;                    // guarded by mutex_
    bool is_unblocked_ = false;              // guarded by mutex_
    std::shared_ptr<EventLink> given_link_;  // guarded by mutex_
};

}  // namespace opendext::channel
