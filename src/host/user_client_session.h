// SPDX-License-Identifier: Apache-2.0
/// @file user_client_session.h
/// The driver's end of an application's open connection: calls arrive here and go to the IOUserClient.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include <DriverKit/IOUserClient.h>

#include "channel/wire/call.h"
#include "host/client_memory_gate.h"
#include "host/completion_gate.h"
#include "runtime/memory/retained.h"

namespace opendext::host {

/// One per connection, held by the transport. Any thread, and Close also while a call is under way. Driver code
/// runs on the driver's own queues, with no lock held.
class UserClientSession final : public channel::UserClientPort {
public:
    /// @param on_close called once, at Close or when the session is destroyed without it; must not block.
    UserClientSession(memory::Retained<IOUserClient> client, std::function<void()> on_close);
    ~UserClientSession() override;
    UserClientSession(const UserClientSession &) = delete;
    UserClientSession &operator=(const UserClientSession &) = delete;

    void Call(const channel::CallRequest &request, channel::CallReply &reply) override;
    std::expected<channel::SharedMemoryGrant, int32_t> MapMemory(uint64_t type) override;
    std::expected<uint64_t, int32_t> UnmapMemory(uint64_t type) override;
    int32_t GiveLink(LinkKind kind, std::string_view name,
                     std::shared_ptr<EventLink> link) override;
    void Close() override;
    void Attach(channel::CompletionSink *sink, channel::ClientMemorySource *memory) override;
    void Detach() override;

private:
    // Memory that the application has mapped: held until it unmaps it or the connection ends.
    struct Grant {
        memory::Retained<IOMemoryDescriptor> memory;
        uint64_t length = 0;
        bool read_only = false;
        uint64_t id = 0;
    };

    [[nodiscard]] bool IsUsable() const;
    uint64_t Remember(memory::Retained<IOMemoryDescriptor> memory, uint64_t length, bool read_only);

    const memory::Retained<IOUserClient> client_;
    const std::function<void()> on_close_;
    const std::shared_ptr<CompletionGate> gate_ = std::make_shared<CompletionGate>();
    const std::shared_ptr<ClientMemoryGate> memory_gate_ = std::make_shared<ClientMemoryGate>();
    std::atomic<bool> is_closed_ = false;

    std::mutex grants_mutex_;
    std::vector<Grant> grants_;   // guarded by grants_mutex_
    uint64_t last_grant_id_ = 0;  // guarded by grants_mutex_
};

}  // namespace opendext::host
