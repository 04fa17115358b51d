// SPDX-License-Identifier: Apache-2.0
#include "host/completion_gate.h"

#include <algorithm>
#include <utility>

namespace opendext::host {
namespace {

class GateReceiver final : public service::CompletionReceiver {
public:
    GateReceiver(std::shared_ptr<CompletionGate> gate, const channel::AsyncTarget &target,
                 std::shared_ptr<const std::atomic<bool>> is_revoked)
        : gate_(std::move(gate)), target_(target), is_revoked_(std::move(is_revoked)) {}

    void Deliver(IOReturn status, std::span<const uint64_t> arguments) override {
        if (is_revoked_->load(std::memory_order_acquire)) {
            return;
        }
        channel::AsyncCompletion completion;
        completion.target = target_;
        completion.result = status;
        completion.num_arguments =
            static_cast<uint32_t>(std::min<size_t>(arguments.size(), channel::kMaxAsyncArguments));
        std::ranges::copy(arguments.first(completion.num_arguments), completion.arguments.begin());
        gate_->Pass(completion);
    }

private:
    const std::shared_ptr<CompletionGate> gate_;
    const channel::AsyncTarget target_;
    const std::shared_ptr<const std::atomic<bool>> is_revoked_;
};

}  // namespace

void CompletionGate::Attach(channel::CompletionSink *sink) {
    const std::scoped_lock lock(mutex_);
    sink_ = sink;
}

void CompletionGate::Close() {
    const std::scoped_lock lock(mutex_);
    sink_ = nullptr;
}

// The lock is held during Complete: that is how Close waits for it. Complete only enqueues.
void CompletionGate::Pass(const channel::AsyncCompletion &completion) {
    const std::scoped_lock lock(mutex_);
    if (sink_ != nullptr) {
        sink_->Complete(completion);
    }
}

std::unique_ptr<service::CompletionReceiver> MakeReceiver(
    std::shared_ptr<CompletionGate> gate, const channel::AsyncTarget &target,
    std::shared_ptr<const std::atomic<bool>> is_revoked) {
    return std::make_unique<GateReceiver>(std::move(gate), target, std::move(is_revoked));
}

}  // namespace opendext::host
