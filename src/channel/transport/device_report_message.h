// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "channel/transport/bus_message.h"
#include "channel/wire/device_seam.h"

namespace opendext::channel {

/// A UsbDeviceReport as it travels: "tatasatatas".
struct DeviceReportWords {
    uint64_t id = 0;
    /// Speed, address, location; bcdUSB, idVendor, idProduct, bcdDevice; class, subclass, protocol; bMaxPacketSize0;
    /// the indexes of manufacturer, product and serial number.
    std::vector<uint64_t> device;
    std::vector<std::string> texts;        ///< Manufacturer, product, serial number.
    std::vector<uint64_t> configurations;  ///< Their values.
    /// Of each interface in turn: which configuration of the list it is in; number, alternate setting, class, subclass,
    /// protocol, endpoints, index of its name.
    std::vector<uint64_t> interfaces;
    std::vector<std::string> interface_names;  ///< Of each interface; empty: it has none.
};

[[nodiscard]] DeviceReportWords PackDeviceReport(const UsbDeviceReport &report);

/// The report, when the words make one: counts that fit, numbers within their fields, and no configuration, nor an
/// interface of one, that is 0 where it may not be or there twice.
[[nodiscard]] std::optional<UsbDeviceReport> UnpackDeviceReport(const DeviceReportWords &words);

void WriteDeviceReport(MessageWriter &writer, const UsbDeviceReport &report);

/// A report that makes no sense fails the reader.
[[nodiscard]] UsbDeviceReport ReadDeviceReport(MessageReader &reader);

/// A UsbInterfaceReport as it travels by itself: "ats". The words are those of DeviceReportWords::interfaces, from the
/// number on.
void WriteInterfaceReport(MessageWriter &writer, const UsbInterfaceReport &report);

/// A report that makes no sense fails the reader.
[[nodiscard]] UsbInterfaceReport ReadInterfaceReport(MessageReader &reader);

}  // namespace opendext::channel
