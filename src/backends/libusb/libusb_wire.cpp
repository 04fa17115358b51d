// SPDX-License-Identifier: Apache-2.0
#include "backends/libusb/libusb_wire.h"

#include <mach/mach_time.h>
#include <pthread.h>
#include <sys/time.h>
#include <unistd.h>

#include <span>
#include <system_error>

#include <fmt/format.h>

#include "backends/api/completion_batch.h"
#include "base/blocked_signals.h"
#include "base/log.h"

namespace opendext::backends {
namespace {

constexpr uint64_t kNanosecondsPerFrame = 1'000'000;
/// How far ahead an isochronous transfer may begin: what host controllers can schedule.
constexpr uint64_t kMaxFramesAhead = 1024;

/// While there is no device and nobody tells of one that comes.
constexpr int kRescanMs = 500;
/// A device that could not be used may be usable when somebody has given permission.
constexpr int kRetryMs = 1000;
/// The kernel's memory for transfers is everybody's: nobody tells when others have given some back.
constexpr int kStarvedMs = 20;
/// While memory of the kernel's is held and not used.
constexpr int kTrimMs = std::chrono::milliseconds(DeviceMemory::kKept).count();
constexpr int kForeverMs = 3'600'000;

/// libusb learns of devices that come from udev, where it runs.
bool HotplugWorks() {
    return libusb_has_capability(LIBUSB_CAP_HAS_HOTPLUG) != 0 &&
           access("/run/udev/control", F_OK) == 0;
}

UsbFrameTime FrameAt(uint64_t mach_time) {
    const uint64_t frame = mach_time / kNanosecondsPerFrame;
    return {.frame = frame, .mach_time = frame * kNanosecondsPerFrame};
}

}  // namespace

std::expected<std::unique_ptr<LibusbWire>, std::string> LibusbWire::Create(
    LibusbSelector selector) {
    std::expected<std::shared_ptr<LibusbContext>, std::string> context = LibusbContext::Create();
    if (!context) {
        return std::unexpected(context.error());
    }
    std::unique_ptr<LibusbWire> wire(new LibusbWire(std::move(selector), std::move(*context)));
    std::expected<Found, std::string> found = wire->Find();
    if (!found) {
        return std::unexpected(found.error());
    }
    wire->found_ = std::move(*found);
    return wire;
}

LibusbWire::LibusbWire(LibusbSelector selector, std::shared_ptr<LibusbContext> context)
    : selector_(std::move(selector)), context_(std::move(context)) {
    ListenForHotplug();
}

LibusbWire::~LibusbWire() = default;

void LibusbWire::Begin(UsbWireListener &listener) {
    listener_ = &listener;
    if (found_.device != nullptr) {
        Attach(std::exchange(found_, {}));
    } else {
        LogInfo("{}: not plugged in; waiting for it", Describe(selector_));
    }
    try {
        const BlockedSignals blocked;
        thread_ = std::thread([this] { Run(); });
        pthread_setname_np(thread_.native_handle(), "libusb");
    } catch (const std::system_error &error) {
        LogError("{}: it cannot be used: no thread for it: {}", Describe(selector_), error.what());
        if (Device() != nullptr) {
            EndDevice();
            listener_->OnDetached();
        }
    }
}

void LibusbWire::End() {
    is_ending_ = true;
    {
        const std::lock_guard lock(mutex_);
        libusb_interrupt_event_handler(context_->get());
    }
    if (thread_.joinable()) {
        thread_.join();
    }
}

void LibusbWire::Run() {
    while (!is_ending_) {
        if (Device() == nullptr) {
            WaitForDevice();
        } else {
            ServeDevice();
        }
    }
    EndDevice();
}

void LibusbWire::WaitForDevice() {
    const bool is_told = HotplugWorks();
    HandleEvents(!is_told ? kRescanMs : !last_error_.empty() ? kRetryMs : kForeverMs);
    if (is_ending_) {
        return;
    }
    if (!is_told) {
        Rescan();
    }
    std::expected<Found, std::string> found = Find();
    const std::string error = found ? "" : found.error();
    if (!error.empty() && error != last_error_) {
        LogError("{}", error);
    }
    last_error_ = error;
    if (found && found->device != nullptr) {
        Attach(std::move(*found));
    }
}

void LibusbWire::ServeDevice() {
    const std::shared_ptr<LibusbDevice> device = Device();
    int wait_ms = kForeverMs;
    while (!is_ending_ && !is_gone_) {
        const CompletionBatch batch;
        HandleEvents(wait_ms);
        const bool is_starved = device->transfers().RetryStarved();
        const bool holds_memory = device->transfers().TrimMemory();
        wait_ms = is_starved ? kStarvedMs : holds_memory ? kTrimMs : kForeverMs;
        device->transfers().ReportEnded();
    }
    if (is_gone_) {
        LogInfo("{}: unplugged", device->name());
        EndDevice();
        listener_->OnDetached();
    }
}

void LibusbWire::Attach(Found found) {
    is_gone_ = false;
    {
        const std::lock_guard lock(mutex_);
        device_ = std::move(found.device);
    }
    listener_->OnAttached(std::move(found.attachment));
}

/// Ends all transfers, and our use of the device.
void LibusbWire::EndDevice() {
    const std::shared_ptr<LibusbDevice> device = Device();
    if (device == nullptr) {
        return;
    }
    device->transfers().Remove();
    device->transfers().ReportEnded();
    while (!device->transfers().IsIdle()) {
        HandleEvents(kForeverMs);
        device->transfers().ReportEnded();
    }
    const std::lock_guard lock(mutex_);
    device_.reset();
}

void LibusbWire::HandleEvents(int milliseconds) {
    timeval timeout{.tv_sec = milliseconds / 1000, .tv_usec = milliseconds % 1000 * 1000L};
    const int error = libusb_handle_events_timeout_completed(context_->get(), &timeout, nullptr);
    if (error != 0 && error != LIBUSB_ERROR_INTERRUPTED) {
        LogWarning("{}: handling libusb's events: {}", Describe(selector_),
                   libusb_error_name(error));
    }
}

std::expected<LibusbWire::Found, std::string> LibusbWire::Find() {
    libusb_device **devices = nullptr;
    const ssize_t num_devices = libusb_get_device_list(context_->get(), &devices);
    if (num_devices < 0) {
        return std::unexpected(fmt::format("{}: the devices cannot be listed: {}",
                                           Describe(selector_),
                                           libusb_error_name(static_cast<int>(num_devices))));
    }
    std::expected<Found, std::string> found;
    for (libusb_device *device : std::span(devices, static_cast<size_t>(num_devices))) {
        if (!Matches(selector_, PlaceOf(device))) {
            continue;
        }
        std::expected<Found, std::string> candidate = OpenIfMeant(device);
        if (candidate && candidate->device != nullptr) {
            found = std::move(candidate);
            break;
        }
        if (!candidate) {
            found = std::move(candidate);
        }
    }
    libusb_free_device_list(devices, 1);
    return found;
}

std::expected<LibusbWire::Found, std::string> LibusbWire::OpenIfMeant(libusb_device *device) {
    std::expected<std::shared_ptr<LibusbDevice>, std::string> opened = LibusbDevice::Open(
        context_, device,
        [this](UsbTransfer &transfer, const UsbOutcome &end) { listener_->OnDone(transfer, end); });
    if (!opened) {
        return std::unexpected(opened.error());
    }
    std::expected<UsbAttachment, std::string> attachment = (*opened)->ReadAttachment();
    if (!attachment) {
        return std::unexpected(attachment.error());
    }
    if (!selector_.serial.empty() && attachment->serial != selector_.serial) {
        return Found{};
    }
    return Found{.device = std::move(*opened), .attachment = std::move(*attachment)};
}

int LibusbWire::OnHotplug(libusb_context * /*context*/, libusb_device *device,
                          libusb_hotplug_event event, void *user_data) {
    auto *const wire = static_cast<LibusbWire *>(user_data);
    const std::shared_ptr<LibusbDevice> current = wire->Device();
    if (event == LIBUSB_HOTPLUG_EVENT_DEVICE_LEFT && current != nullptr && current->Is(device)) {
        wire->is_gone_ = true;
    }
    constexpr int kStayRegistered = 0;
    return kStayRegistered;
}

void LibusbWire::ListenForHotplug() {
    // Arrivals only have the thread look again.
    constexpr int kBoth = LIBUSB_HOTPLUG_EVENT_DEVICE_ARRIVED | LIBUSB_HOTPLUG_EVENT_DEVICE_LEFT;
    const int error = libusb_hotplug_register_callback(
        context_->get(), static_cast<libusb_hotplug_event>(kBoth), LIBUSB_HOTPLUG_NO_FLAGS,
        selector_.vendor, selector_.product, LIBUSB_HOTPLUG_MATCH_ANY, &OnHotplug, this, nullptr);
    if (error != 0) {
        LogWarning("{}: libusb cannot tell of devices that come and go: {}", Describe(selector_),
                   libusb_error_name(error));
    }
}

/// A context sees only the devices that were there when it was made, and those that it is told of.
void LibusbWire::Rescan() {
    std::expected<std::shared_ptr<LibusbContext>, std::string> context = LibusbContext::Create();
    if (!context) {
        return;
    }
    {
        const std::lock_guard lock(mutex_);
        context_.swap(*context);
    }
    ListenForHotplug();
}

std::shared_ptr<LibusbDevice> LibusbWire::Device() const {
    const std::lock_guard lock(mutex_);
    return device_;
}

void LibusbWire::Start(UsbTransfer &transfer) {
    const std::shared_ptr<LibusbDevice> device = Device();
    if (device == nullptr) {
        listener_->OnDone(transfer, {.status = UsbStatus::kRemoved});
        return;
    }
    if (transfer.type == UsbTransferType::kIsochronous && transfer.first_frame != 0) {
        const uint64_t now = CurrentFrame().frame;
        if (transfer.first_frame < now || transfer.first_frame - now > kMaxFramesAhead) {
            listener_->OnDone(transfer,
                              {.status = transfer.first_frame < now ? UsbStatus::kTooLate
                                                                    : UsbStatus::kTooEarly});
            return;
        }
    }
    device->transfers().Start(transfer);
}

void LibusbWire::Cancel(UsbTransfer &transfer) {
    if (const std::shared_ptr<LibusbDevice> device = Device()) {
        device->transfers().Cancel(transfer);
    }
}

template <typename Call>
BackendResult<void> LibusbWire::WithDevice(Call call) {
    const std::shared_ptr<LibusbDevice> device = Device();
    if (device == nullptr) {
        return Refuse(BackendErrorCode::kRemoved,
                      fmt::format("{}: not plugged in", Describe(selector_)));
    }
    return call(*device);
}

BackendResult<void> LibusbWire::SetConfiguration(uint8_t value) {
    return WithDevice([&](LibusbDevice &device) { return device.SetConfiguration(value); });
}

BackendResult<void> LibusbWire::SetAlternateSetting(uint8_t interface_number, uint8_t alternate) {
    return WithDevice([&](LibusbDevice &device) {
        return device.SetAlternateSetting(interface_number, alternate);
    });
}

BackendResult<void> LibusbWire::ClearHalt(UsbEndpointAddress endpoint, bool /*tells_device*/) {
    return WithDevice([&](LibusbDevice &device) { return device.ClearHalt(endpoint); });
}

BackendResult<void> LibusbWire::Reset() {
    return WithDevice([](LibusbDevice &device) { return device.Reset(); });
}

BackendResult<void> LibusbWire::SetStreams(UsbEndpointAddress endpoint, uint16_t num_streams) {
    return WithDevice(
        [&](LibusbDevice &device) { return device.SetStreams(endpoint, num_streams); });
}

BackendResult<void> LibusbWire::Claim(uint8_t interface_number) {
    return WithDevice([&](LibusbDevice &device) { return device.Claim(interface_number); });
}

void LibusbWire::Release(uint8_t interface_number) {
    if (const std::shared_ptr<LibusbDevice> device = Device()) {
        device->Release(interface_number);
    }
}

UsbFrameTime LibusbWire::CurrentFrame() const {
    return FrameAt(mach_absolute_time());
}

}  // namespace opendext::backends
