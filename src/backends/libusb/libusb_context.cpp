// SPDX-License-Identifier: Apache-2.0
#include "backends/libusb/libusb_context.h"

#include <fmt/format.h>

namespace opendext::backends {

std::expected<std::shared_ptr<LibusbContext>, std::string> LibusbContext::Create() {
    libusb_context *context = nullptr;
    const int error = libusb_init(&context);
    if (error != 0) {
        return std::unexpected(fmt::format(
            "libusb cannot be used here: {} (is /dev/bus/usb there?)", libusb_error_name(error)));
    }
    return std::shared_ptr<LibusbContext>(new LibusbContext(context));
}

}  // namespace opendext::backends
