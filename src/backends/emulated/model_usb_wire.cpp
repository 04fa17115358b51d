// SPDX-License-Identifier: Apache-2.0
#include "backends/emulated/model_usb_wire.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/clock.h"

namespace opendext::backends {
namespace {

constexpr size_t kControlEndpointIndex = 0;

uint64_t NowNs() {
    return NowNanoseconds(ClockDomain::kUptime);
}

}  // namespace

BackendResult<std::unique_ptr<ModelUsbWire>> ModelUsbWire::Create(
    std::unique_ptr<UsbDeviceModel> model, uint32_t location) {
    auto description = model->Describe();
    if (!description) {
        return std::unexpected(description.error());
    }
    return std::unique_ptr<ModelUsbWire>(
        new ModelUsbWire(std::move(model), std::move(*description), location));
}

ModelUsbWire::ModelUsbWire(std::unique_ptr<UsbDeviceModel> model, UsbDescription description,
                           uint32_t location)
    : location_(location), state_(std::move(description)), model_(std::move(model)) {}

ModelUsbWire::~ModelUsbWire() {
    model_.reset();  // its threads use the port until they have ended
}

void ModelUsbWire::Begin(UsbWireListener &listener) {
    listener_ = &listener;
    model_->Attach(*this);
    is_attached_ = true;
    listener_->OnAttached(Describe());
    const std::lock_guard lock(worker_mutex_);
    is_begun_ = true;
    work_.notify_one();
}

void ModelUsbWire::End() {
    {
        const std::lock_guard lock(worker_mutex_);
        is_ending_ = true;
        work_.notify_one();
    }
    if (worker_.joinable()) {
        worker_.join();
    }
    is_unplugged_ = true;
    const ModelScope scope(*this);
    EndRequestsAt(kAllUsbEndpoints, UsbStatus::kAborted, false);
}

UsbAttachment ModelUsbWire::Describe() {
    const std::lock_guard lock(model_->mutex());
    const UsbDescription &description = state_.description();
    const auto text = [&](uint8_t index) {
        return index == 0 || index > description.strings.size() ? std::string()
                                                                : description.strings[index - 1];
    };
    const UsbDeviceFields &device = description.descriptors.device;
    std::map<uint8_t, std::string> names;
    for (const uint8_t index : description.descriptors.InterfaceNameIndexes()) {
        if (std::string name = text(index); !name.empty()) {
            names.emplace(index, std::move(name));
        }
    }
    return {.speed = description.speed,
            .address = address_,
            .location = location_,
            .descriptors = description.descriptors,
            .manufacturer = text(device.manufacturer_string),
            .product = text(device.product_string),
            .serial = text(device.serial_string),
            .interface_names = std::move(names),
            .configuration = state_.configuration()};
}

BackendResult<void> ModelUsbWire::CheckPlugged() const {
    if (is_unplugged_.load(std::memory_order_acquire)) {
        return Refuse(BackendErrorCode::kRemoved, "the device is unplugged");
    }
    return {};
}

void ModelUsbWire::Start(UsbTransfer &transfer) {
    const ModelScope scope(*this);
    if (is_unplugged_.load(std::memory_order_acquire)) {
        AddDone(transfer, {.status = UsbStatus::kRemoved});
    } else if (transfer.type == UsbTransferType::kControl) {
        StartControl(transfer);
    } else {
        StartAtEndpoint(transfer);
    }
}

UsbControlReply ModelUsbWire::Answer(const UsbSetup &setup, std::span<std::byte> data) {
    const auto served = ServeStandardRequest(state_, *this, setup, data);
    return served ? *served : model_->OnControl(setup, data);
}

void ModelUsbWire::StartControl(UsbTransfer &transfer) {
    const UsbSetup setup = transfer.setup;
    const uint64_t num_bytes = std::min<uint64_t>(setup.length, transfer.num_bytes());
    UsbPendingRequest &request = requests_.Add(transfer, &transfer, 0, num_bytes);
    const bool is_whole = request.pieces.size() <= 1;
    std::span<std::byte> data = request.pieces.empty() ? std::span<std::byte>() : request.pieces[0];
    if (!is_whole) {
        data_stage_.clear();
        for (const std::span<std::byte> piece : request.pieces) {
            data_stage_.insert(data_stage_.end(), piece.begin(), piece.end());
        }
        data = data_stage_;
    }
    const UsbControlReply reply = Answer(setup, data);
    if (reply.is_pending) {
        return;
    }
    UsbOutcome outcome{.status = reply.status};
    if (reply.status == UsbStatus::kSuccess) {
        outcome.num_bytes = setup.is_in() ? reply.num_bytes : num_bytes;
        if (outcome.num_bytes > num_bytes) {
            outcome = {.status = UsbStatus::kBabble, .num_bytes = num_bytes};
        }
    }
    if (!is_whole && setup.is_in()) {
        size_t offset = 0;
        for (const std::span<std::byte> piece : request.pieces) {
            std::copy_n(data_stage_.begin() + static_cast<ptrdiff_t>(offset), piece.size(),
                        piece.begin());
            offset += piece.size();
        }
    }
    requests_.Remove(request);
    AddDone(transfer, outcome);
}

void ModelUsbWire::StartAtEndpoint(UsbTransfer &transfer) {
    const UsbEndpoint *endpoint = state_.Find(transfer.endpoint);
    if (endpoint == nullptr || endpoint->type != transfer.type) {
        return AddDone(transfer, {.status = UsbStatus::kNotResponding});
    }
    if (state_.IsHalted(transfer.endpoint)) {
        return AddDone(transfer, {.status = UsbStatus::kStalled});
    }
    if (transfer.type == UsbTransferType::kIsochronous) {
        return StartFrames(transfer, *endpoint);
    }
    const UsbModelRequest seen = requests_.Add(transfer, &transfer, 0, transfer.num_bytes()).seen;
    model_->OnRequest(seen);
}

void ModelUsbWire::Cancel(UsbTransfer &transfer) {
    const ModelScope scope(*this);
    if (UsbPendingRequest *request = requests_.Find(transfer)) {
        const UsbRequestId id = request->seen.id;
        requests_.Remove(*request);
        AddDone(transfer, {.status = UsbStatus::kAborted});
        if (transfer.type != UsbTransferType::kControl) {
            model_->OnCancelled(id);
        }
    } else if (frames_.Remove(transfer)) {
        AddDone(transfer, {.status = UsbStatus::kAborted});
    }
}

void ModelUsbWire::Complete(UsbRequestId id, UsbStatus status, uint64_t num_bytes) {
    UsbPendingRequest *request = requests_.Find(id);
    if (request == nullptr) {
        return;
    }
    UsbOutcome outcome{.status = status, .num_bytes = num_bytes};
    if (num_bytes > request->seen.num_bytes) {
        outcome = {.status = UsbStatus::kBabble, .num_bytes = request->seen.num_bytes};
    }
    UsbTransfer *const transfer = request->transfer;
    const UsbEndpointAddress endpoint = request->seen.endpoint;
    requests_.Remove(*request);
    if (transfer == nullptr) {
        current_frame_->status = outcome.status;
        current_frame_->num_done = static_cast<uint32_t>(outcome.num_bytes);
        return;
    }
    AddDone(*transfer, outcome);
    if (outcome.status == UsbStatus::kStalled) {
        Halt(endpoint);
    }
}

void ModelUsbWire::Halt(UsbEndpointAddress endpoint) {
    const UsbEndpoint *found = state_.Find(endpoint);
    if (found == nullptr || found->type == UsbTransferType::kIsochronous) {
        return;
    }
    state_.SetHalted(endpoint, true);
    EndRequestsAt(SetOf(endpoint), UsbStatus::kStalled, false);
}

bool ModelUsbWire::IsHalted(UsbEndpointAddress endpoint) const {
    return state_.IsHalted(endpoint);
}

void ModelUsbWire::HaltForHost(UsbEndpointAddress endpoint) {
    state_.SetHalted(endpoint, true);
    EndRequestsAt(SetOf(endpoint), UsbStatus::kStalled, true);
}

void ModelUsbWire::EndRequestsAt(UsbEndpointSet endpoints, UsbStatus status, bool tells_model) {
    for (size_t index = 0; index < 32; ++index) {
        if ((endpoints >> index & 1) == 0) {
            continue;
        }
        while (UsbPendingRequest *request = requests_.FirstAt(index)) {
            const UsbRequestId id = request->seen.id;
            if (request->transfer != nullptr) {
                AddDone(*request->transfer, {.status = status});
            }
            requests_.Remove(*request);
            if (tells_model && index != kControlEndpointIndex) {
                model_->OnCancelled(id);
            }
        }
        while (UsbTransfer *transfer = frames_.LastAt(index)) {
            if (frames_.Remove(*transfer)) {
                AddDone(*transfer, {.status = status});
            }
        }
    }
}

void ModelUsbWire::AddDone(UsbTransfer &transfer, const UsbOutcome &outcome) {
    done_.push_back({.transfer = &transfer, .outcome = outcome});
    if (!in_callback_) {
        WakeWorker();
    }
}

void ModelUsbWire::DeliverDone(std::unique_lock<std::mutex> &lock) {
    std::array<Done, 8> batch;
    while (!done_.empty()) {
        const size_t count = std::min(batch.size(), done_.size());
        const auto end = done_.begin() + static_cast<ptrdiff_t>(count);
        std::copy(done_.begin(), end, batch.begin());
        done_.erase(done_.begin(), end);
        const bool was_last = done_.empty();
        lock.unlock();
        for (size_t index = 0; index < count; ++index) {
            listener_->OnDone(*batch[index].transfer, batch[index].outcome);
        }
        if (was_last) {
            return;  // what has come since is whoever's that added it
        }
        lock.lock();
    }
}

// --- What is configured --------------------------------------------------------------------------------

bool ModelUsbWire::SelectConfiguration(uint8_t value) {
    if (value != 0 && state_.description().descriptors.FindConfiguration(value) == nullptr) {
        return false;
    }
    EndRequestsAt(kAllUsbEndpoints & ~UsbEndpointSet{1}, UsbStatus::kAborted, true);
    const bool is_done = state_.SetConfiguration(value);
    model_->OnConfigured(value);
    return is_done;
}

bool ModelUsbWire::SelectAlternateSetting(uint8_t interface_number, uint8_t alternate) {
    const UsbConfiguration *configuration = state_.current();
    const auto before = state_.AlternateSetting(interface_number);
    if (!before || configuration->Find(interface_number, alternate) == nullptr) {
        return false;
    }
    if (const UsbInterfaceSetting *setting = configuration->Find(interface_number, *before)) {
        for (const UsbEndpoint &endpoint : setting->endpoints) {
            EndRequestsAt(SetOf(endpoint.address), UsbStatus::kAborted, true);
        }
    }
    const bool is_done = state_.SetAlternateSetting(interface_number, alternate);
    model_->OnAlternateSetting(interface_number, alternate);
    return is_done;
}

BackendResult<void> ModelUsbWire::SetConfiguration(uint8_t value) {
    const ModelScope scope(*this);
    if (auto plugged = CheckPlugged(); !plugged) {
        return plugged;
    }
    if (!SelectConfiguration(value)) {
        return Refuse(BackendErrorCode::kNotFound,
                      fmt::format("model {} has no configuration {}", model_->Name(), value));
    }
    return {};
}

BackendResult<void> ModelUsbWire::SetAlternateSetting(uint8_t interface_number, uint8_t alternate) {
    const ModelScope scope(*this);
    if (auto plugged = CheckPlugged(); !plugged) {
        return plugged;
    }
    if (!SelectAlternateSetting(interface_number, alternate)) {
        return Refuse(BackendErrorCode::kNotFound,
                      fmt::format("model {} has no setting {} of interface {}", model_->Name(),
                                  alternate, interface_number));
    }
    return {};
}

BackendResult<void> ModelUsbWire::ClearHalt(UsbEndpointAddress endpoint, bool tells_device) {
    const ModelScope scope(*this);
    if (auto plugged = CheckPlugged(); !plugged) {
        return plugged;
    }
    if (state_.Find(endpoint) == nullptr) {
        return Refuse(BackendErrorCode::kNotFound,
                      fmt::format("model {} has no endpoint {:#04x} in this setting",
                                  model_->Name(), endpoint.value));
    }
    if (tells_device) {
        state_.SetHalted(endpoint, false);
    }
    return {};
}

BackendResult<void> ModelUsbWire::Reset() {
    const ModelScope scope(*this);
    if (auto plugged = CheckPlugged(); !plugged) {
        return plugged;
    }
    EndRequestsAt(kAllUsbEndpoints, UsbStatus::kAborted, false);
    const uint8_t configuration = state_.configuration();
    const std::map<uint8_t, uint8_t> alternates = state_.alternates();
    state_.PowerOn(state_.description());
    model_->OnReset();
    if (configuration == 0) {
        return {};
    }
    (void)SelectConfiguration(configuration);
    for (const auto &[number, alternate] : alternates) {
        if (alternate != 0) {
            (void)SelectAlternateSetting(number, alternate);
        }
    }
    return {};
}

BackendResult<void> ModelUsbWire::SetStreams(UsbEndpointAddress /*endpoint*/,
                                             uint16_t /*num_streams*/) {
    return CheckPlugged();  // requests say which stream they are of
}

BackendResult<void> ModelUsbWire::Claim(uint8_t /*interface_number*/) {
    return CheckPlugged();  // nobody else has it
}

void ModelUsbWire::Release(uint8_t /*interface_number*/) {}

UsbFrameTime ModelUsbWire::CurrentFrame() const {
    const uint64_t frame = UsbFrameSchedule::FrameAt(NowNs());
    return {.frame = frame, .mach_time = UsbFrameSchedule::StartOf(frame)};
}

}  // namespace opendext::backends
