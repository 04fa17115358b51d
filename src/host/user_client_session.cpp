// SPDX-License-Identifier: Apache-2.0
#include "host/user_client_session.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "host/method_call.h"
#include "runtime/memory/descriptor_factory.h"
#include "runtime/service/client_links.h"
#include "runtime/service/client_queue.h"
#include "runtime/service/service_state.h"
#include "runtime/service/user_client_state.h"

namespace opendext::host {

UserClientSession::UserClientSession(memory::Retained<IOUserClient> client,
                                     std::function<void()> on_close)
    : client_(std::move(client)), on_close_(std::move(on_close)) {
    service::SetClientMemory(client_.get(), memory_gate_);
}

UserClientSession::~UserClientSession() {
    Close();
}

void UserClientSession::Attach(channel::CompletionSink *sink, channel::ClientMemorySource *memory) {
    gate_->Attach(sink);
    memory_gate_->Attach(memory);
}

void UserClientSession::Detach() {
    gate_->Close();
    memory_gate_->Detach();
}

#pragma clang section text = "opendext_call_driver"
bool UserClientSession::IsUsable() const {
    return !is_closed_.load(std::memory_order_acquire) && !service::IsStopped(client_.get());
}

void UserClientSession::Call(const channel::CallRequest &request, channel::CallReply &reply) {
    if (!IsUsable()) {
        reply.result = channel::kMachSendInvalidDest;
        return;
    }
    MethodCall call(request, reply);
    if (const kern_return_t status = call.Prepare(gate_); status != kIOReturnSuccess) {
        reply.result = status;
        return;
    }
    struct OnQueue {
        MethodCall &call;
        IOUserClient *client;
    } on_queue{call, client_.get()};
    service::RunExternalMethod(
        client_.get(),
        [](void *context) {
            auto *work = static_cast<OnQueue *>(context);
            work->call.Run(work->client);
        },
        &on_queue);
    call.Finish();
}

#pragma clang section text = ""

uint64_t UserClientSession::Remember(memory::Retained<IOMemoryDescriptor> memory, uint64_t length,
                                     bool read_only) {
    // Released after the lock: a last release may run driver code.
    const std::scoped_lock lock(grants_mutex_);
    const auto same = std::ranges::find_if(grants_, [&](const Grant &grant) {
        return grant.memory.get() == memory.get() && grant.length == length &&
               grant.read_only == read_only;
    });
    if (same != grants_.end()) {
        // Held by the grant already, so this is not the last reference.
        memory.reset();
        return same->id;
    }
    grants_.push_back({std::move(memory), length, read_only, ++last_grant_id_});
    return last_grant_id_;
}

std::expected<channel::SharedMemoryGrant, int32_t> UserClientSession::MapMemory(uint64_t type) {
    if (!IsUsable()) {
        return std::unexpected(channel::kMachSendInvalidDest);
    }
    uint64_t options = 0;
    IOMemoryDescriptor *given = nullptr;
    const kern_return_t status = client_->CopyClientMemoryForType(type, &options, &given);
    // What a driver leaves there together with an error is not ours to release.
    memory::Retained<IOMemoryDescriptor> memory(status == kIOReturnSuccess ? given : nullptr);
    if (memory == nullptr) {
        return std::unexpected(kIOReturnBadArgument);
    }
    auto slices = memory::ShareDescriptorPieces(memory.get());
    if (!slices) {
        return std::unexpected(kIOReturnBadArgument);
    }
    if (slices->size() > channel::kMaxGrantSlices) {
        LogWarning(
            "CopyClientMemoryForType({}): memory in {} pieces cannot be mapped into an "
            "application, "
            "{} at most: concatenate fewer descriptors",
            type, slices->size(), channel::kMaxGrantSlices);
        return std::unexpected(kIOReturnBadArgument);
    }
    uint64_t length = 0;
    for (const SharedSlice &slice : *slices) {
        length += slice.length;
    }
    const bool read_only = (options & kIOUserClientMemoryReadOnly) != 0;
    const uint64_t id = Remember(std::move(memory), length, read_only);
    return channel::SharedMemoryGrant{
        .slices = std::move(*slices), .read_only = read_only, .id = id};
}

std::expected<uint64_t, int32_t> UserClientSession::UnmapMemory(uint64_t type) {
    if (!IsUsable()) {
        return std::unexpected(channel::kMachSendInvalidDest);
    }
    uint64_t options = 0;
    IOMemoryDescriptor *given = nullptr;
    const kern_return_t status = client_->CopyClientMemoryForType(type, &options, &given);
    if (status != kIOReturnSuccess) {
        return std::unexpected(status);
    }
    const memory::Retained<IOMemoryDescriptor> memory(given);
    Grant removed;
    const std::scoped_lock lock(grants_mutex_);
    const auto found = std::ranges::find(grants_, memory.get(),
                                         [](const Grant &grant) { return grant.memory.get(); });
    if (memory == nullptr || found == grants_.end()) {
        return std::unexpected(kIOReturnBadArgument);
    }
    removed = std::move(*found);
    grants_.erase(found);
    return removed.id;
}

int32_t UserClientSession::GiveLink(LinkKind kind, std::string_view name,
                                    std::shared_ptr<EventLink> link) {
    if (!IsUsable()) {
        return channel::kMachSendInvalidDest;
    }
    service::ClientLinks *const links = service::LinksOf(client_.get());
    return links == nullptr ? kIOReturnNotFound : links->Give(kind, name, std::move(link));
}

void UserClientSession::Close() {
    if (is_closed_.exchange(true)) {
        return;
    }
    gate_->Close();
    memory_gate_->Close();
    std::vector<Grant> released;
    {
        const std::scoped_lock lock(grants_mutex_);
        released.swap(grants_);
    }
    on_close_();
}

}  // namespace opendext::host
