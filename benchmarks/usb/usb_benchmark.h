// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <filesystem>
#include <string>

namespace opendext::bench {

/// Measures transfers from a driver to a USB device that is a model, in processes of their own; prints a table and writes
/// FOLDER/usb.json.
///
/// @param hardware_figures a file of JSON with vm_bulk_dext_MBps and vm_bulk_libusb_MBps, or empty: those are null then.
[[nodiscard]] std::expected<void, std::string> RunUsbBenchmark(
    const std::filesystem::path &folder, const std::filesystem::path &hardware_figures);

}  // namespace opendext::bench
