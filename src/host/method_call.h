// SPDX-License-Identifier: Apache-2.0
/// @file method_call.h
/// One call of an application as the driver's ExternalMethod sees it, and its results as the application
/// gets them (semantics.md 2.4, 2.5).
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <optional>

#include <DriverKit/IOUserClient.h>
#include <DriverKit/OSData.h>

#include "channel/wire/call.h"
#include "host/completion_gate.h"
#include "runtime/memory/input_pages.h"
#include "runtime/memory/retained.h"

namespace opendext::host {

/// Lives on the stack of one call. A call without a structure allocates nothing.
class MethodCall {
public:
    MethodCall(const channel::CallRequest &request, channel::CallReply &reply);
    MethodCall(const MethodCall &) = delete;
    MethodCall &operator=(const MethodCall &) = delete;

    /// Makes the objects that the arguments need. @return kIOReturnNoMemory when that fails.
    [[nodiscard]] kern_return_t Prepare(const std::shared_ptr<CompletionGate> &gate);

    /// On the driver's queue.
    void Run(IOUserClient *client) {
        client_ = client;
        status_ = client->ExternalMethod(request_.selector, &arguments_, nullptr, nullptr, nullptr);
    }

    /// Turns what the driver has set into the reply, and releases the objects.
    void Finish();

private:
    /// Asks the application for the input's own pages.
    class InputAsker final : public memory::InputPages::Source {
    public:
        explicit InputAsker(channel::InputOwner *owner) : owner_(owner) {}
        std::optional<SharedSlice> OwnPages() override {
            return owner_ != nullptr ? owner_->FilePages() : std::nullopt;
        }

    private:
        channel::InputOwner *const owner_;
    };

    void SetScalars();
    [[nodiscard]] bool SetStructures();
    [[nodiscard]] bool SetDescriptors();
    [[nodiscard]] channel::Kept EndInput();
    [[nodiscard]] bool SetCompletion(const std::shared_ptr<CompletionGate> &gate,
                                     const channel::AsyncTarget &target);
    [[nodiscard]] kern_return_t TakeStructure(const OSData *output);
    void TellOfTooMuch(const OSData *output, uint64_t capacity) const;
    [[nodiscard]] kern_return_t TakeVariable(const OSData *output);

    const channel::CallRequest &request_;
    channel::CallReply &reply_;
    const IOUserClient *client_ = nullptr;  // set by Run
    kern_return_t status_ = kIOReturnNotReady;
    // Own arrays of full size: a driver that goes past the count stays within them.
    std::array<uint64_t, channel::kMaxScalars> input_;
    std::array<uint64_t, channel::kMaxScalars> output_;
    IOUserClientMethodArguments arguments_;
    memory::Retained<OSData> structure_;
    memory::Retained<IOMemoryDescriptor> input_descriptor_;
    InputAsker input_asker_;
    std::weak_ptr<memory::InputPages> input_pages_;  // held by input_descriptor_, its preparations
    memory::Retained<IOMemoryDescriptor> output_descriptor_;
    memory::Retained<OSAction> completion_;
    std::shared_ptr<std::atomic<bool>> is_revoked_;  // NULL for a synchronous call
};

}  // namespace opendext::host
