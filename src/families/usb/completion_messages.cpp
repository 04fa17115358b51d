// SPDX-License-Identifier: Apache-2.0
#include "families/usb/completion_messages.h"

#include <algorithm>
#include <memory>

#include <USBDriverKit/IOUSBHostDevice.h>
#include <USBDriverKit/IOUSBHostPipe.h>
#include <mach/mach_time.h>

#include "backends/api/completion_batch.h"
#include "runtime/dispatch/held_work.h"

namespace opendext::usb {

namespace {

/// Keeps a driver's queues waiting until all completions of a batch are there.
class HeldQueues final : public backends::CompletionBatch::Member {
public:
    static void HoldForBatch() {
        static const auto held = std::make_shared<HeldQueues>();
        auto *const batch = backends::CompletionBatch::Current();
        if (batch != nullptr && batch->Join(held)) {
            dispatch::HoldWork();
        }
    }
    void OnBatchEnd() override { dispatch::LetWorkGo(); }
};

// What the generated caller does, without an object of the class that declares the method: the receiver is the action.
template <typename Frame>
void Send(OSAction *action, Frame &frame, const IORPCMethod &method, uint64_t method_id) {
    frame.method = &method;
    frame.action = action;
    HeldQueues::HoldForBatch();
    (void)action->Invoke({.frame = &frame, .methodID = method_id});
}

}  // namespace

void SendAsyncIOEnd(OSAction *action, const RequestEnd &end) {
    IOUSBHostPipe_CompleteAsyncIO_Frame frame{};
    frame.status = end.result;
    frame.actualByteCount = end.num_bytes;
    frame.completionTimestamp = mach_absolute_time();
    Send(action, frame, IOUSBHostPipe_CompleteAsyncIO_Method, IOUSBHostPipe_CompleteAsyncIO_ID);
}

void SendDeviceRequestEnd(OSAction *action, const RequestEnd &end) {
    IOUSBHostDevice_CompleteAsyncDeviceRequest_Frame frame{};
    frame.status = end.result;
    frame.bytesTransferred = end.num_bytes;
    Send(action, frame, IOUSBHostDevice_CompleteAsyncDeviceRequest_Method,
         IOUSBHostDevice_CompleteAsyncDeviceRequest_ID);
}

void SendIsochEnd(OSAction *action, kern_return_t result) {
    IOUSBHostPipe_CompleteAsyncIsochIO_Frame frame{};
    frame.status = result;
    Send(action, frame, IOUSBHostPipe_CompleteAsyncIsochIO_Method,
         IOUSBHostPipe_CompleteAsyncIsochIO_ID);
}

void SendBundledEnd(OSAction *action, uint32_t first_index, std::span<const RequestEnd> ends) {
    const size_t num_ends = std::min<size_t>(ends.size(), kIOUSBHostPipeBundlingMax);
    IOUSBHostPipe_CompleteAsyncIOBundled_Frame frame{};
    frame.ioCompletionIndex = first_index;
    frame.ioCompletionCount = static_cast<uint32_t>(num_ends);
    frame.actualByteCountArrayCount = static_cast<int>(num_ends);
    frame.statusArrayCount = static_cast<int>(num_ends);
    for (size_t i = 0; i < num_ends; ++i) {
        frame.actualByteCountArray[i] = ends[i].num_bytes;
        frame.statusArray[i] = ends[i].result;
    }
    Send(action, frame, IOUSBHostPipe_CompleteAsyncIOBundled_Method,
         IOUSBHostPipe_CompleteAsyncIOBundled_ID);
}

}  // namespace opendext::usb
