// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string_view>
#include <vector>

#include "channel/transport/call_gate.h"
#include "channel/transport/client_mappings.h"
#include "channel/transport/client_memory_lender.h"
#include "channel/transport/given_links.h"
#include "channel/transport/lent_structure.h"
#include "channel/wire/call.h"
#include "channel/wire/client_call.h"

namespace opendext::channel {

/// A connection to a user client of the same process: the same checks and the same ways of large structures,
/// and the call starts on the caller's thread; the user client's queue puts calls in order. Any thread; but not from
/// within the user client's own call.
class DirectConnection final : public ClientConnection, private ClientMemorySource {
public:
    /// `sink` outlives the connection.
    DirectConnection(std::shared_ptr<UserClientPort> port, CompletionSink *sink);
    ~DirectConnection() override;

    int32_t Call(const ClientCall &call) override;
    std::expected<ClientMapping, int32_t> MapMemory(uint64_t type,
                                                    std::byte *fixed_address) override;
    int32_t UnmapMemory(uint64_t type) override;
    int32_t GiveLink(LinkKind kind, std::string_view name,
                     const std::shared_ptr<EventLink> &link) override;
    void Close() override;

private:
    class CallScope;

    std::expected<std::vector<ClientMemoryPiece>, int32_t> ShareMemory(
        const ClientMemoryRequest &request) override;
    [[nodiscard]] int32_t CallInGate(const ClientCall &call, const CheckedCall &checked);
    [[nodiscard]] int32_t CallWithLarge(const ClientCall &call, const CheckedCall &checked);
    [[nodiscard]] int32_t CallPort(const ClientCall &call, const CheckedCall &checked,
                                   LentStructure *input, LentStructure *output);
    [[nodiscard]] static int32_t TakeReply(const ClientCall &call, const CheckedCall &checked,
                                           const CallReply &reply);
    void LeaveGate();

    const std::shared_ptr<UserClientPort> port_;
    ClientMemoryLender lender_{nullptr};
    ClientMappings mappings_;
    GivenLinks links_;
    CallGate gate_;
};

}  // namespace opendext::channel
