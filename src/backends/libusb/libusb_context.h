// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <memory>
#include <string>

#include <libusb.h>

namespace opendext::backends {

/// One use of libusb: devices opened by it are closed before it ends.
class LibusbContext {
public:
    /// @return why libusb cannot be used, in one line.
    [[nodiscard]] static std::expected<std::shared_ptr<LibusbContext>, std::string> Create();

    ~LibusbContext() { libusb_exit(context_); }
    LibusbContext(const LibusbContext &) = delete;
    LibusbContext &operator=(const LibusbContext &) = delete;

    [[nodiscard]] libusb_context *get() const { return context_; }

private:
    explicit LibusbContext(libusb_context *context) : context_(context) {}

    libusb_context *const context_;
};

}  // namespace opendext::backends
