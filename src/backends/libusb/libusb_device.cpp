// SPDX-License-Identifier: Apache-2.0
#include "backends/libusb/libusb_device.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "backends/libusb/libusb_descriptors.h"
#include "backends/libusb/libusb_result.h"
#include "base/log.h"

namespace opendext::backends {
namespace {

std::string CannotOpen(const LibusbPlace &place, libusb_device *device, int error) {
    const std::string node =
        fmt::format("/dev/bus/usb/{:03}/{:03}", place.bus, libusb_get_device_address(device));
    if (error == LIBUSB_ERROR_ACCESS) {
        return fmt::format(
            "{}: no permission to open {}: run as root, or write to "
            "/etc/udev/rules.d/60-opendext.rules and plug it in again: SUBSYSTEM==\"usb\", "
            "ATTR{{idVendor}}==\"{:04x}\", ATTR{{idProduct}}==\"{:04x}\", MODE=\"0666\"",
            Describe(place), node, place.vendor, place.product);
    }
    return fmt::format("{}: {} cannot be opened: {} ({})", Describe(place), node,
                       libusb_strerror(error), libusb_error_name(error));
}

UsbSpeed SpeedOf(libusb_device *device) {
    switch (libusb_get_device_speed(device)) {
        case LIBUSB_SPEED_LOW:
            return UsbSpeed::kLow;
        case LIBUSB_SPEED_FULL:
            return UsbSpeed::kFull;
        case LIBUSB_SPEED_SUPER:
            return UsbSpeed::kSuper;
        case LIBUSB_SPEED_SUPER_PLUS:
            return UsbSpeed::kSuperPlus;
        default:
            return UsbSpeed::kHigh;
    }
}

uint8_t ConfigurationOf(libusb_device_handle *handle) {
    int value = 0;
    if (libusb_get_configuration(handle, &value) != 0) {
        return 0;
    }
    return static_cast<uint8_t>(value);
}

/// The interfaces of the configuration in effect.
std::vector<uint8_t> InterfacesOf(libusb_device_handle *handle) {
    libusb_config_descriptor *configuration = nullptr;
    std::vector<uint8_t> numbers;
    if (libusb_get_active_config_descriptor(libusb_get_device(handle), &configuration) == 0) {
        for (const libusb_interface &interface :
             std::span(configuration->interface, configuration->bNumInterfaces)) {
            if (interface.num_altsetting > 0) {
                numbers.push_back(interface.altsetting->bInterfaceNumber);
            }
        }
        libusb_free_config_descriptor(configuration);
    }
    return numbers;
}

}  // namespace

LibusbPlace PlaceOf(libusb_device *device) {
    constexpr size_t kMaxPorts = 7;
    libusb_device_descriptor descriptor{};
    // Cannot fail: libusb has read it when it found the device.
    libusb_get_device_descriptor(device, &descriptor);
    std::array<uint8_t, kMaxPorts> ports{};
    const int num_ports = libusb_get_port_numbers(device, ports.data(), ports.size());
    return {.vendor = descriptor.idVendor,
            .product = descriptor.idProduct,
            .bus = libusb_get_bus_number(device),
            .ports = {ports.begin(), ports.begin() + std::max(num_ports, 0)}};
}

std::string Describe(const LibusbPlace &place) {
    return fmt::format("libusb:{:04x}:{:04x} (bus {}, port {})", place.vendor, place.product,
                       place.bus, fmt::join(place.ports, "."));
}

std::expected<std::shared_ptr<LibusbDevice>, std::string> LibusbDevice::Open(
    std::shared_ptr<LibusbContext> context, libusb_device *device, TransferEngine::Report report) {
    const LibusbPlace place = PlaceOf(device);
    libusb_device_handle *handle = nullptr;
    const int error = libusb_open(device, &handle);
    if (error != 0) {
        return std::unexpected(CannotOpen(place, device, error));
    }
    // Where it is not supported, claiming such an interface fails and says so.
    libusb_set_auto_detach_kernel_driver(handle, 1);
    return std::shared_ptr<LibusbDevice>(
        new LibusbDevice(std::move(context), handle, Describe(place), std::move(report)));
}

LibusbDevice::LibusbDevice(std::shared_ptr<LibusbContext> context, libusb_device_handle *handle,
                           std::string name, TransferEngine::Report report)
    : context_(std::move(context)),
      handle_(handle),
      name_(std::move(name)),
      transfers_(name_, handle, *this, std::move(report)) {}

LibusbDevice::~LibusbDevice() {
    for (const uint8_t number : claimed_) {
        libusb_release_interface(handle_.get(), number);
    }
    GiveBackToKernel();
}

std::expected<UsbAttachment, std::string> LibusbDevice::ReadAttachment() {
    std::expected<UsbDescriptors, std::string> descriptors = ReadDescriptors(handle_.get());
    if (!descriptors) {
        return std::unexpected(fmt::format("{}: {}", name_, descriptors.error()));
    }
    libusb_device *const device = libusb_get_device(handle_.get());
    const UsbDeviceFields fields = descriptors->device;
    std::map<uint8_t, std::string> names = ReadInterfaceNames(handle_.get(), *descriptors);
    return UsbAttachment{
        .speed = SpeedOf(device),
        .address = libusb_get_device_address(device),
        .location = LocationOf(PlaceOf(device)),
        .descriptors = std::move(*descriptors),
        .manufacturer = ReadString(handle_.get(), fields.manufacturer_string),
        .product = ReadString(handle_.get(), fields.product_string),
        .serial = ReadString(handle_.get(), fields.serial_string),
        .interface_names = std::move(names),
        .configuration = ConfigurationOf(handle_.get()),
    };
}

BackendResult<void> LibusbDevice::Claim(uint8_t interface_number) {
    const std::lock_guard lock(mutex_);
    int error = libusb_claim_interface(handle_.get(), interface_number);
    if (error == 0) {
        claimed_.insert(interface_number);
    } else if (error == LIBUSB_ERROR_INVALID_PARAM || error == LIBUSB_ERROR_OTHER) {
        // What libusb makes of a device that is not configured; releases differ.
        error = LIBUSB_ERROR_NOT_FOUND;
    }
    return ResultOf(error, fmt::format("{}: claiming interface {}", name_, interface_number));
}

void LibusbDevice::Release(uint8_t interface_number) {
    const std::lock_guard lock(mutex_);
    if (claimed_.erase(interface_number) == 0) {
        return;
    }
    const int error = libusb_release_interface(handle_.get(), interface_number);
    if (error != 0 && error != LIBUSB_ERROR_NO_DEVICE) {
        LogWarning("{}: releasing interface {}: {}", name_, interface_number,
                   libusb_error_name(error));
    }
}

/// The kernel refuses another configuration while somebody has an interface.
void LibusbDevice::TakeFromKernel() {
    for (const uint8_t number : claimed_) {
        libusb_release_interface(handle_.get(), number);
    }
    claimed_.clear();
    for (const uint8_t number : InterfacesOf(handle_.get())) {
        if (libusb_detach_kernel_driver(handle_.get(), number) == 0) {
            taken_.insert(number);
        }
    }
}

void LibusbDevice::GiveBackToKernel() {
    for (const uint8_t number : taken_) {
        // Not there any more, or a driver has found it already.
        [[maybe_unused]] const int error = libusb_attach_kernel_driver(handle_.get(), number);
    }
    taken_.clear();
}

BackendResult<void> LibusbDevice::SetConfiguration(uint8_t value) {
    constexpr int kNotConfigured = -1;
    const std::lock_guard lock(mutex_);
    const uint8_t before = ConfigurationOf(handle_.get());
    TakeFromKernel();
    const int error = libusb_set_configuration(handle_.get(), value == 0 ? kNotConfigured : value);
    if (error == 0 && before != value) {
        // Other interfaces: the kernel has looked for drivers for these.
        taken_.clear();
    }
    return ResultOf(error, fmt::format("{}: configuration {}", name_, value));
}

BackendResult<void> LibusbDevice::SetAlternateSetting(uint8_t interface_number, uint8_t alternate) {
    return ResultOf(
        libusb_set_interface_alt_setting(handle_.get(), interface_number, alternate),
        fmt::format("{}: setting {} of interface {}", name_, alternate, interface_number));
}

BackendResult<void> LibusbDevice::ClearHalt(UsbEndpointAddress endpoint) {
    return ResultOf(libusb_clear_halt(handle_.get(), endpoint.value),
                    fmt::format("{}: clearing endpoint 0x{:02x}", name_, endpoint.value));
}

BackendResult<void> LibusbDevice::Reset() {
    const std::lock_guard lock(mutex_);
    const int error = libusb_reset_device(handle_.get());
    // It came back as another device, or not at all; libusb reports its departure.
    return ResultOf(error == LIBUSB_ERROR_NOT_FOUND ? LIBUSB_ERROR_NO_DEVICE : error,
                    fmt::format("{}: reset", name_));
}

BackendResult<void> LibusbDevice::SetStreams(UsbEndpointAddress endpoint, uint16_t num_streams) {
    const std::string what =
        fmt::format("{}: {} streams of endpoint 0x{:02x}", name_, num_streams, endpoint.value);
    unsigned char address = endpoint.value;
    if (num_streams == 0) {
        return ResultOf(libusb_free_streams(handle_.get(), &address, 1), what);
    }
    const int num_allocated = libusb_alloc_streams(handle_.get(), num_streams, &address, 1);
    if (num_allocated >= 0 && num_allocated < num_streams) {
        libusb_free_streams(handle_.get(), &address, 1);
        return Refuse(BackendErrorCode::kNoResources,
                      fmt::format("{}: the host controller has {}", what, num_allocated));
    }
    return ResultOf(num_allocated, what);
}

int LibusbDevice::Submit(libusb_transfer *transfer) {
    return libusb_submit_transfer(transfer);
}

int LibusbDevice::Cancel(libusb_transfer *transfer) {
    return libusb_cancel_transfer(transfer);
}

std::byte *LibusbDevice::MapMemory([[maybe_unused]] size_t num_bytes) {
#if defined(__x86_64__)
    return reinterpret_cast<std::byte *>(libusb_dev_mem_alloc(handle_.get(), num_bytes));
#else
    // Where devices do not see the caches it is memory that no cache holds: to read it takes longer than the kernel's copy.
    return nullptr;
#endif
}

void LibusbDevice::UnmapMemory(std::byte *memory, size_t num_bytes) {
    libusb_dev_mem_free(handle_.get(), reinterpret_cast<unsigned char *>(memory), num_bytes);
}

void LibusbDevice::Wake() {
    libusb_interrupt_event_handler(context_->get());
}

}  // namespace opendext::backends
