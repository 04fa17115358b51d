// SPDX-License-Identifier: Apache-2.0
#include "channel/transport/direct_connection.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <utility>

#include "channel/transport/fresh_output.h"
#include "channel/transport/memory_loans.h"
#include "channel/wire/io_result.h"

namespace opendext::channel {

namespace {

class LentInputOwner final : public InputOwner {
public:
    explicit LentInputOwner(LentStructure *input) : input_(input) {}
    std::optional<SharedSlice> FilePages() override {
        const LentPages *const pages = input_->FindOwnPages();
        return pages != nullptr ? std::optional(pages->slice) : std::nullopt;
    }

private:
    LentStructure *const input_;
};

}  // namespace

/// A call of this thread while the port has it: what the driver asks for meanwhile is taken back when it ends.
class DirectConnection::CallScope {
public:
    CallScope(DirectConnection &connection, const LentStructure *output)
        : connection_(connection), output_(output), outer_(innermost_) {
        innermost_ = this;
    }
    ~CallScope() {
        innermost_ = outer_;
        if (loans_) {
            loans_->TakeBack(std::ranges::any_of(
                snapshots_, [](const auto &lease) { return !lease.expired(); }));
        }
    }
    CallScope(const CallScope &) = delete;
    CallScope &operator=(const CallScope &) = delete;

    /// NULL when this thread runs no call of `connection`.
    static CallScope *Of(const DirectConnection &connection) {
        CallScope *scope = innermost_;
        while (scope != nullptr && &scope->connection_ != &connection) {
            scope = scope->outer_;
        }
        return scope;
    }

    MemoryLoans &loans() {
        if (!loans_) {
            loans_.emplace(connection_.lender_, MemoryLoans::Snapshots::kUntilTheCallEnds);
            if (output_ != nullptr) {
                loans_->AddWritten(output_->range());
            }
        }
        return *loans_;
    }

    void AddSnapshot(const std::shared_ptr<const void> &lease) { snapshots_.push_back(lease); }

private:
    static thread_local CallScope *innermost_;

