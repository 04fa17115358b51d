// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/property_value.h"

namespace opendext::channel {

/// Reports of a service, for people to read: a line for each channel, and below it one for each of its states or buckets,
/// indented. Both arguments come from a driver: what does not make sense is left out, and the last line says so.
/// @param legend the property IOReportLegend: which names and units there are.
/// @param elements IOReportElements (DriverKit/IOReportTypes.h) one after another.
[[nodiscard]] std::vector<std::string> DescribeReports(const PropertyValue &legend,
                                                       std::span<const uint8_t> elements);

/// "us", "KiB", "events"... for an IOReportUnit; empty for none and for one that is not known.
[[nodiscard]] std::string ReportUnitName(uint64_t unit);

/// An id of IOREPORT_MAKEID as its characters, else as a number.
[[nodiscard]] std::string ReportIdName(uint64_t id);

}  // namespace opendext::channel
