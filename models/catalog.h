// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "backends/emulated/device_model.h"
#include "backends/emulated/usb_device_model.h"

namespace opendext::models {

/// What a model is plugged into.
enum class ModelBus : uint8_t { kPci, kUsb };

/// One line of the list of models.
struct ModelSummary {
    std::string_view name;
    ModelBus bus = ModelBus::kPci;
    std::string_view summary;
    std::string_view options;  ///< "ram-mib=128 (1 to 4096, a power of two): RAM of the card"
};

/// Every model that CreateModel and CreateUsbModel know.
[[nodiscard]] std::span<const ModelSummary> KnownModels();

// Models are named as `--device` names them: "fpga-dma" or "fpga-dma,ram-mib=64", with or without the prefix "model:".

/// Which of the two functions below makes the model. The error is one line that lists what there is.
[[nodiscard]] std::expected<ModelBus, std::string> FindModelBus(std::string_view specification);

/// Makes a PCI model. The error is one line that lists what would have been right.
[[nodiscard]] std::expected<std::unique_ptr<backends::PciDeviceModel>, std::string> CreateModel(
    std::string_view specification);

/// Makes a USB model. The error is one line that lists what would have been right.
[[nodiscard]] std::expected<std::unique_ptr<backends::UsbDeviceModel>, std::string> CreateUsbModel(
    std::string_view specification);

}  // namespace opendext::models
