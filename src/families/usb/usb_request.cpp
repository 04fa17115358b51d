// SPDX-License-Identifier: Apache-2.0
#include "families/usb/usb_request.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <optional>

#include "base/futex.h"
#include "base/log.h"
#include "base/once_per_key.h"
#include "base/spin.h"
#include "families/usb/usb_results.h"

namespace opendext::usb {

using backends::UsbOutcome;
using backends::UsbTransferType;

namespace {

// What a device answers at once is not slept for.
constexpr std::chrono::microseconds kSpin{20};

// A Submit that this thread is in.
struct Submission {
    const UsbRequest *request;
    kern_return_t refusal = kIOReturnSuccess;
    Submission *outer;
};
thread_local Submission *t_submission = nullptr;

Submission *SubmissionOf(const UsbRequest *request) {
    Submission *found = t_submission;
    while (found != nullptr && found->request != request) {
        found = found->outer;
    }
    return found;
}

void WarnOfMemory(const EndpointRequests &requests, IOMemoryDescriptor *memory, uint64_t num_bytes,
                  bool is_in) {
    static OncePerKey told;
    uint64_t length = 0;
    if (memory != nullptr) {
        (void)memory->GetLength(&length);
    }
    const std::string line =
        memory == nullptr ? fmt::format("{} bytes without a memory descriptor", num_bytes)
        : num_bytes > length
            ? fmt::format("{} bytes of a descriptor that has {}", num_bytes, length)
            : fmt::format(
                  "a descriptor of the wrong direction: the device {} it, so it needs {}",
                  is_in ? "writes to" : "reads",
                  is_in ? "kIOMemoryDirectionIn or InOut" : "kIOMemoryDirectionOut or InOut");
    if (told.IsFirst(fmt::format("{:#x} {}", requests.endpoint().value, line))) {
        LogWarning("USB endpoint {:#04x}: a request is refused with kIOReturnBadArgument: {}",
                   requests.endpoint().value, line);
    }
}

kern_return_t PrepareControl(UsbRequest &request, const EndpointRequests &requests,
                             const ControlRequest &control) {
    request.setup = control.setup;
    request.timeout_ms = control.timeout_ms;
    if (control.setup.length == 0) {
        return kIOReturnSuccess;
    }
    const bool is_in = control.setup.is_in();
    const kern_return_t result = request.UseMemory(control.memory, control.setup.length, is_in);
    if (result == kIOReturnBadArgument) {
        WarnOfMemory(requests, control.memory, control.setup.length, is_in);
    }
    return result;
}

template <typename Prepare>
RequestEnd Call(const std::shared_ptr<EndpointRequests> &requests, Prepare prepare) {
    RequestWaiter waiter;
    auto request = std::make_unique<WaitedRequest>(requests, waiter);
    if (const kern_return_t result = prepare(*request); result != kIOReturnSuccess) {
        return {.result = result};
    }
    const kern_return_t result = UsbRequest::Submit(std::move(request), &waiter);
    return result == kIOReturnSuccess ? waiter.Wait() : RequestEnd{.result = result};
}

template <void (*send)(OSAction *, const RequestEnd &), typename Prepare>
kern_return_t Start(const std::shared_ptr<EndpointRequests> &requests, OSAction *completion,
                    Prepare prepare) {
    if (completion == nullptr) {
        return kIOReturnBadArgument;
    }
    auto request = std::make_unique<ActionRequest<send>>(requests, completion);
    const kern_return_t result = prepare(*request);
    return result == kIOReturnSuccess ? UsbRequest::Submit(std::move(request)) : result;
}

}  // namespace

void RequestWaiter::Arrive(const RequestEnd &end) {
    end_ = end;
    if (state_.exchange(kEnded, std::memory_order_acq_rel) == kAsleep) {
        // Only the address is used from here on: the waiter may be gone.
        FutexWake(state_, 1, FutexScope::kThisProcess);
    }
}

RequestEnd RequestWaiter::Wait() {
    const auto has_ended = [this] { return state_.load(std::memory_order_acquire) == kEnded; };
    if (!SpinUntil(has_ended, kSpin)) {
        uint32_t awake = kAwake;
        state_.compare_exchange_strong(awake, kAsleep, std::memory_order_acq_rel);
        while (!has_ended()) {
            FutexWait(state_, kAsleep, std::nullopt, FutexScope::kThisProcess);
        }
    }
    return end_;
}

UsbRequest::UsbRequest(std::shared_ptr<EndpointRequests> requests)
    : requests_(std::move(requests)) {
    type = requests_->type();
    endpoint = requests_->endpoint();
    stream = requests_->stream();
}

kern_return_t UsbRequest::UseMemory(IOMemoryDescriptor *memory, uint64_t num_bytes, bool is_in) {
    if (num_bytes == 0) {
        return kIOReturnSuccess;
    }
    auto access = memory::DeviceAccess::Open(
        memory, 0, num_bytes, is_in ? memory::DeviceUse::kWrites : memory::DeviceUse::kReads);
    if (!access) {
        return access.error();
    }
    access_ = std::move(*access);
    buffer.reserve(access_.pieces().size());
    for (const memory::DmaPiece &piece : access_.pieces()) {
        buffer.push_back({.address = piece.address,
                          .num_bytes = piece.num_bytes,
                          .region = piece.region,
                          .region_offset = piece.region_offset});
    }
    return kIOReturnSuccess;
}

kern_return_t UsbRequest::Submit(std::unique_ptr<UsbRequest> request, const RequestWaiter *waiter) {
    // Kept: the request may be gone when the backend returns.
    const std::shared_ptr<EndpointRequests> requests = request->requests_;
    const uint64_t number = requests->Begin();
    request->number_ = number;
    Submission submission{.request = request.get(), .outer = t_submission};
    t_submission = &submission;
    if (waiter != nullptr) {
        requests->backend().SubmitAndPoll(std::move(request), waiter->word(),
                                          RequestWaiter::kAwake);
    } else {
        requests->backend().Submit(std::move(request));
    }
    t_submission = submission.outer;
    requests->AbortIfMissed(number);
    return submission.refusal;
}

void UsbRequest::OnComplete(const UsbOutcome &outcome) {
    buffer.clear();
    access_ = {};
    const kern_return_t result = requests_->End(number_, outcome.status);
    if (IsRefusal(outcome.status)) {
        if (Submission *submission = SubmissionOf(this)) {
            submission->refusal = RefusalOf(outcome.status);
            return;
        }
    }
    constexpr uint64_t kMost = std::numeric_limits<uint32_t>::max();
    OnEnd(
        {.result = result, .num_bytes = static_cast<uint32_t>(std::min(outcome.num_bytes, kMost))});
}

kern_return_t PrepareData(UsbRequest &request, const EndpointRequests &requests,
                          const DataRequest &data) {
    if (requests.type() == UsbTransferType::kInterrupt && data.timeout_ms != 0) {
        static OncePerKey told;
        if (told.IsFirst(fmt::format("{:#x}", requests.endpoint().value))) {
            LogWarning(
                "USB endpoint {:#04x}: a request is refused with kIOReturnBadArgument: an "
                "interrupt "
                "endpoint takes no completionTimeoutMs; pass 0",
                requests.endpoint().value);
        }
        return kIOReturnBadArgument;
    }
    request.timeout_ms = data.timeout_ms;
    const bool is_in = requests.endpoint().is_in();
    const kern_return_t result = request.UseMemory(data.memory, data.num_bytes, is_in);
    if (result == kIOReturnBadArgument) {
        WarnOfMemory(requests, data.memory, data.num_bytes, is_in);
    }
    return result;
}

RequestEnd CallControl(const std::shared_ptr<EndpointRequests> &requests,
                       const ControlRequest &control) {
    return Call(requests,
                [&](UsbRequest &request) { return PrepareControl(request, *requests, control); });
}

kern_return_t StartControl(const std::shared_ptr<EndpointRequests> &requests,
                           const ControlRequest &control, OSAction *completion) {
    return Start<SendDeviceRequestEnd>(requests, completion, [&](UsbRequest &request) {
        return PrepareControl(request, *requests, control);
    });
}

RequestEnd CallData(const std::shared_ptr<EndpointRequests> &requests, const DataRequest &data) {
    return Call(requests,
                [&](UsbRequest &request) { return PrepareData(request, *requests, data); });
}

kern_return_t StartData(const std::shared_ptr<EndpointRequests> &requests, const DataRequest &data,
                        OSAction *completion) {
    return Start<SendAsyncIOEnd>(requests, completion, [&](UsbRequest &request) {
        return PrepareData(request, *requests, data);
    });
}

}  // namespace opendext::usb
