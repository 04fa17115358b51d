// SPDX-License-Identifier: Apache-2.0
#include <span>
#include <utility>

#include <DriverKit/IOMemoryDescriptor.h>
#include <DriverKit/IOUserClient.h>

#include "runtime/memory/client_memory.h"
#include "runtime/service/service_state.h"
#include "runtime/service/user_client_state.h"

namespace opendext::service {

namespace {

constexpr uint32_t kMaxSegments = 32;

/// NULL before the application's connection is there, and when the base class's Stop has run.
std::shared_ptr<memory::ClientMemory> MemoryOf(const IOUserClient &client) {
    if (client.ivars == nullptr || IsStopped(&client)) {
        return nullptr;
    }
    const std::scoped_lock lock(client.ivars->mutex);
    return client.ivars->client_memory;
}

}  // namespace

void SetClientMemory(IOUserClient *client, std::shared_ptr<memory::ClientMemory> memory) {
    if (client->ivars != nullptr) {
        const std::scoped_lock lock(client->ivars->mutex);
        client->ivars->client_memory.swap(memory);
    }
}

}  // namespace opendext::service

kern_return_t IMPL(IOUserClient, CreateMemoryDescriptorFromClient) {
    if (segmentsCount > opendext::service::kMaxSegments) {
        return kIOReturnOverrun;
    }
    if (memory == nullptr || (segments == nullptr && segmentsCount != 0) ||
        OSDynamicCast(IOUserClient, this) == nullptr) {
        return kIOReturnBadArgument;
    }
    *memory = nullptr;
    auto client_memory = opendext::service::MemoryOf(*this);
    if (client_memory == nullptr) {
        return kIOReturnNotReady;
    }
    auto described = opendext::memory::DescriptorFromClient(std::move(client_memory),
                                                            std::span(segments, segmentsCount),
                                                            memoryDescriptorCreateOptions);
    *memory = described.release();
    return *memory != nullptr ? kIOReturnSuccess : kIOReturnNoMemory;
}
