// SPDX-License-Identifier: Apache-2.0
#include "models/usb_firmware/usb_firmware_model.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace opendext::models {

using backends::BackendResult;
using backends::UsbControlReply;
using backends::UsbDescription;
using backends::UsbDeviceBuilder;
using backends::UsbModelRequest;
using backends::UsbSetup;
using backends::UsbStatus;
using namespace usb_firmware;

namespace {

constexpr uint8_t kVendorOut = 0x40;
constexpr uint8_t kVendorIn = 0xC0;

// So much is hashed before somebody else has a chance to get the mutex.
constexpr size_t kBytesAtOnce = 256 << 10;

template <typename T>
UsbControlReply Send(const T &answer, std::span<std::byte> room) {
    const size_t count = std::min(sizeof(T), room.size());
    std::copy_n(std::as_bytes(std::span(&answer, 1)).begin(), count, room.begin());
    return UsbControlReply::Success(count);
}

UsbControlReply Answer(bool is_done) {
    return is_done ? UsbControlReply::Success() : UsbControlReply::Stall();
}

}  // namespace

BackendResult<UsbDescription> UsbFirmwareModel::Describe() const {
    return UsbDeviceBuilder(kVendorId, kLoaderProductId, options_.speed)
        .DeviceClass(kLoaderClass, 0, 0)
        .Strings("OpenDext", "Firmware loader", "FW0001")
        .Configuration(kConfiguration)
        .Interface(kInterface, 0, kLoaderClass, 0, 0, "Download")
        .Bulk(kDownloadOut)
        .Build();
}

BackendResult<UsbDescription> UsbFirmwareModel::DescribeRunning() const {
    return UsbDeviceBuilder(kVendorId, kRunningProductId, options_.speed)
        .Strings("OpenDext", "Running device", "FW0001")
        .Configuration(kConfiguration)
        .Interface(kInterface, 0, kRunningClass, kRunningSubclass, 0, "Heartbeat")
        .Interrupt(kHeartbeatIn, kHeartbeatBytes, 4)
        .Build();
}

UsbFirmwareModel::~UsbFirmwareModel() {
    {
        const std::lock_guard lock(mutex());
        is_ending_ = true;
        changed_.notify_one();
    }
    if (thread_.joinable()) {
        thread_.join();
    }
}

void UsbFirmwareModel::Attach(backends::UsbDevicePort &port) {
    port_ = &port;
    thread_ = std::thread([this] { Run(); });
}

void UsbFirmwareModel::OnReset() {
    waiting_.clear();
    if (form_ == next_form_ && form_ == Form::kRunning) {
        return;  // a reset of the port does not stop the firmware
    }
    form_ = next_form_;
    if (form_ == Form::kLoader) {
        loader_.Reset();
        next_time_ = {};
    } else {
        num_heartbeats_ = 0;
        started_ = Clock::now();
        next_time_ = started_ + std::chrono::milliseconds(options_.heartbeat_ms);
    }
}

void UsbFirmwareModel::ComeBackAs(Form form) {
    next_form_ = form;
    auto description = form == Form::kRunning ? DescribeRunning() : Describe();
    if (description) {
        port_->Reattach(std::move(*description));
    }
}

// --- Vendor requests -----------------------------------------------------------------------------------

UsbControlReply UsbFirmwareModel::OnControl(const UsbSetup &setup, std::span<std::byte> data) {
    if (setup.request_type != kVendorOut && setup.request_type != kVendorIn) {
        return UsbControlReply::Stall();
    }
    return form_ == Form::kLoader ? ServeLoader(setup, data) : ServeRunning(setup, data);
}

UsbControlReply UsbFirmwareModel::ServeLoader(const UsbSetup &setup, std::span<std::byte> data) {
    if (setup.is_in()) {
        return setup.request == kGetStatus ? Send(loader_.status(), data)
                                           : UsbControlReply::Stall();
    }
    switch (setup.request) {
        case kBegin: {
            uint64_t total_bytes = 0;
            if (data.size() != sizeof(total_bytes)) {
                return UsbControlReply::Stall();
            }
            std::memcpy(&total_bytes, data.data(), sizeof(total_bytes));
            loader_.Begin(total_bytes);
            return UsbControlReply::Success();
        }
        case kBlock:
            return Answer(loader_.AppendBlock(setup.value | uint32_t{setup.index} << 16, data));
        case kFinish:
            return Finish(data);
        case kCancel:
            loader_.Reset();
            return UsbControlReply::Success();
        default:
            return UsbControlReply::Stall();
    }
}

