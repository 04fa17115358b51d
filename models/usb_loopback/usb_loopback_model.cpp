// SPDX-License-Identifier: Apache-2.0
#include "models/usb_loopback/usb_loopback_model.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "models/usb_loopback/byte_pattern.h"

namespace opendext::models {

using backends::BackendResult;
using backends::UsbControlReply;
using backends::UsbDescription;
using backends::UsbDeviceBuilder;
using backends::UsbEndpointAddress;
using backends::UsbModelRequest;
using backends::UsbSetup;
using backends::UsbSpeed;
using backends::UsbStatus;
using namespace usb_loopback;

namespace {

constexpr uint8_t kVendorClass = 0xFF;
constexpr uint8_t kVendorOut = 0x40;
constexpr uint8_t kVendorIn = 0xC0;
constexpr uint16_t kFrameBytes = 1024;
constexpr uint16_t kFrameBytesFullSpeed = 256;

UsbEndpointAddress EndpointOf(const UsbSetup &setup) {
    return {static_cast<uint8_t>(setup.index)};
}

UsbControlReply Send(std::span<const std::byte> bytes, std::span<std::byte> room) {
    const size_t count = std::min(bytes.size(), room.size());
    std::copy_n(bytes.begin(), count, room.begin());
    return UsbControlReply::Success(count);
}

}  // namespace

BackendResult<UsbDescription> UsbLoopbackModel::Describe() const {
    const bool is_super = options_.speed == UsbSpeed::kSuper;
    const uint8_t streams = is_super ? kStreamsLog2 : uint8_t{0};
    const uint16_t frame_bytes =
        options_.speed == UsbSpeed::kFull ? kFrameBytesFullSpeed : kFrameBytes;
    const uint8_t device_class = options_.is_composite ? uint8_t{0} : kVendorClass;
    return UsbDeviceBuilder(options_.vendor, options_.product, options_.speed)
        .DeviceClass(device_class, 0, 0)
        .DeviceVersion(options_.release)
        .Strings("OpenDext", "USB loopback", "LOOP0001")
        .Configuration(kMainConfiguration)
        .Interface(kDataInterface, 0, kVendorClass, 1, 0, "Data")
        .Bulk(kLoopbackOut, 0, streams)
        .Bulk(kLoopbackIn, 0, streams)
        .Bulk(kSinkOut)
        .Bulk(kSourceIn)
        .Interrupt(kTicksIn, kTickBytes, 4)
        .Interface(kFrameInterface, 0, kVendorClass, 2, 0, "Frames")
        .Interface(kFrameInterface, kFramesOn, kVendorClass, 2, 0, "Frames")
        .Isochronous(kFramesOut, frame_bytes, 1)
        .Isochronous(kFramesIn, frame_bytes, 1)
        .Configuration(kSmallConfiguration)
        .Interface(kDataInterface, 0, kVendorClass, 1, 0)
        .Bulk(kLoopbackOut, 0, streams)
        .Bulk(kLoopbackIn, 0, streams)
        .Build();
}

UsbLoopbackModel::~UsbLoopbackModel() {
    {
        const std::lock_guard lock(mutex());
        is_ending_ = true;
        ticks_changed_.notify_one();
    }
    if (ticker_.joinable()) {
        ticker_.join();
    }
}

void UsbLoopbackModel::Attach(backends::UsbDevicePort &port) {
    port_ = &port;
    PowerOn();
}

void UsbLoopbackModel::PowerOn() {
    state_ = {};
    state_.tick_period_ms = options_.tick_period_ms;
    tick_requests_.clear();
    for (auto &queue : queues_) {
        queue.reset();
    }
}

void UsbLoopbackModel::OnReset() {
    PowerOn();
}

void UsbLoopbackModel::Leave() {
    if (!state_.comes_back) {
        return port_->Detach();
    }
    if (auto description = Describe()) {
        port_->Reattach(std::move(*description));
    }
}

// --- Vendor requests -----------------------------------------------------------------------------------

UsbControlReply UsbLoopbackModel::OnControl(const UsbSetup &setup, std::span<std::byte> data) {
    if (setup.request_type != kVendorOut && setup.request_type != kVendorIn) {
        return UsbControlReply::Stall();
    }
    ++state_.counters.control_requests;
    switch (state_.faults.Judge({})) {
        case FaultPlan::Verdict::kIgnore:
            return UsbControlReply::Pending();
        case FaultPlan::Verdict::kLeave:
            Leave();
            return UsbControlReply::Pending();
        case FaultPlan::Verdict::kServe:
            break;
    }
    return Serve(setup, data);
}

UsbControlReply UsbLoopbackModel::Serve(const UsbSetup &setup, std::span<std::byte> data) {
    switch (setup.request) {
        case kNak:
            return UsbControlReply::Pending();
        case kBabble:
            // Of this very request, when it reads and names no endpoint.
            if (setup.is_in() && EndpointOf(setup).value == 0) {
                return UsbControlReply::Success(data.size() + 1);
            }
            return PlanFault(setup);
        case kShortPacket:
        case kNoResponse:
            return PlanFault(setup);
        default:
            return setup.is_in() ? ServeRead(setup, data) : ServeWrite(setup, data);
    }
}

UsbControlReply UsbLoopbackModel::ServeRead(const UsbSetup &setup, std::span<std::byte> data) {
    if (setup.request == kEchoRead) {
        return Send(state_.echo, data);
    }
    if (setup.request == kGetCounters) {
        Counters counters = state_.counters;
        for (const auto &queue : queues_) {
            counters.loopback_bytes += queue ? queue->num_bytes() : 0;
        }
        return Send(std::as_bytes(std::span(&counters, 1)), data);
    }
    return UsbControlReply::Stall();
}

UsbControlReply UsbLoopbackModel::PlanFault(const UsbSetup &setup) {
    const UsbEndpointAddress endpoint = EndpointOf(setup);
    const bool wants_in = setup.request != kNoResponse;
    if (setup.is_in() || endpoint.number() == 0 || (wants_in && !endpoint.is_in())) {
        return UsbControlReply::Stall();
    }
    const FaultPlan::Kind kind = setup.request == kShortPacket ? FaultPlan::Kind::kShortPacket
                                 : setup.request == kBabble    ? FaultPlan::Kind::kBabble
                                                               : FaultPlan::Kind::kNoResponse;
    state_.faults.Plan(endpoint, {.kind = kind, .value = setup.value});
    return UsbControlReply::Success();
}

UsbControlReply UsbLoopbackModel::ServeWrite(const UsbSetup &setup,
                                             std::span<const std::byte> data) {
    switch (setup.request) {
        case kEchoWrite:
            if (data.size() > kEchoBytes) {
                return UsbControlReply::Stall();
            }
            state_.echo.assign(data.begin(), data.end());
            break;
        case kHalt:
            HaltEndpoint(EndpointOf(setup));
            break;
        case kHold:
            state_.faults.Hold(EndpointOf(setup), setup.value != 0);
            break;
        case kDetach:
            state_.comes_back = setup.index == kComesBack;
            if (setup.value == 0) {
                Leave();
            } else {
                state_.faults.DetachAfter(setup.value);
            }
            break;
        case kHang:
            state_.faults.Hang();
            break;
        case kSetTickPeriod:
            state_.tick_period_ms = setup.value;
            SendTicks();
            break;
        case kTick:
            ++state_.num_ticks_due;
            SendTicks();
            break;
        case kSetSource:
            state_.source_mode = setup.value;
            break;
        case kSetSinkCheck:
            state_.checks_sink = setup.value != 0;
            break;
        case kClear:
            state_.faults = {};
            state_.counters = {.sink_first_mismatch = ~0ULL};
            for (const auto &queue : queues_) {
                if (queue) {
                    queue->CountAnew();
                }
            }
            break;
        default:  // kStall, too
            return UsbControlReply::Stall();
    }
    return UsbControlReply::Success();
}

void UsbLoopbackModel::HaltEndpoint(UsbEndpointAddress endpoint) {
    for (const auto &queue : queues_) {
        if (queue && endpoint.value == kLoopbackOut) {
            queue->ForgetWrites();
        } else if (queue && endpoint.value == kLoopbackIn) {
            queue->ForgetReads();
        }
    }
    if (endpoint.value == kTicksIn) {
        tick_requests_.clear();
    }
    port_->Halt(endpoint);
}

// --- Endpoints -----------------------------------------------------------------------------------------

void UsbLoopbackModel::OnRequest(const UsbModelRequest &request) {
    switch (state_.faults.Judge(request.endpoint)) {
        case FaultPlan::Verdict::kIgnore:
            return;
        case FaultPlan::Verdict::kLeave:
            return Leave();
        case FaultPlan::Verdict::kServe:
            break;
    }
    if (!GoesWrong(request)) {
        ServeRequest(request);
    }
}

bool UsbLoopbackModel::GoesWrong(const UsbModelRequest &request) {
    const auto fault = state_.faults.Take(request.endpoint);
    if (!fault) {
        return false;
    }
    switch (fault->kind) {
        case FaultPlan::Kind::kShortPacket:
            port_->Complete(request.id, UsbStatus::kSuccess,
                            std::min<uint64_t>(fault->value, request.num_bytes));
            break;
        case FaultPlan::Kind::kBabble:
            port_->Complete(request.id, UsbStatus::kSuccess, request.num_bytes + 1);
            break;
        case FaultPlan::Kind::kNoResponse:
            port_->Complete(request.id, UsbStatus::kNotResponding, 0);
            break;
    }
    return true;
}

void UsbLoopbackModel::ServeRequest(const UsbModelRequest &request) {
    switch (request.endpoint.value) {
        case kLoopbackOut:
            return QueueOf(request.stream).Write(request);
        case kLoopbackIn:
            return QueueOf(request.stream).Read(request);
        case kSinkOut:
            return Swallow(request);
        case kSourceIn:
            return Produce(request);
        case kTicksIn:
            tick_requests_.push_back(request);
            return SendTicks();
        case kFramesOut:
            return SwallowFrame(request);
        case kFramesIn:
            return ProduceFrame(request);
        default:
            return;
    }
}

LoopbackQueue &UsbLoopbackModel::QueueOf(uint16_t stream) {
    auto &queue = queues_[std::min<size_t>(stream, queues_.size() - 1)];
    if (queue == nullptr) {
        queue = std::make_unique<LoopbackQueue>(*port_, options_.fifo_bytes);
    }
    return *queue;
}

void UsbLoopbackModel::Swallow(const UsbModelRequest &request) {
    Counters &counters = state_.counters;
    if (state_.checks_sink) {
        uint64_t position = counters.sink_bytes;
        bool is_wrong = false;
        for (const std::span<std::byte> piece : request.pieces) {
            const auto mismatch = FindMismatch(piece, position);
            if (mismatch && counters.sink_first_mismatch == ~0ULL) {
                counters.sink_first_mismatch = position + *mismatch;
            }
            is_wrong = is_wrong || mismatch;
            position += piece.size();
        }
        counters.sink_mismatches += is_wrong ? 1 : 0;
    }
    counters.sink_bytes += request.num_bytes;
    port_->Complete(request.id, UsbStatus::kSuccess, request.num_bytes);
}

void UsbLoopbackModel::Produce(const UsbModelRequest &request) {
    uint64_t position = state_.counters.source_bytes;
    for (const std::span<std::byte> piece : request.pieces) {
        if (state_.source_mode == kSourcePattern) {
            FillPattern(piece, position);
        } else if (state_.source_mode == kSourceZeros) {
            std::memset(piece.data(), 0, piece.size());
        }
        position += piece.size();
    }
    state_.counters.source_bytes = position;
    port_->Complete(request.id, UsbStatus::kSuccess, request.num_bytes);
}

void UsbLoopbackModel::ProduceFrame(const UsbModelRequest &request) {
    // The frame's number, and the pattern after it.
    const uint64_t number = state_.counters.frames_in++;
    uint64_t position = 0;
    for (const std::span<std::byte> piece : request.pieces) {
        FillPattern(piece, position);
        for (size_t i = 0; i < piece.size() && position + i < sizeof(uint32_t); ++i) {
            piece[i] = static_cast<std::byte>(number >> (8 * (position + i)));
        }
        position += piece.size();
    }
    port_->Complete(request.id, UsbStatus::kSuccess, request.num_bytes);
}

void UsbLoopbackModel::SwallowFrame(const UsbModelRequest &request) {
    ++state_.counters.frames_out;
    state_.counters.frame_bytes_out += request.num_bytes;
    port_->Complete(request.id, UsbStatus::kSuccess, request.num_bytes);
}

void UsbLoopbackModel::OnCancelled(backends::UsbRequestId request) {
    for (const auto &queue : queues_) {
        if (queue) {
            queue->Cancel(request);
        }
    }
    std::erase_if(tick_requests_,
                  [request](const UsbModelRequest &each) { return each.id == request; });
}

// --- Ticks ---------------------------------------------------------------------------------------------

void UsbLoopbackModel::SendTicks() {
    for (; state_.num_ticks_due != 0 && !tick_requests_.empty(); --state_.num_ticks_due) {
        const UsbModelRequest request = tick_requests_.front();
        tick_requests_.pop_front();
        const uint64_t number = ++state_.counters.ticks;
        std::array<std::byte, kTickBytes> bytes{};
        std::memcpy(bytes.data(), &number, sizeof(number));
        const std::array<std::span<std::byte>, 1> pieces = {bytes};
        PieceCursor from(pieces);
        PieceCursor to(request.pieces);
        port_->Complete(request.id, UsbStatus::kSuccess, CopyPieces(from, to));
    }
    if (tick_requests_.empty() || state_.tick_period_ms == 0) {
        return;
    }
    if (!ticker_.joinable()) {
        ticker_ = std::thread([this] { RunTicks(); });
    } else {
        ticks_changed_.notify_one();
    }
}

void UsbLoopbackModel::RunTicks() {
    std::unique_lock lock(mutex());
    Clock::time_point next = Clock::now();
    while (!is_ending_) {
        const uint16_t period_ms = state_.tick_period_ms;
        if (period_ms == 0 || tick_requests_.empty()) {
            ticks_changed_.wait(lock);
            next = std::max(next, Clock::now());
            continue;
        }
        const Clock::time_point due = next + std::chrono::milliseconds(period_ms);
        if (Clock::now() < due) {
            ticks_changed_.wait_until(lock, due);
            continue;
        }
        next = Clock::now();
        ++state_.num_ticks_due;
        SendTicks();
    }
}

}  // namespace opendext::models
