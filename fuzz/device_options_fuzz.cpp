// SPDX-License-Identifier: Apache-2.0
// What --device may name: a model with options, or one line that says what would have been right.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "models/catalog.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t num_bytes) {
    const std::string_view text(reinterpret_cast<const char *>(data), num_bytes);
    const auto model = opendext::models::CreateModel(text);
    const auto usb = opendext::models::CreateUsbModel(text);
    const bool is_pci = model.has_value();
    if ((is_pci && usb.has_value()) || (!is_pci && model.error().empty()) ||
        (!usb.has_value() && usb.error().empty())) {
        std::abort();
    }
    return 0;
}
