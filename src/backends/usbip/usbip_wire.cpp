// SPDX-License-Identifier: Apache-2.0
#include "backends/usbip/usbip_wire.h"

#include <algorithm>
#include <cctype>
#include <condition_variable>
#include <utility>

#include <fmt/format.h>

#include "backends/api/usb_urb.h"
#include "backends/usbip/usbip_enumeration.h"
#include "base/clock.h"
#include "base/log.h"

namespace opendext::backends {

namespace {

constexpr uint8_t kClearFeature = 1;
constexpr uint8_t kSetFeature = 3;
constexpr uint8_t kSetConfiguration = 9;
constexpr uint8_t kSetInterface = 11;
constexpr uint8_t kToDevice = 0x00;
constexpr uint8_t kToInterface = 0x01;
constexpr uint8_t kToEndpoint = 0x02;
constexpr uint8_t kClassToOther = 0x23;
constexpr uint16_t kEndpointHalt = 0;
constexpr uint16_t kPortReset = 4;

constexpr uint64_t kNanosecondsPerFrame = 1'000'000;
constexpr uint64_t kNanosecondsPerMicroframe = 125'000;
/// How far ahead an isochronous transfer may begin.
constexpr uint64_t kMaxFramesAhead = 1000;

/// "1-4.2" is port 2 of the hub at port 4 of bus 1: 0x01420000, as a Mac writes places.
uint32_t LocationOf(const UsbipDevice &device) {
    uint32_t location = device.bus << 24;
    const size_t dash = device.bus_id.find('-');
    if (dash == std::string::npos) {
        return location | (device.address & 0xF) << 20;
    }
    int shift = 20;
    uint32_t port = 0;
    for (const char each : device.bus_id.substr(dash + 1) + ".") {
        if (std::isdigit(static_cast<unsigned char>(each)) != 0) {
            port = port * 10 + static_cast<uint32_t>(each - '0');
        } else if (shift >= 0) {
            location |= std::min<uint32_t>(port, 0xF) << shift;
            port = 0;
            shift -= 4;
        }
    }
    return location;
}

}  // namespace

/// A request of the wire's own, waited for.
class UsbipWire::ControlCall final : public UsbTransfer {
public:
    ControlCall(const UsbSetup &request, std::span<std::byte> data) {
        type = UsbTransferType::kControl;
        setup = request;
        buffer.push_back({.address = data.data(), .num_bytes = data.size()});
    }

    void OnComplete(const UsbOutcome &outcome) override {
        const std::lock_guard lock(mutex_);
        outcome_ = outcome;
        done_.notify_all();
    }

