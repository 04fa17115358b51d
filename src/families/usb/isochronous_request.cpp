// SPDX-License-Identifier: Apache-2.0
#include "families/usb/isochronous_request.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include <USBDriverKit/IOUSBHostPipe.h>

#include "families/usb/usb_request.h"
#include "families/usb/usb_results.h"
#include "runtime/memory/device_access.h"

namespace opendext::usb {

using backends::UsbIsochronousFrame;
using memory::DeviceAccess;
using memory::DmaPiece;

namespace {

// A driver's list of frames: memory that the driver may change at any time, so it is copied at once, and checked then.
class FrameList {
public:
    static std::expected<FrameList, kern_return_t> Open(IOMemoryDescriptor *memory) {
        uint64_t length = 0;
        if (memory == nullptr || memory->GetLength(&length) != kIOReturnSuccess) {
            return std::unexpected(kIOReturnBadArgument);
        }
        const uint64_t num_frames = length / sizeof(IOUSBIsochronousFrame);
        if (num_frames == 0 || num_frames > backends::kMostUsbFrames) {
            return std::unexpected(kIOReturnBadArgument);
        }
        auto access = DeviceAccess::Open(memory, 0, num_frames * sizeof(IOUSBIsochronousFrame),
                                         memory::DeviceUse::kWrites);
        if (!access) {
            return std::unexpected(access.error());
        }
        FrameList list;
        list.access_ = std::move(*access);
        list.frames_.resize(num_frames);
        list.Copy(/*writes=*/false);
        return list;
    }

    [[nodiscard]] std::span<IOUSBIsochronousFrame> frames() { return frames_; }

    void WriteBack() {
        Copy(/*writes=*/true);
        access_ = {};
    }

private:
    void Copy(bool writes) {
        auto *bytes = reinterpret_cast<std::byte *>(frames_.data());
        for (const DmaPiece &piece : access_.pieces()) {
            std::memcpy(writes ? piece.address : bytes, writes ? bytes : piece.address,
                        piece.num_bytes);
            bytes += piece.num_bytes;
        }
    }

    DeviceAccess access_;
    std::vector<IOUSBIsochronousFrame> frames_;
};

class IsochronousRequest final : public UsbRequest {
public:
    IsochronousRequest(std::shared_ptr<EndpointRequests> requests, FrameList list,
                       OSAction *completion, RequestWaiter *waiter)
        : UsbRequest(std::move(requests)),
          list_(std::move(list)),
          completion_(dispatch::RetainForWorker(completion)),
          waiter_(waiter) {
        for (IOUSBIsochronousFrame &frame : list_.frames()) {
            frame.status = kIOReturnInvalid;
            frame.completeCount = 0;
            frames.push_back({.num_requested = frame.requestCount});
        }
    }

    [[nodiscard]] uint64_t TotalBytes() const {
        uint64_t sum = 0;
        for (const UsbIsochronousFrame &frame : frames) {
            sum += frame.num_requested;
        }
        return sum;
    }

private:
    void OnEnd(const RequestEnd &end) override {
        const std::span<IOUSBIsochronousFrame> list = list_.frames();
        for (size_t i = 0; i < list.size() && i < frames.size(); ++i) {
            // A frame that never came about has ended as the transfer has.
            const bool has_run = frames[i].mach_time != 0 || end.result == kIOReturnSuccess;
            list[i].status = has_run ? ResultOf(frames[i].status) : end.result;
            list[i].completeCount = std::min(frames[i].num_done, frames[i].num_requested);
            list[i].timeStamp = frames[i].mach_time;
        }
        list_.WriteBack();
        if (waiter_ != nullptr) {
            waiter_->Arrive(end);
            return;
        }
        SendIsochEnd(completion_.get(), end.result);
    }

    FrameList list_;
    const dispatch::WorkerReleased<OSAction> completion_;
    RequestWaiter *const waiter_;
};

}  // namespace

kern_return_t SendIsochronous(const std::shared_ptr<EndpointRequests> &requests,
                              const IsochronousArguments &arguments) {
    auto list = FrameList::Open(arguments.frame_list);
    if (!list) {
        return list.error();
    }
    RequestWaiter waiter;
    auto request =
        std::make_unique<IsochronousRequest>(requests, std::move(*list), arguments.completion,
                                             arguments.completion == nullptr ? &waiter : nullptr);
    request->first_frame = arguments.first_frame;
    kern_return_t result =
        request->UseMemory(arguments.memory, request->TotalBytes(), requests->endpoint().is_in());
    if (result == kIOReturnSuccess) {
        result = UsbRequest::Submit(std::move(request));
    }
    if (result != kIOReturnSuccess || arguments.completion != nullptr) {
        return result;
    }
    return waiter.Wait().result;
}

}  // namespace opendext::usb
