// SPDX-License-Identifier: Apache-2.0
/// @file leak_report.h
/// What a driver leaves behind when it has ended.
#pragma once

#include <chrono>
#include <cstdint>

namespace opendext::host {

/// A thread that is not the driver's, an application's in embedded mode or the one that ran a timer, may be about to
/// release the last reference of what the driver had. It gets this long: what is leaked stays for ever.
inline constexpr std::chrono::milliseconds kReleasePatience{500};

/// All services of the driver whose code `image` is in have ended: reports the objects that it has made or retained and
/// that are left, by class and by the place where they were made, and the actions that hold one of them and are not
/// cancelled; but for what another thread releases within `patience`. Only objects after `first_sequence` and up to
/// `last_sequence` (object::CurrentSequence) count: others are of a driver that had the same image before, or has it now.
void ReportLeaks(const void *image, uint64_t first_sequence, uint64_t last_sequence,
                 std::chrono::milliseconds patience = kReleasePatience);

}  // namespace opendext::host
