// SPDX-License-Identifier: Apache-2.0
#include "tests/hardware/wire_rig.h"

#include <algorithm>
#include <expected>
#include <utility>

#include "backends/libusb/libusb_selector.h"
#include "backends/libusb/libusb_wire.h"
#include "backends/usbip/usbip_port.h"

namespace opendext::hardware {
namespace {

using backends::UsbOutcome;
using backends::UsbStatus;

constexpr std::chrono::seconds kHangGuard(100);

std::expected<std::unique_ptr<backends::UsbWire>, std::string> MakeWire(
    const std::string &specification) {
    if (specification.starts_with("usbip:")) {
        return backends::CreateUsbipWire(specification);
    }
    const auto selector = backends::ParseLibusbSelector(specification);
    if (!selector) {
        return std::unexpected(selector.error());
    }
    return backends::LibusbWire::Create(*selector);
}

}  // namespace

Request::Request(backends::UsbTransferType transfer_type, backends::UsbEndpointAddress address,
                 uint64_t num_bytes, uint64_t span_bytes)
    : memory(num_bytes) {
    type = transfer_type;
    endpoint = address;
    const uint64_t step = span_bytes == 0 ? num_bytes : span_bytes;
    for (uint64_t offset = 0; offset < num_bytes; offset += step) {
        buffer.push_back(
            {.address = memory.data() + offset, .num_bytes = std::min(step, num_bytes - offset)});
    }
}

void Request::OnComplete(const UsbOutcome &outcome) {
    const std::lock_guard lock(mutex_);
    outcome_ = outcome;
    ++num_completions_;
    changed_.notify_all();
}

std::optional<UsbOutcome> Request::Wait() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kHangGuard, [&] { return outcome_.has_value(); });
    return outcome_;
}

int Request::num_completions() {
    const std::lock_guard lock(mutex_);
    return num_completions_;
}

WireRig::WireRig(const std::string &specification) {
    auto wire = MakeWire(specification);
    if (!wire) {
        error_ = wire.error();
        return;
    }
    wire_ = std::move(*wire);
    wire_->Begin(*this);
}

WireRig::~WireRig() {
    End();
}

void WireRig::End() {
    if (wire_ != nullptr) {
        wire_->End();
        wire_.reset();
    }
}

std::optional<backends::UsbAttachment> WireRig::WaitForDevice() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kHangGuard, [&] { return attachment_.has_value(); });
    return attachment_;
}

bool WireRig::WaitForDeparture() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kHangGuard, [&] { return num_departures_ > 0; });
}

std::shared_ptr<Request> WireRig::Start(std::shared_ptr<Request> request) {
    wire_->Start(*request);
    return request;
}

UsbOutcome WireRig::Finish(Request &request) {
    if (const std::optional<UsbOutcome> outcome = request.Wait()) {
        return *outcome;
    }
    wire_->Cancel(request);
    const uint64_t num_bytes = request.Wait().value_or(UsbOutcome{}).num_bytes;
    return {.status = UsbStatus::kUnderrun, .num_bytes = num_bytes};
}

WireRig::ControlAnswer WireRig::Control(const backends::UsbSetup &setup) {
    Request request(backends::UsbTransferType::kControl, {}, setup.length);
    request.setup = setup;
    wire_->Start(request);
    const UsbOutcome outcome = Finish(request);
    return {.outcome = outcome, .data = request.memory};
}

void WireRig::OnAttached(backends::UsbAttachment attachment) {
    const std::lock_guard lock(mutex_);
    attachment_ = std::move(attachment);
    changed_.notify_all();
}

void WireRig::OnDetached() {
    const std::lock_guard lock(mutex_);
    attachment_.reset();
    ++num_departures_;
    changed_.notify_all();
}

void WireRig::OnDone(backends::UsbTransfer &transfer, const UsbOutcome &outcome) {
    transfer.OnComplete(outcome);
}

}  // namespace opendext::hardware
