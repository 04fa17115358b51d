// SPDX-License-Identifier: Apache-2.0
#include "models/catalog.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <utility>

#include "models/fpga_dma/fpga_dma_model.h"
#include "models/litepcie/litepcie_model.h"
#include "models/model_options.h"
#include "models/pci_endpoint/pci_endpoint_model.h"
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
constexpr uint64_t kMaxClassCode = 0xFFFFFF;
constexpr uint64_t kMaxRomKib = 16384;
constexpr uint64_t kMaxRateMib = 1 << 20;
constexpr uint64_t kMaxId = 0xFFFF;

constexpr std::array kModels = {
    ModelSummary{
        .name = "fpga-dma",
        .bus = ModelBus::kPci,
        .summary = "an FPGA card with registers, on-board RAM and a scatter-gather DMA engine",
        .options = "ram-mib=128 (1 to 4096, a power of two): RAM of the card"},
    ModelSummary{.name = "litepcie",
                 .bus = ModelBus::kPci,
                 .summary = "an FPGA board with a LiteX SoC and its LitePCIe core",
                 .options =
                     "vendor=0x10ee and device=0x7024; channels=1 (1 to 8): DMA channels; "
                     "address=32 (32 or 64): bits of a DMA address; rate-mib=1600 (MiB per second "
                     "each way; 0: no limit); dna=0x1c0ffee0ddba110; ctrl=0x1000, dna-base=0x1800, "
                     "identifier=0x3800, leds=0x4000, dma=0x4800, msi=0x5800, phy=0x6000 and "
                     "xadc=0x7000: where the board's csr.csv has the blocks"},
    ModelSummary{.name = "pci-endpoint",
                 .bus = ModelBus::kPci,
                 .summary = "a PCI function with the ids, BARs and capabilities that you say",
                 .options =
                     "vendor=0x1234, device=0x0e9d, subvendor=0x1234 and subdevice=0x0001; "
                     "class=0xff0000; revision=0; bar0 to bar5 (like bar0=16m/64p: k, m or g; then "
                     "32, 64, 32p, 64p or io); rom-kib=0 (0 to 16384); msi=1 (vectors: 0 to 32); "
                     "flr=yes (yes or no); speed=3 (1 to 5); width=8 (lanes: 1 to 32); serial=0"},
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

LitePcieBases TakeBases(ModelOptions &options, uint32_t num_channels) {
    LitePcieBases bases = LitePcieBases::For(num_channels);
    const auto take = [&](std::string_view name, uint32_t &base) {
        base = static_cast<uint32_t>(
            options.TakeNumber(name, base, 0, litepcie::kRegisterSpaceBytes - 4));
    };
    take("ctrl", bases.ctrl);
    take("dna-base", bases.dna);
    take("identifier", bases.identifier);
    take("leds", bases.leds);
    take("dma", bases.dma);
    take("msi", bases.msi);
    take("phy", bases.phy);
    take("xadc", bases.xadc);
    return bases;
}

std::unique_ptr<PciDeviceModel> MakeLitePcie(ModelOptions &options) {
    LitePcieOptions settings;
    settings.vendor_id =
        static_cast<uint16_t>(options.TakeNumber("vendor", settings.vendor_id, 1, kMaxId));
    settings.device_id =
        static_cast<uint16_t>(options.TakeNumber("device", settings.device_id, 0, kMaxId));
    settings.num_channels = static_cast<uint32_t>(
        options.TakeNumber("channels", settings.num_channels, 1, litepcie::kMaxChannels));
    settings.has_64bit_addresses = options.TakeChoice("address", {"32", "64"}) == 1;
    settings.bytes_per_second =
        options.TakeNumber("rate-mib", settings.bytes_per_second >> 20, 0, kMaxRateMib) << 20;
    settings.dna = options.TakeNumber("dna", settings.dna, 0, litepcie::kDnaMost);
    settings.bases = TakeBases(options, settings.num_channels);
    return std::make_unique<LitePcieModel>(settings);
}

std::optional<BarOption> TakeBar(ModelOptions &options, std::string_view name) {
    const auto text = options.Take(name);
    if (!text) {
        return std::nullopt;
    }
    const auto bar = ParseBarOption(*text);
    if (!bar) {
        options.Fail(name, *text, "a size and a kind of BAR", "16m/64p");
    }
    return bar;
}

void TakeLink(ModelOptions &options, PciEndpointOptions &settings) {
    constexpr std::array<uint8_t, 7> kWidths = {8, 1, 2, 4, 12, 16, 32};
    settings.link_speed =
        static_cast<uint8_t>(options.TakeNumber("speed", settings.link_speed, 1, 5));
    settings.link_width =
        kWidths.at(options.TakeChoice("width", {"8", "1", "2", "4", "12", "16", "32"}));
    settings.has_function_level_reset = options.TakeChoice("flr", {"yes", "no"}) == 0;
    settings.serial_number = options.TakeNumber("serial", 0, 0, ~0ULL);
    constexpr std::array<uint32_t, 7> kVectors = {1, 0, 2, 4, 8, 16, 32};
    settings.msi_vectors =
        kVectors.at(options.TakeChoice("msi", {"1", "0", "2", "4", "8", "16", "32"}));
}

std::unique_ptr<PciDeviceModel> MakePciEndpoint(ModelOptions &options) {
    PciEndpointOptions settings;
    const auto take_id = [&](std::string_view name, uint16_t &id, uint64_t least) {
        id = static_cast<uint16_t>(options.TakeNumber(name, id, least, kMaxId));
    };
    take_id("vendor", settings.vendor_id, 1);
    take_id("device", settings.device_id, 0);
    take_id("subvendor", settings.subsystem_vendor_id, 0);
    take_id("subdevice", settings.subsystem_id, 0);
    settings.class_code =
        static_cast<uint32_t>(options.TakeNumber("class", settings.class_code, 0, kMaxClassCode));
    settings.revision_id = static_cast<uint8_t>(options.TakeNumber("revision", 0, 0, 0xFF));
    constexpr std::array<std::string_view, kPciEndpointBars> kBarNames = {"bar0", "bar1", "bar2",
                                                                          "bar3", "bar4", "bar5"};
    for (size_t i = 0; i < kPciEndpointBars; ++i) {
        settings.bars.at(i) = TakeBar(options, kBarNames.at(i));
    }
    settings.rom_kib = static_cast<uint32_t>(options.TakeNumber("rom-kib", 0, 0, kMaxRomKib));
    TakeLink(options, settings);
    return std::make_unique<PciEndpointModel>(settings);
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
        static_cast<uint16_t>(options.TakeNumber("vendor", settings.vendor, 1, kMaxId));
    settings.product =
        static_cast<uint16_t>(options.TakeNumber("product", settings.product, 0, kMaxId));
    settings.release =
        static_cast<uint16_t>(options.TakeNumber("bcd", settings.release, 0, kMaxId));
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
    auto model = named->model->name == "litepcie"       ? MakeLitePcie(options)
                 : named->model->name == "pci-endpoint" ? MakePciEndpoint(options)
                                                        : MakeFpgaDma(options);
    return Finish(std::move(model), options);
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
