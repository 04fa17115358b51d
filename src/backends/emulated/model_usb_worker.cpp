// SPDX-License-Identifier: Apache-2.0
// What a ModelUsbWire does on its own thread: isochronous frames, plugging, and completions of the model's threads.
#include <algorithm>
#include <chrono>
#include <system_error>
#include <utility>

#include "backends/emulated/model_usb_wire.h"
#include "base/blocked_signals.h"
#include "base/clock.h"
#include "base/log.h"

namespace opendext::backends {
namespace {

constexpr std::chrono::milliseconds kVirtualTimePoll{1};
constexpr uint8_t kLastAddress = 127;

uint64_t NowNs() {
    return NowNanoseconds(ClockDomain::kUptime);
}

}  // namespace

// --- Isochronous frames --------------------------------------------------------------------------------

void ModelUsbWire::StartFrames(UsbTransfer &transfer, const UsbEndpoint &endpoint) {
    const auto refused = frames_.Add(transfer, endpoint, state_.description().speed, NowNs());
    if (refused) {
        for (UsbIsochronousFrame &frame : transfer.frames) {
            frame.status = *refused;
        }
        return AddDone(transfer, {.status = *refused});
    }
    WakeWorker();
}

void ModelUsbWire::RunDueFrames() {
    while (const auto due = frames_.TakeDue(NowNs())) {
        RunFrame(*due);
        if (due->is_last) {
            AddDone(*due->transfer, {.status = UsbStatus::kSuccess});
        }
    }
}

void ModelUsbWire::RunFrame(const UsbFrameSchedule::DueFrame &due) {
    UsbIsochronousFrame &frame = due.transfer->frames[due.index];
    const bool is_in = due.transfer->endpoint.is_in();
    // What a device does not take of OUT is lost, and the host never learns of it.
    frame.num_done = is_in ? 0 : frame.num_requested;
    frame.status = is_in ? UsbStatus::kUnderrun : UsbStatus::kSuccess;
    current_frame_ = &frame;
    const UsbModelRequest seen =
        requests_.Add(*due.transfer, nullptr, due.offset, frame.num_requested).seen;
    model_->OnRequest(seen);
    if (UsbPendingRequest *missed = requests_.Find(seen.id)) {
        requests_.Remove(*missed);
    }
    current_frame_ = nullptr;
}

// --- Plugging ------------------------------------------------------------------------------------------

void ModelUsbWire::Detach() {
    Order(std::nullopt);
}

void ModelUsbWire::Reattach(UsbDescription description) {
    Order(std::move(description));
}

void ModelUsbWire::Order(PlugOrder order) {
    {
        const std::lock_guard lock(worker_mutex_);
        is_unplugged_.store(true, std::memory_order_release);
        orders_.push_back(std::move(order));
    }
    WakeWorker();
}

void ModelUsbWire::CarryOut(PlugOrder order) {
    const bool comes_back = order.has_value();
    {
        const ModelScope scope(*this);
        EndRequestsAt(kAllUsbEndpoints, UsbStatus::kRemoved, false);
        if (comes_back) {
            state_.PowerOn(std::move(*order));
            address_ = address_ == kLastAddress ? uint8_t{1} : static_cast<uint8_t>(address_ + 1);
            model_->OnReset();
        }
    }
    if (std::exchange(is_attached_, false)) {
        listener_->OnDetached();
    }
    if (!comes_back) {
        return;
    }
    {
        const std::lock_guard lock(worker_mutex_);
        if (!orders_.empty()) {
            return;  // gone again already
        }
        is_unplugged_.store(false, std::memory_order_release);
    }
    is_attached_ = true;
    listener_->OnAttached(Describe());
}

// --- The thread ----------------------------------------------------------------------------------------

void ModelUsbWire::WakeWorker() {
    const std::lock_guard lock(worker_mutex_);
    if (is_ending_) {
        return;
    }
    const bool is_awake = std::exchange(has_work_, true);
    if (!worker_.joinable()) {
        try {
            const BlockedSignals blocked;
            worker_ = std::thread([this] { Work(); });
        } catch (const std::system_error &error) {
            // What comes next tries again.
            LogError("model {}: no thread for it: what it has to do waits: {}", model_->Name(),
                     error.what());
        }
    } else if (!is_awake) {
        work_.notify_one();
    }
}

bool ModelUsbWire::WaitForWork() {
    std::unique_lock lock(worker_mutex_);
    for (;;) {
        if (is_ending_) {
            return false;
        }
        const uint64_t now = frames_due_at_ns_ ? NowNs() : 0;
        if (is_begun_ &&
            (has_work_ || !orders_.empty() || (frames_due_at_ns_ && *frames_due_at_ns_ <= now))) {
            has_work_ = false;
            return true;
        }
        if (!is_begun_ || !frames_due_at_ns_) {
            work_.wait(lock);
        } else if (TimeIsVirtual()) {
            work_.wait_for(lock, kVirtualTimePoll);
        } else {
            work_.wait_for(lock, std::chrono::nanoseconds(*frames_due_at_ns_ - now));
        }
    }
}

void ModelUsbWire::DoWork() {
    std::optional<uint64_t> next;
    {
        const ModelScope scope(*this);
        RunDueFrames();
        next = frames_.NextTime();
    }
    std::optional<PlugOrder> order;
    {
        const std::lock_guard lock(worker_mutex_);
        frames_due_at_ns_ = next;
        if (!orders_.empty()) {
            order = std::move(orders_.front());
            orders_.pop_front();
        }
    }
    if (order) {
        CarryOut(std::move(*order));
    }
}

void ModelUsbWire::Work() {
    while (WaitForWork()) {
        DoWork();
    }
}

}  // namespace opendext::backends
