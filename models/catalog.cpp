// SPDX-License-Identifier: Apache-2.0
#include "models/catalog.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <utility>

#include "models/fpga_dma/fpga_dma_model.h"
#include "models/model_options.h"
#include "models/usb_firmware/usb_firmware_model.h"
#include "models/usb_loopback/usb_loopback_model.h"

namespace opendext::models {
namespace {

using backends::PciDeviceModel;
using backends::UsbDeviceModel;
using backends::UsbSpeed;

constexpr uint64_t kMaxRamMib = 4096;
constexpr uint64_t kMaxFifoKib = 65536;
constexpr uint64_t kMaxPeriodMs = 60'000;
constexpr uint64_t kMaxRateKib = 1 << 30;
constexpr uint64_t kMaxUsbId = 0xFFFF;

constexpr std::array kModels = {
    ModelSummary{
        .name = "fpga-dma",
        .bus = ModelBus::kPci,
        .summary = "an FPGA card with registers, on-board RAM and a scatter-gather DMA engine",
        .options = "ram-mib=128 (1 to 4096, a power of two): RAM of the card"},
    ModelSummary{
        .name = "usb-loopback",
        .bus = ModelBus::kUsb,
        .summary = "a USB device with loopback, sink, source, ticks and frames, and every fault",
        .options = "speed=high (full, high or super); class=vendor (vendor or composite): of the "
                   "device; fifo-kib=64 (0 to 65536): what it keeps of looped-back data; "
                   "tick-ms=10 (0 to 60000; 0: only on request); vendor=0x1209, product=0x0001 and "
                   "bcd=0x0100: idVendor, idProduct and bcdDevice"},
    ModelSummary{.name = "usb-firmware",
                 .bus = ModelBus::kUsb,
                 .summary = "a USB device that needs a firmware download and re-enumerates with it",
                 .options =
                     "speed=high (full, high or super); rate-kib=0 (KiB per second that it takes; "
                     "0: no limit); heartbeat-ms=100 (1 to 60000)"},
};

/// The model that a specification names, and the options that follow its name.
struct Named {
    const ModelSummary *model = nullptr;
    std::string_view options;
};

std::expected<Named, std::string> FindNamed(std::string_view specification) {
    constexpr std::string_view kPrefix = "model:";
    if (specification.starts_with(kPrefix)) {
        specification.remove_prefix(kPrefix.size());
    }
    const std::string_view name = specification.substr(0, specification.find(','));
    const auto *const found = std::ranges::find(kModels, name, &ModelSummary::name);
    if (found != kModels.end()) {
        return Named{
            .model = &*found,
            .options = specification.substr(std::min(specification.size(), name.size() + 1))};
    }
    std::string known;
    for (const ModelSummary &model : kModels) {
        known +=
            fmt::format("{}model:{} ({})", known.empty() ? "" : ", ", model.name, model.summary);
    }
    return std::unexpected(
        fmt::format("there is no device model '{}'; use one of: {}", name, known));
}

/// As FindNamed, for one bus.
std::expected<Named, std::string> FindNamed(std::string_view specification, ModelBus bus) {
    auto named = FindNamed(specification);
    if (named && named->model->bus != bus) {
        return std::unexpected(
            fmt::format("model {} is a {} device, and a {} device is wanted here",
                        named->model->name, named->model->bus == ModelBus::kUsb ? "USB" : "PCI",
                        bus == ModelBus::kUsb ? "USB" : "PCI"));
    }
    return named;
}

UsbSpeed TakeSpeed(ModelOptions &options) {
    constexpr std::array kSpeeds = {UsbSpeed::kHigh, UsbSpeed::kFull, UsbSpeed::kSuper};
    return kSpeeds[options.TakeChoice("speed", {"high", "full", "super"})];
}

std::unique_ptr<PciDeviceModel> MakeFpgaDma(ModelOptions &options) {
    FpgaDmaOptions settings;
    settings.ram_bytes = options.TakePowerOfTwo("ram-mib", settings.ram_bytes >> 20, kMaxRamMib)
                         << 20;
    return std::make_unique<FpgaDmaModel>(settings);
}

std::unique_ptr<UsbDeviceModel> MakeUsbLoopback(ModelOptions &options) {
    UsbLoopbackOptions settings;
    settings.speed = TakeSpeed(options);
    settings.is_composite = options.TakeChoice("class", {"vendor", "composite"}) == 1;
    settings.fifo_bytes = options.TakeNumber("fifo-kib", settings.fifo_bytes >> 10, 0, kMaxFifoKib)
                          << 10;
    settings.tick_period_ms = static_cast<uint16_t>(
        options.TakeNumber("tick-ms", settings.tick_period_ms, 0, kMaxPeriodMs));
    settings.vendor =
        static_cast<uint16_t>(options.TakeNumber("vendor", settings.vendor, 1, kMaxUsbId));
    settings.product =
        static_cast<uint16_t>(options.TakeNumber("product", settings.product, 0, kMaxUsbId));
    settings.release =
        static_cast<uint16_t>(options.TakeNumber("bcd", settings.release, 0, kMaxUsbId));
    return std::make_unique<UsbLoopbackModel>(settings);
}

std::unique_ptr<UsbDeviceModel> MakeUsbFirmware(ModelOptions &options) {
    UsbFirmwareOptions settings;
    settings.speed = TakeSpeed(options);
    settings.rate_kib_per_s = static_cast<uint32_t>(
        options.TakeNumber("rate-kib", settings.rate_kib_per_s, 0, kMaxRateKib));
    settings.heartbeat_ms = static_cast<uint16_t>(
        options.TakeNumber("heartbeat-ms", settings.heartbeat_ms, 1, kMaxPeriodMs));
    return std::make_unique<UsbFirmwareModel>(settings);
}

/// `model`, unless the options have a mistake.
template <typename Model>
std::expected<std::unique_ptr<Model>, std::string> Finish(std::unique_ptr<Model> model,
                                                          ModelOptions &options) {
    if (auto mistake = options.FindMistake()) {
        return std::unexpected(std::move(*mistake));
    }
    return model;
}

}  // namespace

std::span<const ModelSummary> KnownModels() {
    return kModels;
}

std::expected<ModelBus, std::string> FindModelBus(std::string_view specification) {
    const auto named = FindNamed(specification);
    if (!named) {
        return std::unexpected(named.error());
    }
    return named->model->bus;
}

std::expected<std::unique_ptr<PciDeviceModel>, std::string> CreateModel(
    std::string_view specification) {
    const auto named = FindNamed(specification, ModelBus::kPci);
    if (!named) {
        return std::unexpected(named.error());
    }
    ModelOptions options(named->model->name, named->options, named->model->options);
    return Finish(MakeFpgaDma(options), options);
}

std::expected<std::unique_ptr<UsbDeviceModel>, std::string> CreateUsbModel(
    std::string_view specification) {
    const auto named = FindNamed(specification, ModelBus::kUsb);
    if (!named) {
        return std::unexpected(named.error());
    }
    ModelOptions options(named->model->name, named->options, named->model->options);
    auto model =
        named->model->name == "usb-loopback" ? MakeUsbLoopback(options) : MakeUsbFirmware(options);
    return Finish(std::move(model), options);
}

}  // namespace opendext::models