UsbControlReply UsbFirmwareModel::Finish(std::span<const std::byte> data) {
    Sha256Digest expected{};
    if (data.size() != expected.size()) {
        return UsbControlReply::Stall();
    }
    std::ranges::copy(data, expected.begin());
    if (!loader_.Finish(expected)) {
        return UsbControlReply::Stall();
    }
    ComeBackAs(Form::kRunning);
    return UsbControlReply::Success();
}

UsbControlReply UsbFirmwareModel::ServeRunning(const UsbSetup &setup, std::span<std::byte> data) {
    if (setup.is_in() && setup.request == kGetInfo) {
        return Send(loader_.info(), data);
    }
    if (!setup.is_in() && setup.request == kRestart) {
        ComeBackAs(Form::kLoader);
        return UsbControlReply::Success();
    }
    return UsbControlReply::Stall();
}

// --- Endpoints -----------------------------------------------------------------------------------------

void UsbFirmwareModel::OnRequest(const UsbModelRequest &request) {
    if (form_ == Form::kLoader && !loader_.Accepts(0)) {
        return port_->Halt(request.endpoint);
    }
    waiting_.push_back({.request = request, .at = PieceCursor(request.pieces)});
    changed_.notify_one();
}

void UsbFirmwareModel::OnCancelled(backends::UsbRequestId request) {
    std::erase_if(waiting_, [request](const Waiting &each) { return each.request.id == request; });
}

void UsbFirmwareModel::Run() {
    std::unique_lock lock(mutex());
    while (!is_ending_) {
        if (waiting_.empty()) {
            changed_.wait(lock);
        } else if (Clock::now() < next_time_) {
            changed_.wait_until(lock, next_time_);
        } else if (form_ == Form::kLoader) {
            TakeFirmware(lock);
        } else {
            SendHeartbeat();
        }
    }
}

void UsbFirmwareModel::TakeFirmware(std::unique_lock<std::mutex> &lock) {
    Waiting &front = waiting_.front();
    const std::span<std::byte> bytes = front.at.Peek(kBytesAtOnce);
    if (!loader_.Accepts(bytes.size())) {
        const UsbModelRequest request = front.request;
        waiting_.clear();
        return port_->Halt(request.endpoint);
    }
    loader_.Append(bytes);
    front.at.Advance(bytes.size());
    if (options_.rate_kib_per_s != 0) {
        next_time_ =
            std::max(next_time_, Clock::now()) +
            std::chrono::microseconds(bytes.size() * 1'000'000 / 1024 / options_.rate_kib_per_s);
    }
    if (front.at.AtEnd()) {
        port_->Complete(front.request.id, UsbStatus::kSuccess, front.request.num_bytes);
        waiting_.pop_front();
    }
    lock.unlock();
    std::this_thread::yield();
    lock.lock();
}

void UsbFirmwareModel::SendHeartbeat() {
    const auto uptime =
        std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - started_);
    const Heartbeat heartbeat{.number = ++num_heartbeats_,
                              .uptime_ms = static_cast<uint32_t>(uptime.count())};
    std::array<std::byte, kHeartbeatBytes> bytes{};
    std::memcpy(bytes.data(), &heartbeat, sizeof(heartbeat));
    const std::array<std::span<std::byte>, 1> pieces = {bytes};
    PieceCursor from(pieces);
    Waiting &front = waiting_.front();
    port_->Complete(front.request.id, UsbStatus::kSuccess, CopyPieces(from, front.at));
    waiting_.pop_front();
    next_time_ = Clock::now() + std::chrono::milliseconds(options_.heartbeat_ms);
}

}  // namespace opendext::models
