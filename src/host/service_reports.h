// SPDX-License-Identifier: Apache-2.0
/// @file service_reports.h
/// What a service reports, for whoever asks the registry for it.
#pragma once

#include <cstdint>
#include <expected>
#include <vector>

class IOService;

namespace opendext::host {

/// Has the driver enable the channels, say how large their reports are, copy them, and disable the channels: on the
/// service's queues, and waits for it.
/// @param channels as of DextHostPort::ReadReports.
/// @return IOReportElements, or the driver's error; kIOReturnOverrun when it says that there are more than
///         kMostElements, or more than fit in what it has asked for.
[[nodiscard]] std::expected<std::vector<uint8_t>, int32_t> ReadReportsOf(
    IOService *service, const std::vector<uint64_t> &channels);

inline constexpr uint32_t kMostElements = 65536;

}  // namespace opendext::host
