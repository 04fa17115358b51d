// SPDX-License-Identifier: Apache-2.0
/// @file usb_request.h
/// A transfer with the memory of a driver, on its way through a backend.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include <DriverKit/IOMemoryDescriptor.h>
#include <DriverKit/OSAction.h>

#include "backends/api/usb_transfer.h"
#include "families/usb/completion_messages.h"
#include "families/usb/endpoint_requests.h"
#include "runtime/dispatch/release_on_worker.h"
#include "runtime/memory/device_access.h"

namespace opendext::usb {

/// A thread that waits for a request. Spins for a short time, then sleeps; the backend ends every request, so it
/// always returns. One Wait, one Arrive, in any order.
class RequestWaiter {
public:
    static constexpr uint32_t kAwake = 0;

    void Arrive(const RequestEnd &end);
    RequestEnd Wait();

    /// kAwake until the end has arrived, or the waiter sleeps.
    [[nodiscard]] const std::atomic<uint32_t> &word() const { return state_; }

private:
    static constexpr uint32_t kEnded = 1;
    static constexpr uint32_t kAsleep = 2;

    RequestEnd end_;
    std::atomic<uint32_t> state_ = kAwake;
};

/// Derive: say what becomes of the end. Made by its submitter, then owned by the backend. It retains its memory until
/// it has ended, and gives it up before anybody is told. Objects of the driver are given up when it is destroyed, and
/// do not end on that thread: the backend's completions wait for it.
class UsbRequest : public backends::UsbTransfer {
public:
    explicit UsbRequest(std::shared_ptr<EndpointRequests> requests);

    /// The bytes that the transfer moves: the first `num_bytes` of `memory`, which may be NULL for none.
    /// @return as DeviceAccess::Open.
    [[nodiscard]] kern_return_t UseMemory(IOMemoryDescriptor *memory, uint64_t num_bytes,
                                          bool is_in);

    /// Hands the request to its backend.
    /// @param waiter of this thread, which does nothing but wait for the request; or NULL.
    /// @return kIOReturnSuccess when it has been started: OnEnd is called, or has been. Else why the backend refused it;
    /// then OnEnd is not called.
    [[nodiscard]] static kern_return_t Submit(std::unique_ptr<UsbRequest> request,
                                              const RequestWaiter *waiter = nullptr);

    void OnComplete(const backends::UsbOutcome &outcome) final;

protected:
    /// Once, on any thread, as UsbTransfer::OnComplete.
    virtual void OnEnd(const RequestEnd &end) = 0;

private:
    const std::shared_ptr<EndpointRequests> requests_;
    memory::DeviceAccess access_;
    uint64_t number_ = 0;
};

/// A request of a thread that waits for it.
class WaitedRequest final : public UsbRequest {
public:
    /// `waiter` outlives the request's end.
    WaitedRequest(std::shared_ptr<EndpointRequests> requests, RequestWaiter &waiter)
        : UsbRequest(std::move(requests)), waiter_(waiter) {}

private:
    void OnEnd(const RequestEnd &end) override { waiter_.Arrive(end); }

    RequestWaiter &waiter_;
};

/// Invokes an action of a driver at the end.
template <void (*send)(OSAction *, const RequestEnd &)>
class ActionRequest final : public UsbRequest {
public:
    ActionRequest(std::shared_ptr<EndpointRequests> requests, OSAction *action)
        : UsbRequest(std::move(requests)), action_(dispatch::RetainForWorker(action)) {}

private:
    void OnEnd(const RequestEnd &end) override { send(action_.get(), end); }

    const dispatch::WorkerReleased<OSAction> action_;
};

/// What a control request says.
struct ControlRequest {
    backends::UsbSetup setup;
    IOMemoryDescriptor *memory = nullptr;
    uint32_t timeout_ms = 0;
};

/// A control request, and its end.
[[nodiscard]] RequestEnd CallControl(const std::shared_ptr<EndpointRequests> &requests,
                                     const ControlRequest &control);

/// Starts a control request that ends in CompleteAsyncDeviceRequest. @return as UsbRequest::Submit, kIOReturnBadArgument.
[[nodiscard]] kern_return_t StartControl(const std::shared_ptr<EndpointRequests> &requests,
                                         const ControlRequest &control, OSAction *completion);

/// A bulk or interrupt transfer.
struct DataRequest {
    IOMemoryDescriptor *memory = nullptr;
    uint32_t num_bytes = 0;
    uint32_t timeout_ms = 0;
};

/// A transfer, and its end.
[[nodiscard]] RequestEnd CallData(const std::shared_ptr<EndpointRequests> &requests,
                                  const DataRequest &data);

/// Starts a transfer that ends in CompleteAsyncIO. @return as UsbRequest::Submit, kIOReturnBadArgument.
[[nodiscard]] kern_return_t StartData(const std::shared_ptr<EndpointRequests> &requests,
                                      const DataRequest &data, OSAction *completion);

/// Fills in a bulk or interrupt request. @return as AsyncIO's checks.
[[nodiscard]] kern_return_t PrepareData(UsbRequest &request, const EndpointRequests &requests,
                                        const DataRequest &data);

}  // namespace opendext::usb