    DirectConnection &connection_;
    const LentStructure *const output_;
    CallScope *const outer_;
    std::optional<MemoryLoans> loans_;
    std::vector<std::weak_ptr<const void>> snapshots_;
};

thread_local DirectConnection::CallScope *DirectConnection::CallScope::innermost_ = nullptr;

DirectConnection::DirectConnection(std::shared_ptr<UserClientPort> port, CompletionSink *sink)
    : port_(std::move(port)) {
    port_->Attach(sink, this);
}

DirectConnection::~DirectConnection() {
    Close();
}

void DirectConnection::Close() {
    const bool was_shut = gate_.is_shut();
    mappings_.UnmapAll();
    links_.CancelAll();
    if (gate_.Shut() && !was_shut) {
        port_->Detach();
        port_->Close();
    }
}

void DirectConnection::LeaveGate() {
    if (gate_.Leave().is_over) {
        port_->Detach();
        port_->Close();
    }
}

int32_t DirectConnection::Call(const ClientCall &call) {
    const auto checked = CheckClientCall(call);
    if (!checked) {
        return checked.error();
    }
    if (!gate_.Enter()) {
        return kMachSendInvalidDest;
    }
    const int32_t result = CallInGate(call, *checked);
    LeaveGate();
    return result;
}

int32_t DirectConnection::CallInGate(const ClientCall &call, const CheckedCall &checked) {
    if (checked.has_input_slice() || checked.has_output_slice()) {
        return CallWithLarge(call, checked);
    }
    return CallPort(call, checked, nullptr, nullptr);
}

int32_t DirectConnection::CallWithLarge(const ClientCall &call, const CheckedCall &checked) {
    const AppRange in{reinterpret_cast<uint64_t>(call.structure), checked.num_structure_bytes};
    const AppRange out{reinterpret_cast<uint64_t>(call.structure_output),
                       checked.structure_output_capacity};
    LentStructure input(lender_);
    LentStructure output(lender_);
    int32_t result = kSuccess;
    if (checked.has_input_slice()) {
        result = input.LendInput(in, checked.has_output_slice() && RangesOverlap(in, out));
    }
    if (result == kSuccess && checked.has_output_slice()) {
        result = output.LendOutput(out);
    }
    if (result != kSuccess) {
        return result;
    }
    return CallPort(call, checked, checked.has_input_slice() ? &input : nullptr,
                    checked.has_output_slice() ? &output : nullptr);
}

int32_t DirectConnection::CallPort(const ClientCall &call, const CheckedCall &checked,
                                   LentStructure *input, LentStructure *output) {
    // Not initialised: only what the call uses is written and read.
    std::array<uint64_t, kMaxScalars> scalars;
    std::array<uint64_t, kMaxScalars> scalar_output;
    std::array<std::byte, kMaxInlineBytes> structure;
    std::array<std::byte, kMaxInlineBytes> structure_output;
    std::copy_n(call.scalars, checked.num_scalars, scalars.begin());
    std::fill_n(scalar_output.begin(), checked.scalar_output_capacity, 0);
    CallRequest request;
    request.selector = call.selector;
    request.scalars = {scalars.data(), checked.num_scalars};
    request.scalar_output_capacity = checked.scalar_output_capacity;
    request.async = call.async;
    CallReply reply;
    reply.scalars = {scalar_output.data(), checked.scalar_output_capacity};
    LentInputOwner input_owner(input);  // used when there is an input
    if (input != nullptr) {
        request.structure_slice = &input->slice();
        request.structure_owner = &input_owner;
    } else if (checked.num_structure_bytes != 0) {
        std::memcpy(structure.data(), call.structure, checked.num_structure_bytes);
        request.structure = {structure.data(), checked.num_structure_bytes};
    }
    if (output != nullptr) {
        request.structure_output_slice = &output->slice();
    } else {
        request.structure_output_capacity =
            checked.is_variable_output ? kVariableOutput : checked.structure_output_capacity;
        reply.structure = {structure_output.data(), checked.is_variable_output
                                                        ? kMaxInlineBytes
                                                        : checked.structure_output_capacity};
        // What the driver leaves unset must not be bytes of our stack.
        std::memset(reply.structure.data(), 0, reply.structure.size());
    }
    {
        CallScope scope(*this, output);
        port_->Call(request, reply);
    }
    if (input != nullptr) {
        (void)input->TakeBack(reply.kept_structure_slice);
    }
    // Also of a failed call: what the driver wrote to an output in memory has been written.
    const int32_t taken_back =
        output == nullptr ? kSuccess : output->TakeBack(reply.kept_structure_output_slice);
    const int32_t result = TakeReply(call, checked, reply);
    return result == kSuccess ? taken_back : result;
}

int32_t DirectConnection::TakeReply(const ClientCall &call, const CheckedCall &checked,
                                    const CallReply &reply) {
    if (reply.result != kSuccess) {
        return reply.result;
    }
    if (call.num_scalar_output != nullptr) {
        const uint32_t num_scalars = std::min(reply.num_scalars, checked.scalar_output_capacity);
        std::copy_n(reply.scalars.begin(), num_scalars, call.scalar_output);
        *call.num_scalar_output = num_scalars;
    }
    if (checked.has_output_slice()) {
        return kSuccess;  // the count stays the full size, however little was written (semantics.md 2.5)
    }
    const uint64_t num_bytes =
        std::min<uint64_t>(reply.num_structure_bytes, reply.structure.size());
    if (checked.is_variable_output) {
        return reply.variable_output.region != nullptr
                   ? GiveFreshOutput(reply.variable_output, call)
                   : GiveFreshOutput(reply.structure.first(num_bytes), call);
    }
    if (call.num_structure_output != nullptr) {
        if (num_bytes != 0) {
            std::memcpy(call.structure_output, reply.structure.data(), num_bytes);
        }
        *call.num_structure_output = num_bytes;
    }
    return kSuccess;
}

std::expected<std::vector<ClientMemoryPiece>, int32_t> DirectConnection::ShareMemory(
    const ClientMemoryRequest &request) {
    if (request.segments.size() > kMaxClientSegments || !QuestionIsValid(QuestionOf(request))) {
        return std::unexpected(kIoBadArgument);
    }
    CallScope *const scope = CallScope::Of(*this);
    MemoryLoans for_good(lender_, MemoryLoans::Snapshots::kForGood);
    LentMemory lent = (scope != nullptr ? scope->loans() : for_good).Lend(request);
    if (lent.result != kSuccess) {
        return std::unexpected(lent.result);
    }
    const auto lease = std::make_shared<const char>('\0');
    std::vector<ClientMemoryPiece> pieces;
    for (LentPiece &piece : lent.pieces) {
        pieces.push_back({std::move(piece.slice), lease});
    }
    if (scope != nullptr && !request.is_shared) {
        scope->AddSnapshot(lease);
    }
    return pieces;
}

std::expected<ClientMapping, int32_t> DirectConnection::MapMemory(uint64_t type,
                                                                  std::byte *fixed_address) {
    if (!gate_.Enter()) {
        return std::unexpected(kMachSendInvalidDest);
    }
    const std::expected<SharedMemoryGrant, int32_t> grant = port_->MapMemory(type);
    std::expected<ClientMapping, int32_t> mapping =
        std::unexpected(grant ? kSuccess : grant.error());
    if (grant) {
        mapping = mappings_.Map(*grant, fixed_address);
    }
    LeaveGate();
    return mapping;
}

int32_t DirectConnection::UnmapMemory(uint64_t type) {
    if (!gate_.Enter()) {
        return kMachSendInvalidDest;
    }
    const std::expected<uint64_t, int32_t> grant_id = port_->UnmapMemory(type);
    const int32_t result = grant_id ? mappings_.Unmap(*grant_id) : grant_id.error();
    LeaveGate();
    return result;
}

int32_t DirectConnection::GiveLink(LinkKind kind, std::string_view name,
                                   const std::shared_ptr<EventLink> &link) {
    if (!LinkIsValid(kind, name, link->side())) {
        return kIoBadArgument;
    }
    auto given = EventLink::Attach(link->region(), EventLink::Side::kSecond);
    if (!given) {
        return kIoNoMemory;
    }
    if (!gate_.Enter()) {
        return kMachSendInvalidDest;
    }
    links_.Add(kind, *given);
    const int32_t result = port_->GiveLink(kind, name, *std::move(given));
    if (result == kSuccess) {
        links_.Add(kind, link);
    }
    LeaveGate();
    return result;
}

}  // namespace opendext::channel