    /// @return nullopt when the time was over.
    std::optional<UsbOutcome> Await(std::optional<std::chrono::milliseconds> timeout) {
        std::unique_lock lock(mutex_);
        const auto is_done = [this] { return outcome_.has_value(); };
        if (timeout) {
            done_.wait_for(lock, *timeout, is_done);
        } else {
            done_.wait(lock, is_done);
        }
        return outcome_;
    }

private:
    std::mutex mutex_;
    std::condition_variable done_;
    std::optional<UsbOutcome> outcome_;
};

std::expected<std::unique_ptr<UsbipWire>, std::string> UsbipWire::Create(UniqueFd socket,
                                                                         const UsbipDevice &device,
                                                                         std::string name) {
    return Create(std::move(socket), device, std::move(name), Limits());
}

std::expected<std::unique_ptr<UsbipWire>, std::string> UsbipWire::Create(UniqueFd socket,
                                                                         const UsbipDevice &device,
                                                                         std::string name,
                                                                         const Limits &limits) {
    UsbAttachment attachment;
    attachment.speed = device.speed;
    attachment.address = static_cast<uint8_t>(std::clamp<uint32_t>(device.address, 1, 127));
    attachment.location = LocationOf(device);
    std::unique_ptr<UsbipWire> wire(new UsbipWire(std::move(attachment), std::move(name), limits));
    auto channel = UsbipChannel::Create(std::move(socket), device.device_id(), *wire);
    if (!channel) {
        return std::unexpected(fmt::format("{}: {}", wire->name_, channel.error().ToString()));
    }
    wire->channel_ = std::move(*channel);
    auto found =
        EnumerateUsbDevice([raw = wire.get()](const UsbSetup &setup, std::span<std::byte> data) {
            return raw->Control(setup, data);
        });
    if (!found) {
        const std::lock_guard lock(wire->mutex_);
        return std::unexpected(fmt::format("{}: {}", wire->name_,
                                           wire->is_closed_ ? wire->why_closed_ : found.error()));
    }
    const bool is_configured =
        found->descriptors.FindConfiguration(device.configuration) != nullptr;
    wire->configuration_ = is_configured ? device.configuration : 0;
    wire->attachment_.configuration = wire->configuration_;
    wire->attachment_.descriptors = std::move(found->descriptors);
    wire->attachment_.manufacturer = std::move(found->manufacturer);
    wire->attachment_.product = std::move(found->product);
    wire->attachment_.serial = std::move(found->serial);
    wire->attachment_.interface_names = std::move(found->interface_names);
    return wire;
}

UsbipWire::UsbipWire(UsbAttachment attachment, std::string name, const Limits &limits)
    : attachment_(std::move(attachment)), name_(std::move(name)), limits_(limits) {}

void UsbipWire::Begin(UsbWireListener &listener) {
    listener_ = &listener;
    {
        const std::lock_guard lock(mutex_);
        if (is_closed_) {
            return LogWarning("{}: {}; there is no device any more", name_, why_closed_);
        }
    }
    listener.OnAttached(attachment_);
    bool went_meanwhile = false;
    {
        const std::lock_guard lock(mutex_);
        went_meanwhile = is_closed_;
        presence_ = is_closed_ ? Presence::kGone : Presence::kReported;
    }
    if (went_meanwhile) {
        ReportGone();
    }
}

void UsbipWire::End() {
    if (channel_ != nullptr) {
        channel_->Close();
    }
}

void UsbipWire::OnTransferDone(UsbTransfer &transfer, const UsbOutcome &outcome) {
    if (auto *call = dynamic_cast<ControlCall *>(&transfer)) {
        call->OnComplete(outcome);
    } else {
        listener_->OnDone(transfer, outcome);
    }
}

void UsbipWire::OnClosed(const std::string &why) {
    bool is_to_report = false;
    {
        const std::lock_guard lock(mutex_);
        is_closed_ = true;
        why_closed_ = why;
        is_to_report = presence_ == Presence::kReported;
        presence_ = is_to_report ? Presence::kGone : presence_;
    }
    if (is_to_report) {
        ReportGone();
    }
}

void UsbipWire::ReportGone() {
    LogWarning("{}: {}; the device is gone", name_, why_closed_);
    listener_->OnDetached();
}

void UsbipWire::Start(UsbTransfer &transfer) {
    if (const auto checked = CheckFirstFrame(transfer); !checked) {
        OnTransferDone(transfer, {.status = checked.error()});
        return;
    }
    channel_->Start(transfer, TimingOf(transfer));
}

void UsbipWire::Cancel(UsbTransfer &transfer) {
    channel_->Cancel(transfer);
}

std::expected<void, UsbStatus> UsbipWire::CheckFirstFrame(const UsbTransfer &transfer) const {
    if (transfer.type != UsbTransferType::kIsochronous || transfer.first_frame == 0) {
        return {};
    }
    const uint64_t now = CurrentFrame().frame;
    if (transfer.first_frame < now) {
        return std::unexpected(UsbStatus::kTooLate);
    }
    if (transfer.first_frame - now > kMaxFramesAhead) {
        return std::unexpected(UsbStatus::kTooEarly);
    }
    return {};
}

UsbipTiming UsbipWire::TimingOf(const UsbTransfer &transfer) const {
    if (transfer.type != UsbTransferType::kIsochronous &&
        transfer.type != UsbTransferType::kInterrupt) {
        return {};
    }
    const std::lock_guard lock(mutex_);
    const UsbConfiguration *configuration =
        attachment_.descriptors.FindConfiguration(configuration_);
    const UsbEndpoint *endpoint = nullptr;
    for (size_t i = 0; configuration != nullptr && i < configuration->settings.size(); ++i) {
        const UsbInterfaceSetting &setting = configuration->settings[i];
        const auto selected = alternates_.find(setting.number);
        const uint8_t alternate = selected == alternates_.end() ? 0 : selected->second;
        if (setting.alternate == alternate && setting.Find(transfer.endpoint) != nullptr) {
            endpoint = setting.Find(transfer.endpoint);
        }
    }
    const uint32_t interval =
        UrbInterval(transfer.type, attachment_.speed, endpoint == nullptr ? 1 : endpoint->interval);
    const bool has_microframes = attachment_.speed >= UsbSpeed::kHigh;
    return {.interval = interval,
            .frame_nanoseconds =
                interval * (has_microframes ? kNanosecondsPerMicroframe : kNanosecondsPerFrame)};
}

std::expected<size_t, UsbStatus> UsbipWire::Control(const UsbSetup &setup,
                                                    std::span<std::byte> data) {
    ControlCall call(setup, data);
    channel_->Start(call, {});
    auto outcome = call.Await(limits_.control_timeout);
    const bool timed_out = !outcome;
    if (timed_out) {
        channel_->Cancel(call);
        outcome = call.Await(std::nullopt);
    }
    if (outcome->status != UsbStatus::kSuccess) {
        return std::unexpected(timed_out ? UsbStatus::kTimedOut : outcome->status);
    }
    return outcome->num_bytes;
}

BackendResult<void> UsbipWire::Request(const UsbSetup &setup, std::string_view what) {
    const auto done = Control(setup, {});
    if (done) {
        return {};
    }
    return Refuse(done.error() == UsbStatus::kRemoved ? BackendErrorCode::kRemoved
                                                      : BackendErrorCode::kUnsupported,
                  fmt::format("{}: {}: {}", name_, what, NameOf(done.error())));
}

BackendResult<void> UsbipWire::SetConfiguration(uint8_t value) {
    if (value != 0 && attachment_.descriptors.FindConfiguration(value) == nullptr) {
        return Refuse(BackendErrorCode::kNotFound,
                      fmt::format("{} has no configuration {}", name_, value));
    }
    auto done = Request({.request_type = kToDevice, .request = kSetConfiguration, .value = value},
                        fmt::format("SET_CONFIGURATION {}", value));
    if (done) {
        const std::lock_guard lock(mutex_);
        configuration_ = value;
        alternates_.clear();
    }
    return done;
}

BackendResult<void> UsbipWire::SetAlternateSetting(uint8_t interface_number, uint8_t alternate) {
    auto done =
        Request({.request_type = kToInterface,
                 .request = kSetInterface,
                 .value = alternate,
                 .index = interface_number},
                fmt::format("SET_INTERFACE {} of interface {}", alternate, interface_number));
    if (done) {
        const std::lock_guard lock(mutex_);
        alternates_[interface_number] = alternate;
    }
    return done;
}

BackendResult<void> UsbipWire::ClearHalt(UsbEndpointAddress endpoint, bool tells_device) {
    if (!tells_device) {
        return {};  // the halt on the host's side is the server's, which ends it by itself
    }
    return Request(
        {.request_type = kToEndpoint,
         .request = kClearFeature,
         .value = kEndpointHalt,
         .index = endpoint.value},
        fmt::format("CLEAR_FEATURE(ENDPOINT_HALT) of endpoint 0x{:02x}", endpoint.value));
}

BackendResult<void> UsbipWire::Reset() {
    return Request({.request_type = kClassToOther, .request = kSetFeature, .value = kPortReset},
                   "reset of the port, which not every server can do");
}

BackendResult<void> UsbipWire::SetStreams(UsbEndpointAddress endpoint, uint16_t num_streams) {
    if (num_streams == 0) {
        return {};
    }
    return Refuse(BackendErrorCode::kUnsupported,
                  fmt::format("{}: USB/IP has no streams; endpoint 0x{:02x} works without them",
                              name_, endpoint.value));
}

BackendResult<void> UsbipWire::Claim(uint8_t) {
    return {};  // the server has taken the device from its kernel's drivers
}

void UsbipWire::Release(uint8_t) {}

UsbFrameTime UsbipWire::CurrentFrame() const {
    const uint64_t now = NowNanoseconds(ClockDomain::kUptime);
    return {.frame = now / kNanosecondsPerFrame,
            .mach_time = now / kNanosecondsPerFrame * kNanosecondsPerFrame};
}

}  // namespace opendext::backends
